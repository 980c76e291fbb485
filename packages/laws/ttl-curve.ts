import type { ShadowCurve } from "@mestore/contract/shadow-curve";

/** One point of a curve that the law may use. */
export interface CurvePoint {
  readonly ttlSeconds: number;
  readonly hitRate: number;
}

/**
 * Grid steps (each a factor of two) from the TTL in force within which the curve is trusted.
 * Measured: 0.2 to 0.6 points off there once anchored, up to 5 elsewhere (docs/tuning.md, "TTL, per
 * cache class").
 */
export const trustedGridSteps = 3;

/** The points that are valid, finite and near enough to the TTL in force, made non-decreasing. */
export function trustedPoints(curve: ShadowCurve, ttlSeconds: number): readonly CurvePoint[] {
  let highest = 0;
  return curve.points
    .filter(
      (point) =>
        point.valid &&
        Number.isFinite(point.hitRate) &&
        Math.abs(Math.log2(point.ttlSeconds / ttlSeconds)) <= trustedGridSteps + 1e-9,
    )
    .sort((a, b) => a.ttlSeconds - b.ttlSeconds)
    .map(({ ttlSeconds: at, hitRate }) => {
      highest = Math.max(highest, hitRate);
      return { ttlSeconds: at, hitRate: highest };
    });
}

/** s(T), linear in ln T between its neighbours. Null outside the points. */
export function interpolateHitRate(
  points: readonly CurvePoint[],
  ttlSeconds: number,
): number | null {
  const above = points.findIndex((point) => point.ttlSeconds >= ttlSeconds);
  const upper = points[above];
  if (upper === undefined) return null;
  if (upper.ttlSeconds === ttlSeconds) return upper.hitRate;
  const lower = points[above - 1];
  if (lower === undefined) return null;
  const part =
    Math.log(ttlSeconds / lower.ttlSeconds) / Math.log(upper.ttlSeconds / lower.ttlSeconds);
  return lower.hitRate + part * (upper.hitRate - lower.hitRate);
}

/** The smallest T at which the points reach `hitRate`. Null: none does. */
export function smallestTtlReaching(points: readonly CurvePoint[], hitRate: number): number | null {
  const reaching = points.findIndex((point) => point.hitRate >= hitRate);
  const upper = points[reaching];
  if (upper === undefined) return null;
  const lower = points[reaching - 1];
  if (lower === undefined) return upper.ttlSeconds;
  const part = (hitRate - lower.hitRate) / (upper.hitRate - lower.hitRate);
  return lower.ttlSeconds * (upper.ttlSeconds / lower.ttlSeconds) ** part;
}
