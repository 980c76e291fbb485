/** Deterministic, uniform in [0, 1): Mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const hashOf = (key: number | string): number =>
  Bun.hash.xxHash32(`/api/v1/products/${key}`);

export interface Reference {
  readonly key: number;
  readonly seconds: number;
}

/** Poisson arrivals at `rate` a second on keys of Zipf's law. */
export function* createZipfTraffic(
  keys: number,
  exponent: number,
  rate: number,
  references: number,
) {
  const random = createRandom(7);
  const cumulative = new Float64Array(keys);
  let total = 0;
  for (let key = 0; key < keys; key++) cumulative[key] = total += (key + 1) ** -exponent;
  let seconds = 0;
  for (let i = 0; i < references; i++) {
    seconds -= Math.log(1 - random()) / rate;
    const drawn = random() * total;
    let low = 0;
    for (let high = keys - 1; low < high;) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < drawn) low = middle + 1;
      else high = middle;
    }
    yield { key: low, seconds } satisfies Reference;
  }
}
