import { describe, expect, test } from "bun:test";
import { readShadowCurve, shadowTtlLabels, shadowTtlsSeconds } from "./shadow-curve.ts";

const grid = (value: (ttlSeconds: number) => number) => shadowTtlsSeconds.map(value);

describe("shadow curve", () => {
  test("sixteen TTLs, a factor of two apart, and their labels read back as themselves", () => {
    expect(shadowTtlsSeconds).toHaveLength(16);
    expect([shadowTtlsSeconds.at(0), shadowTtlsSeconds.at(-1)]).toEqual([1, 32_768]);
    expect(shadowTtlLabels.map(Number)).toEqual([...shadowTtlsSeconds]);
  });

  test("a point is one less the share of misses, valid after twice its TTL", () => {
    const curve = readShadowCurve({
      lookups: 1000,
      sampled: 300,
      misses: grid((ttl) => 1000 / (1 + ttl)),
      stale: grid((ttl) => ttl / 100),
      observedSeconds: 16,
      seconds: 60,
    });
    expect(curve).toMatchObject({ lookups: 1000, sampled: 300, seconds: 60 });
    expect(curve.points[0]).toEqual({
      ttlSeconds: 1,
      hitRate: 0.5,
      staleRate: 0.00001,
      valid: true,
    });
    expect(curve.points.map(({ valid }) => valid).lastIndexOf(true)).toBe(3);
  });

  test("an estimate above the look-ups or below none stays within 0 and 1", () => {
    const curve = readShadowCurve({
      lookups: 10,
      sampled: 1,
      misses: grid((ttl) => (ttl === 1 ? 12 : -1)),
      stale: [],
      observedSeconds: 0,
      seconds: 1,
    });
    expect(curve.points.slice(0, 2).map(({ hitRate }) => hitRate)).toEqual([0, 1]);
    expect(curve.points.every(({ staleRate }) => staleRate === 0)).toBe(true);
  });

  test("of processes by themselves: a point of the grid is that of all at a P-th of its TTL", () => {
    const increases = {
      lookups: 1000,
      sampled: 300,
      misses: grid((ttl) => 1000 / (1 + ttl / 4)),
      stale: [],
      observedSeconds: 16,
      seconds: 60,
    };
    const curve = readShadowCurve({ ...increases, processes: 4 });
    expect(curve.points[3]).toMatchObject({ ttlSeconds: 2, valid: true });
    expect(curve.points[3]?.hitRate).toBeCloseTo(1 - 1 / 3, 12);
    expect(curve.points[4]?.valid).toBe(false);
    expect(curve.aloneProcesses).toBe(4);
    expect("aloneProcesses" in readShadowCurve(increases)).toBe(false);
  });

  test("without look-ups there is no curve", () => {
    const curve = readShadowCurve({
      lookups: 0,
      sampled: 0,
      misses: grid(() => 0),
      stale: grid(() => 0),
      observedSeconds: 1e6,
      seconds: 60,
    });
    expect(curve.points).toEqual([]);
  });
});
