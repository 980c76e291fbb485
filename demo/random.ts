/**
 * Deterministic randomness. Only integer arithmetic and the four operations that IEEE 754 rounds
 * exactly are used, never `Math.log`, `pow` or `exp`, whose last bit differs between platforms: the
 * same seed gives the same bytes on every machine.
 */

const golden = 0x9e3779b9;

/** A well-spread 32-bit key of two integers (the finaliser of MurmurHash3). */
export function mix(seed: number, value: number): number {
  let hash = (seed ^ Math.imul(value, golden)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The generator mulberry32: 32 bits of state, reseeded for every product. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Starts over with another seed. */
  reseed(seed: number): void {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  }

  /** Uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** True with probability `share`. */
  chance(share: number): boolean {
    return this.unit() < share;
  }

  /** A member of a list that must not be empty. */
  pick<T>(list: readonly T[]): T {
    const member = list[this.below(list.length)];
    if (member === undefined) throw new RangeError("pick from an empty list");
    return member;
  }
}

/**
 * Where `index` stands in a pseudo-random order of 0 … size-1: a bijection, computed without
 * holding the order in memory. Four Feistel rounds on the next even power of two, walked until the
 * result falls inside the range.
 */
export function permute(index: number, size: number, key: number): number {
  let halfBits = 1;
  while (4 ** halfBits < size) halfBits += 1;
  const mask = 2 ** halfBits - 1;
  let place = index;
  do {
    let left = (place >>> halfBits) & mask;
    let right = place & mask;
    for (let round = 0; round < 4; round += 1) {
      const next = left ^ (mix(key + round, right) & mask);
      left = right;
      right = next;
    }
    place = left * 2 ** halfBits + right;
  } while (place >= size);
  return place;
}
