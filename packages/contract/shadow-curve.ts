/**
 * The shadow curve of a cache class: for each TTL of a fixed grid, the hit rate that this traffic
 * would have had. The service estimates it from a hash sample of keys (SHARDS with a fixed sample
 * size: Waldspurger et al., FAST 2015) and exports counters; `readShadowCurve` turns their increases
 * over a window back into a curve.
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
}

/** s(T) = 1 - misses(T) / look-ups, kept within 0 and 1. */
export function readShadowCurve(increases: ShadowIncreases): ShadowCurve {
  const { lookups, sampled, seconds, observedSeconds } = increases;
  const share = (part: number | undefined) => Math.min(1, Math.max(0, (part ?? 0) / lookups));
  const points =
    lookups <= 0
      ? []
      : shadowTtlsSeconds.map((ttlSeconds, i) => ({
          ttlSeconds,
          hitRate: 1 - share(increases.misses[i]),
          staleRate: share(increases.stale[i]),
          valid: observedSeconds >= shadowValidTtls * ttlSeconds,
        }));
  return { lookups, sampled, seconds, points };
}
