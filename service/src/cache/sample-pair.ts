import {
  shadowRenewSeconds,
  shadowRenewTtls,
  shadowTtlsSeconds,
  shadowValidTtls,
} from "@mestore/contract/shadow-curve";
import { hashRange, ShadowSample, type ShadowTotals } from "./shadow-sample.ts";

/** Sizes other than the contract's are for tests of the sampling itself. */
export interface SampleSizes {
  readonly sampleKeys: number;
  readonly ttlsSeconds: readonly number[];
}

/** `start`: a fresh sample begins beside the one in use; `swap`: it takes over. */
export type Renewal = "start" | "swap";

/**
 * The sample in use and, from time to time, the one that will replace it: keys that were looked up
 * once and never again would fill a sample in time.
 */
export class SamplePair {
  readonly #sizes: SampleSizes;
  inUse: ShadowSample;
  /** Observes beside the one in use, without counting. */
  next: ShadowSample | null = null;

  constructor(startedSeconds: number, sizes: SampleSizes) {
    this.#sizes = sizes;
    this.inUse = new ShadowSample(startedSeconds, sizes.sampleKeys, sizes.ttlsSeconds);
  }

  /** Hashes below it are in one of the samples, or would be. */
  get threshold(): number {
    return Math.max(this.inUse.threshold, this.next?.threshold ?? 0);
  }

  reference(hash: number, bytes: number, nowSeconds: number, totals: ShadowTotals | null): void {
    this.inUse.reference(hash, bytes, nowSeconds, totals);
    if (this.next !== null) this.next.reference(hash, bytes, nowSeconds, null);
  }

  noteChange(hash: number, nowSeconds: number): void {
    this.inUse.noteChange(hash, nowSeconds);
    this.next?.noteChange(hash, nowSeconds);
  }

  lowerTo(threshold: number): void {
    this.inUse.lowerTo(threshold);
    this.next?.lowerTo(threshold);
  }

  /** What is due at a TTL in force; null: nothing. */
  decideRenewal(nowSeconds: number, ttlSeconds: number): Renewal | null {
    if (this.next === null)
      return nowSeconds - this.inUse.startedSeconds >= decideRenewSeconds(ttlSeconds)
        ? "start"
        : null;
    const observedSeconds = nowSeconds - this.next.startedSeconds;
    return observedSeconds >= decideValidSeconds(ttlSeconds, this.#sizes.ttlsSeconds)
      ? "swap"
      : null;
  }

  /** @param threshold the new sample's first. Default: all keys, until it is full. */
  start(nowSeconds: number, threshold = hashRange): void {
    const { sampleKeys, ttlsSeconds } = this.#sizes;
    this.next = new ShadowSample(nowSeconds, sampleKeys, ttlsSeconds, threshold);
  }

  swap(): void {
    if (this.next === null) return;
    this.inUse = this.next;
    this.next = null;
  }
}

/** A sample is this old when the next one starts beside it. */
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
