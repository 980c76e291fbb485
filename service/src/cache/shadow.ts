import { shadowSampleKeys, shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import { SamplePair, type SampleSizes } from "./sample-pair.ts";
import { createShadowTotals, type ShadowTotals } from "./shadow-sample.ts";

/**
 * The shadow curve of one class: what the hit rate would have been at each TTL of the grid, as
 * counters. Time is passed in, in seconds of any clock that does not go back.
 */
export interface Shadow {
  readonly totals: Readonly<ShadowTotals>;
  /** One look-up that a long enough TTL could have made a hit. `hash` has 32 bits, unsigned. */
  reference(hash: number, bytes: number, nowSeconds: number): void;
  /** One look-up that misses at every TTL: what it loaded is not kept by the TTL. */
  missAtEveryTtl(): void;
  /** The content of a key was just seen to have changed. */
  noteChange(hash: number, nowSeconds: number): void;
  /** Starts and swaps samples. To be called every few seconds, before the figures are read. */
  renew(nowSeconds: number, ttlSeconds: number): void;
  /** `fleet`: the sample follows every process on the shared layer, and `totals` are this one's share. */
  scope(): ShadowScope;
  /** How long the sample in use has observed. */
  observedSeconds(nowSeconds: number): number;
  residentBytes(nowSeconds: number): Float64Array;
}

export type ShadowScope = "fleet" | "alone";

export const contractSizes: SampleSizes = {
  sampleKeys: shadowSampleKeys,
  ttlsSeconds: shadowTtlsSeconds,
};

/** The curve of a process that is a cache of its own. */
export function createShadow(startedSeconds: number, sizes: SampleSizes = contractSizes): Shadow {
  const totals = createShadowTotals(sizes.ttlsSeconds.length);
  const samples = new SamplePair(startedSeconds, sizes);
  return {
    totals,
    reference(hash, bytes, nowSeconds) {
      totals.lookups++;
      samples.reference(hash, bytes, nowSeconds, totals);
    },
    missAtEveryTtl() {
      totals.lookups++;
      addMisses(totals, 1);
    },
    noteChange: (hash, nowSeconds) => samples.noteChange(hash, nowSeconds),
    renew(nowSeconds, ttlSeconds) {
      // A swap may be followed by the next start at once.
      for (let i = 0; i < 2; i++) {
        const due = samples.decideRenewal(nowSeconds, ttlSeconds);
        if (due === "swap") samples.swap();
        else if (due === "start") samples.start(nowSeconds);
      }
    },
    scope: () => "alone",
    observedSeconds: (nowSeconds) => nowSeconds - samples.inUse.startedSeconds,
    residentBytes: (nowSeconds) => samples.inUse.residentBytes(nowSeconds),
  };
}

/** `count` look-ups that miss at every TTL. */
export function addMisses(totals: ShadowTotals, count: number): void {
  for (let i = 0; i < totals.misses.length; i++) totals.misses[i] = (totals.misses[i] ?? 0) + count;
}
