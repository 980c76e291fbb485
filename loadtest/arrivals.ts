import type { Random } from "./random.ts";

const millisecondsPerSecond = 1000;

/**
 * The times of a Poisson process, in milliseconds after its start: gaps are exponential with the
 * mean 1 / rate. Each call gives the next, whatever became of the ones before, so that a slow server
 * cannot slow its own load.
 */
export function createArrivals(ratePerSecond: number, random: Random): () => number {
  if (!(ratePerSecond > 0)) throw new RangeError(`rate ${ratePerSecond} is not above 0`);
  const meanGapMs = millisecondsPerSecond / ratePerSecond;
  let atMs = 0;
  return () => {
    atMs += -Math.log1p(-random()) * meanGapMs;
    return atMs;
  };
}
