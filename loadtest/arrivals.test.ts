import { describe, expect, test } from "bun:test";
import { createArrivals } from "./arrivals.ts";
import { createRandom } from "./random.ts";

describe("arrivals", () => {
  test("gaps have the mean and the deviation of an exponential law", () => {
    const next = createArrivals(400, createRandom(5));
    const gaps: number[] = [];
    let lastMs = 0;
    for (let i = 0; i < 100_000; i += 1) {
      const atMs = next();
      gaps.push(atMs - lastMs);
      lastMs = atMs;
    }
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length);
    expect(mean).toBeCloseTo(2.5, 1);
    expect(deviation).toBeCloseTo(2.5, 1);
    expect(Math.min(...gaps.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
    // P(gap > 3 means) = e^-3.
    expect(gaps.filter((gap) => gap > 7.5).length / gaps.length).toBeCloseTo(Math.exp(-3), 2);
  });

  test("a second holds as many as the rate, with a Poisson deviation", () => {
    const next = createArrivals(400, createRandom(6));
    const perSecond = new Float64Array(500);
    for (let atMs = next(); atMs < 500_000; atMs = next()) {
      const second = Math.floor(atMs / 1000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    const mean = perSecond.reduce((a, b) => a + b, 0) / perSecond.length;
    const variance = perSecond.reduce((a, b) => a + (b - mean) ** 2, 0) / perSecond.length;
    expect(Math.abs(mean - 400)).toBeLessThan(5);
    expect(variance / mean).toBeGreaterThan(0.7);
    expect(variance / mean).toBeLessThan(1.3);
  });

  test("a rate of nothing is refused", () => {
    expect(() => createArrivals(0, () => 0.5)).toThrow(RangeError);
    expect(() => createArrivals(Number.NaN, () => 0.5)).toThrow(RangeError);
  });
});
