import { describe, expect, test } from "bun:test";
import { createRandom } from "./random.ts";
import { createZipf, zipfCumulative } from "./zipf.ts";

const draws = 200_000;

function countRanks(size: number, exponent: number, seed: number): Float64Array {
  const draw = createZipf(size, exponent, createRandom(seed));
  const counts = new Float64Array(size);
  for (let i = 0; i < draws; i += 1) {
    const rank = draw();
    counts[rank] = (counts[rank] ?? Number.NaN) + 1;
  }
  return counts;
}

describe("zipf", () => {
  test.each([
    [5000, 1],
    [300, 0.7],
    [50, 1.4],
    [7, 0],
  ])("%i keys with exponent %d are drawn as often as the law says", (size, exponent) => {
    const counts = countRanks(size, exponent, 11);
    const weights = Array.from({ length: size }, (_, rank) => (rank + 1) ** -exponent);
    const sum = weights.reduce((a, b) => a + b, 0);
    for (const rank of [0, 1, Math.min(9, size - 1), size - 1]) {
      const expected = (draws * (weights[rank] ?? 0)) / sum;
      // Five standard deviations of a Poisson count.
      expect(Math.abs((counts[rank] ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected) + 1);
    }
    // Chi-squared over all ranks: mean size - 1, deviation sqrt(2 (size - 1)).
    const chiSquared = weights.reduce((total, weight, rank) => {
      const expected = (draws * weight) / sum;
      return total + ((counts[rank] ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect(chiSquared).toBeLessThan(size - 1 + 5 * Math.sqrt(2 * (size - 1)));
  });

  test("a seed repeats its draws and another seed does not", () => {
    const first = countRanks(100, 1, 3);
    expect(countRanks(100, 1, 3)).toEqual(first);
    expect(countRanks(100, 1, 4)).not.toEqual(first);
  });

  test("both ends of the uniform draw fall on a rank", () => {
    expect(createZipf(10, 1, () => 0)()).toBe(0);
    expect(createZipf(10, 1, () => 1 - 2 ** -53)()).toBe(9);
    expect(createZipf(1, 1, () => 0.5)()).toBe(0);
  });

  test("the cumulative distribution ends at 1", () => {
    expect(zipfCumulative(5000, 1).at(-1)).toBe(1);
  });

  test("a size that is no count is refused", () => {
    expect(() => createZipf(0, 1, () => 0)).toThrow(RangeError);
    expect(() => createZipf(1.5, 1, () => 0)).toThrow(RangeError);
  });
});
