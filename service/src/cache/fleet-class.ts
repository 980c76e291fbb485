import type { ClassSection, RenewalOrder } from "./fleet-batch.ts";
import { type FleetState, startOf } from "./fleet-state.ts";
import {
  isChange,
  readBytes,
  readOffsetMs,
  ReferenceBuffer,
  type SealedReferences,
} from "./reference-buffer.ts";
import { type Renewal, SamplePair } from "./sample-pair.ts";
import { createShadowTotals, type ShadowTotals } from "./shadow-sample.ts";
import { addMisses, contractSizes, type Shadow, type ShadowScope } from "./shadow.ts";

/** How the process stands to the fleet, for all classes alike. */
export interface FleetStanding {
  scope(): ShadowScope;
  /** As last known; null before it was ever known. */
  state(): FleetState | null;
}

/**
 * The shadow of one class in a fleet. The request path only notes references. Once a second they go
 * to the fleet and, beside that, into a sample of this process alone, which counts while the fleet is
 * away. Each look-up counts once, in the one or the other, or in neither.
 */
export class ClassShadow implements Shadow {
  readonly cacheClass: string;
  readonly totals: ShadowTotals;
  readonly #standing: FleetStanding;
  readonly #buffer: ReferenceBuffer;
  readonly #alone: SamplePair;
  /** Null until it is told, and no sample is renewed before that. */
  #ttlSeconds: number | null = null;
  /** When the newest sample began, that the buffer's threshold is of. */
  #newestSampleMs = 0;

  /** @param startMs monotonic, of the batch that its references will be in. */
  constructor(cacheClass: string, startMs: number, nowMs: number, standing: FleetStanding) {
    this.cacheClass = cacheClass;
    this.#standing = standing;
    this.#buffer = new ReferenceBuffer(startMs);
    this.#alone = new SamplePair(nowMs / 1000, contractSizes);
    this.totals = createShadowTotals(contractSizes.ttlsSeconds.length);
    this.#renewThreshold();
  }

  reference(hash: number, bytes: number, nowSeconds: number): void {
    this.#buffer.reference(hash, bytes, nowSeconds * 1000);
  }

  missAtEveryTtl(): void {
    this.#buffer.missAtEveryTtl();
  }

  noteChange(hash: number, nowSeconds: number): void {
    this.#buffer.noteChange(hash, nowSeconds * 1000);
  }

  /** Samples are renewed when batches are sealed, by the time of the fleet. */
  renew(_nowSeconds: number, ttlSeconds: number): void {
    this.#ttlSeconds = ttlSeconds;
  }

  scope(): ShadowScope {
    return this.#standing.scope();
  }

  observedSeconds(nowSeconds: number): number {
    if (this.scope() === "alone") return nowSeconds - this.#alone.inUse.startedSeconds;
    const sample = this.#fleetSamples?.inUse;
    return sample === undefined ? 0 : this.#fleetSeconds - sample.startedSeconds;
  }

  residentBytes(nowSeconds: number): Float64Array {
    if (this.scope() === "alone") return this.#alone.inUse.residentBytes(nowSeconds);
    return (
      this.#fleetSamples?.inUse.residentBytes(this.#fleetSeconds) ??
      new Float64Array(contractSizes.ttlsSeconds.length)
    );
  }

  /** Ends the batch that began at `startMs` (monotonic). Null: there is nothing to tell of this class. */
  seal(startMs: number, nowMs: number): ClassSection | null {
    const sealed = this.#buffer.seal(nowMs);
    if (sealed !== null) this.#foldAlone(sealed, startMs);
    const due = this.#decideRenewal(this.#alone, nowMs / 1000);
    if (due === "swap") this.#alone.swap();
    else if (due === "start") this.#alone.start(nowMs / 1000);

    const renewal = this.#orderRenewal();
    const section =
      sealed === null && renewal === null
        ? null
        : {
            cacheClass: this.cacheClass,
            lookups: sealed?.lookups ?? 0,
            unkept: sealed?.unkept ?? 0,
            threshold: sealed?.threshold ?? this.#buffer.threshold,
            newestSampleMs: this.#newestSampleMs,
            renewal,
            words: sealed?.words ?? new Uint32Array(),
          };
    this.#renewThreshold();
    return section;
  }

  /** Follows a threshold that fell since the batch began. */
  lowerThreshold(): void {
    this.#buffer.threshold = Math.min(this.#buffer.threshold, this.#threshold());
  }

  #foldAlone({ lookups, unkept, threshold, words }: SealedReferences, startMs: number): void {
    const samples = this.#alone;
    const totals = this.scope() === "alone" ? this.totals : null;
    samples.lowerTo(threshold);
    if (totals !== null) {
      totals.lookups += lookups + unkept;
      addMisses(totals, unkept);
    }
    for (let i = 0; i < words.length; i += 2) {
      const hash = words[i] ?? 0;
      const word = words[i + 1] ?? 0;
      const seconds = (startMs + readOffsetMs(word)) / 1000;
      if (isChange(word)) samples.noteChange(hash, seconds);
      else samples.reference(hash, readBytes(word), seconds, totals);
    }
  }

  #orderRenewal(): RenewalOrder | null {
    const samples = this.#fleetSamples;
    if (samples === null || this.scope() === "alone") return null;
    const kind = this.#decideRenewal(samples, this.#fleetSeconds);
    if (kind === null) return null;
    return { kind, sampleMs: startOf(samples.next ?? samples.inUse) };
  }

  #decideRenewal(samples: SamplePair, nowSeconds: number): Renewal | null {
    return this.#ttlSeconds === null ? null : samples.decideRenewal(nowSeconds, this.#ttlSeconds);
  }

  #renewThreshold(): void {
    const samples = this.scope() === "fleet" ? this.#fleetSamples : null;
    this.#newestSampleMs = samples === null ? 0 : startOf(samples.next ?? samples.inUse);
    this.#buffer.threshold = this.#threshold();
  }

  #threshold(): number {
    return this.scope() === "fleet"
      ? (this.#standing.state()?.thresholdOf(this.cacheClass) ?? this.#alone.threshold)
      : this.#alone.threshold;
  }

  get #fleetSamples(): SamplePair | null {
    return this.#standing.state()?.classes.get(this.cacheClass)?.samples ?? null;
  }

  get #fleetSeconds(): number {
    return (this.#standing.state()?.newestMs ?? 0) / 1000;
  }
}
