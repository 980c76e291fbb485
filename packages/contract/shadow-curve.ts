/**
 * The shadow curve of a cache class: for each TTL of a fixed grid, the hit rate that this traffic
 * would have had. The service estimates it from a hash sample of keys (SHARDS with a fixed sample
 * size: Waldspurger et al., FAST 2015) and exports counters; `readShadowCurve` turns their increases
 * over a window back into a curve. Processes that share a cache share the sample too, and each counts
 * what its own look-ups came to, so that the sums of their counters are the curve of all.
 */

/** Sixteen TTLs in seconds, a factor of two apart: 1 s to 9.1 h. */
export const shadowTtlsSeconds: readonly number[] = Array.from({ length: 16 }, (_, i) => 2 ** i);

/** The same as the values of the label `ttl_seconds`. */
export const shadowTtlLabels: readonly string[] = shadowTtlsSeconds.map(String);

/** Keys in the sample of a class. */
export const shadowSampleKeys = 2048;

/** The least interval at which a fresh sample starts beside the old one, in seconds. */
export const shadowRenewSeconds = 3600;

/** A sample is renewed every max(`shadowRenewSeconds`, this times the TTL in force). */
export const shadowRenewTtls = 4;

/** A point at TTL T is valid once its sample has observed this many T. */
export const shadowValidTtls = 2;

export interface ShadowPoint {
  readonly ttlSeconds: number;
  /** Estimated hit rate at this TTL, 0 to 1. */
  readonly hitRate: number;
  /** Estimated share of look-ups that would serve changed content at this TTL, 0 to 1. */
  readonly staleRate: number;
  /** Whether the sample has observed long enough to know. */
  readonly valid: boolean;
}

export interface ShadowCurve {
  /** All look-ups in the window. */
  readonly lookups: number;
  /** Those whose key was in the sample. */
  readonly sampled: number;
  /** Length of the window in seconds. */
  readonly seconds: number;
  /** In the order of the grid. Empty when there was no look-up. */
  readonly points: readonly ShadowPoint[];
  /**
   * Given where each of so many processes (2 or more) counted by itself, as if it had the cache alone.
   * On real traffic such a curve lies some points low, so that it serves only where it is anchored
   * (docs/tuning.md, "TTL, per cache class").
   */
  readonly aloneProcesses?: number;
}

/** Increases of the counters of one class over a window, in the order of the grid. */
export interface ShadowIncreases {
  readonly lookups: number;
  readonly sampled: number;
  readonly misses: readonly number[];
  readonly stale: readonly number[];
  /** Latest value of the gauge of observed seconds. */
  readonly observedSeconds: number;
  readonly seconds: number;
  /**
   * Processes that share the cache while each counts by itself. Default 1: the counters are of the
   * whole cache.
   */
  readonly processes?: number;
}

/**
 * s(T) = 1 - misses(T) / look-ups, kept within 0 and 1. A process that sees one P-th of the look-ups
 * meets a key P times as seldom: with Poisson arrivals the curve of all at T is its own at P x T, so
 * a point of the grid becomes the point at a P-th of its TTL.
 */
export function readShadowCurve(increases: ShadowIncreases): ShadowCurve {
  const { lookups, sampled, seconds, observedSeconds, processes = 1 } = increases;
  const share = (part: number | undefined) => Math.min(1, Math.max(0, (part ?? 0) / lookups));
  const points =
    lookups <= 0
      ? []
      : shadowTtlsSeconds.map((ttlSeconds, i) => ({
          ttlSeconds: ttlSeconds / processes,
          hitRate: 1 - share(increases.misses[i]),
          staleRate: share(increases.stale[i]),
          valid: observedSeconds >= shadowValidTtls * ttlSeconds,
        }));
  return { lookups, sampled, seconds, points, ...(processes > 1 && { aloneProcesses: processes }) };
}
