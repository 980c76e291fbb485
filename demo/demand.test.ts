import { expect, test } from "bun:test";
import { decidePopularity, decideRating, popularityOfFirst } from "./demand.ts";
import { Random } from "./random.ts";

test("popularity falls as the rank grows", () => {
  expect(decidePopularity(1)).toBe(popularityOfFirst);
  expect(decidePopularity(10)).toBe(popularityOfFirst / 10);
  expect(decidePopularity(popularityOfFirst + 1)).toBe(0);
});

test("a mean of whole stars: one rating is a whole number, two give halves", () => {
  const random = new Random(3);
  for (let draw = 0; draw < 5000; draw += 1) {
    const { averageHundredths, count } = decideRating(20, 0.5, random);
    if (count === 0) expect(averageHundredths).toBe(0);
    else {
      const stars = (averageHundredths * count) / 100;
      expect(Math.abs(stars - Math.round(stars))).toBeLessThanOrEqual(count / 200 + 1e-9);
      expect(averageHundredths).toBeGreaterThanOrEqual(100);
      expect(averageHundredths).toBeLessThanOrEqual(500);
    }
  }
});
