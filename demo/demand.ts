import type { Random } from "./random.ts";

/** Popularity and rating figures. */

/** Popularity of the best seller; the product of rank r has this divided by r (Zipf, exponent 1). */
export const popularityOfFirst = 100_000;

/** Popularity of the product of `rank`, counted from 1. */
export function decidePopularity(rank: number): number {
  return Math.floor(popularityOfFirst / rank);
}

export interface Rating {
  /** Mean of whole stars 1 … 5 in hundredths, 0 without ratings. */
  readonly averageHundredths: number;
  readonly count: number;
}

/**
 * Ratings that go with a product's demand: what sells more is rated more often and a little better,
 * and one product in 25 disappoints. `standing` is 1 for the best seller and 0 for the last.
 */
export function decideRating(popularity: number, standing: number, random: Random): Rating {
  const share = 0.02 + 0.08 * random.unit();
  const count = Math.floor(popularity * share + random.unit() * 16 * standing);
  const temper = (random.unit() + random.unit()) / 2;
  const disappoints = random.chance(0.04);
  if (count === 0) return { averageHundredths: 0, count: 0 };
  const mean = disappoints ? 2.2 + 1.2 * temper : 3.5 + 0.5 * standing + 0.9 * temper;
  const stars = Math.min(5 * count, Math.max(count, Math.round(mean * count)));
  return { averageHundredths: Math.round((stars * 100) / count), count };
}
