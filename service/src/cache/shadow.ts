import {
  shadowRenewSeconds,
  shadowRenewTtls,
  shadowSampleKeys,
  shadowTtlsSeconds,
  shadowValidTtls,
} from "@mestore/contract/shadow-curve";
import { ShadowSample, type ShadowTotals } from "./shadow-sample.ts";

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
  /** How long the sample in use has observed. */
  observedSeconds(nowSeconds: number): number;
  residentBytes(nowSeconds: number): Float64Array;
}

/** Sizes other than the contract's are for tests of the sampling itself. */
export interface ShadowSizes {
  readonly sampleKeys: number;
  readonly ttlsSeconds: readonly number[];
}

export function createShadow(
  startedSeconds: number,
  sizes: ShadowSizes = { sampleKeys: shadowSampleKeys, ttlsSeconds: shadowTtlsSeconds },
): Shadow {
  const { sampleKeys, ttlsSeconds } = sizes;
  const totals: ShadowTotals = {
    lookups: 0,
    sampled: 0,
    misses: new Float64Array(ttlsSeconds.length),
    stale: new Float64Array(ttlsSeconds.length),
  };
  let inUse = new ShadowSample(startedSeconds, sampleKeys, ttlsSeconds);
  /** Observes beside the one in use, without counting. */
  let next: ShadowSample | null = null;

  return {
    totals,
    reference(hash, bytes, nowSeconds) {
      totals.lookups++;
      inUse.reference(hash, bytes, nowSeconds, totals);
      if (next !== null) next.reference(hash, bytes, nowSeconds, null);
    },
    missAtEveryTtl() {
      totals.lookups++;
      for (let i = 0; i < totals.misses.length; i++) totals.misses[i] = (totals.misses[i] ?? 0) + 1;
    },
    noteChange(hash, nowSeconds) {
      inUse.noteChange(hash, nowSeconds);
      next?.noteChange(hash, nowSeconds);
    },
    renew(nowSeconds, ttlSeconds) {
      if (next !== null) {
        if (nowSeconds - next.startedSeconds < decideValidSeconds(ttlSeconds, ttlsSeconds)) return;
        inUse = next;
        next = null;
      }
      if (nowSeconds - inUse.startedSeconds >= decideRenewSeconds(ttlSeconds))
        next = new ShadowSample(nowSeconds, sampleKeys, ttlsSeconds);
    },
    observedSeconds: (nowSeconds) => nowSeconds - inUse.startedSeconds,
    residentBytes: (nowSeconds) => inUse.residentBytes(nowSeconds),
  };
}

/** A sample is this old when the next one starts beside it, since keys seen once would fill it in time. */
function decideRenewSeconds(ttlSeconds: number): number {
  return Math.max(shadowRenewSeconds, shadowRenewTtls * ttlSeconds);
}

/** The TTL law moves by at most this factor at once, and trusts the curve within this one (docs/tuning.md, TTL). */
const longestMove = 2;
const trustedRange = 8;

/**
 * A sample has observed enough to take over once the points that the law may need are valid: the
 * grid point at or above the longest move from the TTL in force, always, as the law interpolates up
 * to it; and the whole range in which it trusts the curve as far as one renewal interval reaches,
 * lest the curve of a class with a short TTL lose points at every swap.
 */
export function decideValidSeconds(
  ttlSeconds: number,
  ttlsSeconds: readonly number[] = shadowTtlsSeconds,
): number {
  const needed =
    ttlsSeconds.find((point) => point >= longestMove * ttlSeconds) ?? ttlsSeconds.at(-1) ?? 0;
  return Math.max(
    shadowValidTtls * needed,
    Math.min(shadowValidTtls * trustedRange * ttlSeconds, decideRenewSeconds(ttlSeconds)),
  );
}
