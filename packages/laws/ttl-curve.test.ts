import { expect, test } from "bun:test";
import type { ShadowCurve } from "@mestore/contract/shadow-curve";
import { interpolateHitRate, smallestTtlReaching, trustedPoints } from "./ttl-curve.ts";

const curveOf = (points: readonly (readonly [number, number, boolean?])[]): ShadowCurve => ({
  lookups: 10_000,
  sampled: 5000,
  seconds: 100,
  points: points.map(([ttlSeconds, hitRate, valid = true]) => ({
    ttlSeconds,
    hitRate,
    staleRate: 0,
    valid,
  })),
});

test("only valid points within three grid steps of the TTL in force are trusted", () => {
  const curve = curveOf([
    [1, 0.4],
    [2, 0.5],
    [16, 0.7],
    [128, 0.9],
    [256, 0.95],
    [64, 0.85, false],
  ]);
  expect(trustedPoints(curve, 16).map((point) => point.ttlSeconds)).toEqual([2, 16, 128]);
});

test("a point below its neighbour is raised to it, and a NaN is no point", () => {
  const points = trustedPoints(
    curveOf([
      [4, 0.6],
      [8, 0.58],
      [16, Number.NaN],
      [32, 0.7],
    ]),
    8,
  );
  expect(points.map((point) => point.hitRate)).toEqual([0.6, 0.6, 0.7]);
});

test("between points s is linear in ln T, outside it is unknown", () => {
  const points = trustedPoints(
    curveOf([
      [4, 0.6],
      [16, 0.8],
    ]),
    8,
  );
  expect(interpolateHitRate(points, 8)).toBeCloseTo(0.7, 12);
  expect(interpolateHitRate(points, 4)).toBe(0.6);
  expect(interpolateHitRate(points, 3.9)).toBeNull();
  expect(interpolateHitRate(points, 17)).toBeNull();
  expect(interpolateHitRate([], 8)).toBeNull();
});

test("the smallest TTL that reaches a rate is the inverse of the interpolation", () => {
  const points = trustedPoints(
    curveOf([
      [4, 0.6],
      [8, 0.6],
      [16, 0.8],
    ]),
    8,
  );
  expect(smallestTtlReaching(points, 0.7)).toBeCloseTo(8 * Math.SQRT2, 9);
  expect(smallestTtlReaching(points, 0.5)).toBe(4);
  expect(smallestTtlReaching(points, 0.81)).toBeNull();
});
