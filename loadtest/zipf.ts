import type { Random } from "./random.ts";

/**
 * Draws ranks 0 … size - 1 where rank r has probability (r + 1)^-exponent / H: the popularity law of
 * catalogues (Breslau et al., "Web caching and Zipf-like distributions", INFOCOM 1999). Exact: each
 * draw inverts the cumulative distribution by binary search, in about log2(size) steps.
 */
export function createZipf(size: number, exponent: number, random: Random): () => number {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`size ${size} is no count`);
  const cumulative = zipfCumulative(size, exponent);
  return () => {
    const uniform = random();
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? 1) > uniform) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** P(rank <= r) for each rank; the last is 1. */
export function zipfCumulative(size: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank += 1) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  for (let rank = 0; rank < size; rank += 1) cumulative[rank] = (cumulative[rank] ?? 0) / sum;
  return cumulative;
}
