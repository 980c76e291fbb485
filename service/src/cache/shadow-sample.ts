/**
 * A sample of the keys of one class, of fixed size, with what caches of different TTLs would hold of
 * each key (SHARDS with a fixed sample size: Waldspurger et al., FAST 2015). A key is in the sample
 * if its hash is below a threshold; when the sample is full the largest hash leaves it and becomes
 * the threshold, so that what stays is always a fair sample of all keys, at the rate threshold / 2^32.
 */

/** Counts of caches, one for each TTL of the grid. They only grow. */
export interface ShadowTotals {
  /** All look-ups. */
  lookups: number;
  /** Those whose key was in the sample. */
  sampled: number;
  /** Estimated look-ups that would have missed. */
  readonly misses: Float64Array;
  /** Estimated hits on content that had changed since it was loaded. */
  readonly stale: Float64Array;
}

/** A threshold that every hash is below: all keys are sampled. */
export const hashRange = 2 ** 32;

export function createShadowTotals(columns: number): ShadowTotals {
  return {
    lookups: 0,
    sampled: 0,
    misses: new Float64Array(columns),
    stale: new Float64Array(columns),
  };
}

/** Packed age for "never", and for what lies further back than 32 bits of ms, 49 days. */
const never = 0xffffffff;

/** Words of a packed key before those of its TTLs: hash, bytes, age of its last change. */
const packedHeader = 3;

export class ShadowSample {
  readonly startedSeconds: number;
  readonly #ttlsSeconds: Float64Array;
  readonly #capacity: number;
  readonly #slots = new Map<number, number>();
  /** The hash of each slot. */
  readonly #hashes: Uint32Array;
  /** Max-heap of the hashes in the sample. */
  readonly #heap: Uint32Array;
  /** When each TTL's cache loaded the key of a slot, in rows of one slot. */
  readonly #filledAt: Float64Array;
  readonly #changedAt: Float64Array;
  readonly #bytes: Float64Array;
  #threshold: number;

  constructor(
    startedSeconds: number,
    capacity: number,
    ttlsSeconds: readonly number[],
    threshold = hashRange,
  ) {
    this.startedSeconds = startedSeconds;
    this.#threshold = threshold;
    this.#capacity = capacity;
    this.#hashes = new Uint32Array(capacity);
    this.#ttlsSeconds = Float64Array.from(ttlsSeconds);
    this.#heap = new Uint32Array(capacity);
    this.#filledAt = new Float64Array(capacity * ttlsSeconds.length);
    this.#changedAt = new Float64Array(capacity);
    this.#bytes = new Float64Array(capacity);
  }

  /** Share of all keys that is sampled, above 0 and at most 1. */
  get rate(): number {
    return this.#threshold / hashRange;
  }

  /** Hashes below it are sampled, 1 to 2^32. It only falls. */
  get threshold(): number {
    return this.#threshold;
  }

  get keys(): number {
    return this.#slots.size;
  }

  /**
   * One look-up of the key with this hash (32 bits, unsigned). Each cache hits if it loaded the key
   * at most its TTL ago, and else loads it now. What that comes to is added to `totals`, by 1 / rate.
   */
  reference(hash: number, bytes: number, nowSeconds: number, totals: ShadowTotals | null): void {
    if (hash >= this.#threshold) return;
    const slot = this.#slots.get(hash) ?? this.#admit(hash);
    if (slot < 0) return;
    this.#bytes[slot] = bytes;
    const weight = hashRange / this.#threshold;
    const ttls = this.#ttlsSeconds;
    const filledAt = this.#filledAt;
    const changedAt = this.#changedAt[slot] ?? -Infinity;
    const row = slot * ttls.length;
    if (totals !== null) totals.sampled++;
    for (let i = 0; i < ttls.length; i++) {
      const filled = filledAt[row + i] ?? -Infinity;
      if (nowSeconds - filled > (ttls[i] ?? 0)) {
        filledAt[row + i] = nowSeconds;
        if (totals !== null) totals.misses[i] = (totals.misses[i] ?? 0) + weight;
      } else if (changedAt > filled && totals !== null) {
        totals.stale[i] = (totals.stale[i] ?? 0) + weight;
      }
    }
  }

  /** The content of the key was just seen to differ from what was loaded before. */
  noteChange(hash: number, nowSeconds: number): void {
    const slot = this.#slots.get(hash);
    if (slot !== undefined)
      this.#changedAt[slot] = Math.max(this.#changedAt[slot] ?? -Infinity, nowSeconds);
  }

  /** Lowers the threshold, where it is above this one; what no longer lies below it leaves. */
  lowerTo(threshold: number): void {
    if (threshold >= this.#threshold) return;
    this.#threshold = Math.max(1, threshold);
    while (this.#slots.size > 0 && (this.#heap[0] ?? 0) >= this.#threshold) this.#dropLargest();
  }

  /**
   * The keys as words of 32 bits: hash, bytes, age of the last change, and for each TTL the age of what
   * its cache holds, in ms before `newestMs`. Exact where all times are whole ms.
   */
  pack(newestMs: number): Uint32Array {
    const columns = this.#ttlsSeconds.length;
    const size = this.#slots.size;
    const words = new Uint32Array(size * (packedHeader + columns));
    let at = 0;
    for (let slot = 0; slot < size; slot++) {
      words[at++] = this.#hashes[slot] ?? 0;
      words[at++] = this.#bytes[slot] ?? 0;
      words[at++] = packAge(this.#changedAt[slot] ?? -Infinity, newestMs);
      for (let i = 0; i < columns; i++)
        words[at++] = packAge(this.#filledAt[slot * columns + i] ?? -Infinity, newestMs);
    }
    return words;
  }

  /** Takes keys that `pack` gave, into a sample that is empty. */
  unpack(words: Uint32Array, newestMs: number): void {
    const columns = this.#ttlsSeconds.length;
    for (let at = 0; at < words.length;) {
      const hash = words[at++] ?? 0;
      const slot = this.#slots.get(hash) ?? this.#admit(hash);
      if (slot < 0) return;
      this.#bytes[slot] = words[at++] ?? 0;
      this.#changedAt[slot] = unpackAge(words[at++] ?? never, newestMs);
      for (let i = 0; i < columns; i++)
        this.#filledAt[slot * columns + i] = unpackAge(words[at++] ?? never, newestMs);
    }
  }

  /** Estimated bytes that the cache of each TTL holds now. */
  residentBytes(nowSeconds: number): Float64Array {
    const ttls = this.#ttlsSeconds;
    const held = new Float64Array(ttls.length);
    const weight = hashRange / this.#threshold;
    for (const slot of this.#slots.values()) {
      const bytes = (this.#bytes[slot] ?? 0) * weight;
      for (let i = 0; i < ttls.length; i++) {
        const filled = this.#filledAt[slot * ttls.length + i] ?? -Infinity;
        if (nowSeconds - filled <= (ttls[i] ?? 0)) held[i] = (held[i] ?? 0) + bytes;
      }
    }
    return held;
  }

  /** Slot of a key that is new in the sample; -1 where the key itself had to leave at once. */
  #admit(hash: number): number {
    const size = this.#slots.size;
    let slot = size;
    if (size === this.#capacity) {
      const largest = this.#heap[0] ?? 0;
      this.#threshold = Math.max(hash, largest);
      if (hash > largest) return -1;
      slot = this.#slots.get(largest) ?? 0;
      this.#slots.delete(largest);
      this.#siftDown(hash, size);
    } else {
      this.#siftUp(hash, size);
    }
    this.#slots.set(hash, slot);
    this.#hashes[slot] = hash;
    this.#row(slot).fill(-Infinity);
    this.#changedAt[slot] = -Infinity;
    return slot;
  }

  /** Slots stay without gaps: the last one moves to that of the key which leaves. */
  #dropLargest(): void {
    const hash = this.#heap[0] ?? 0;
    const freed = this.#slots.get(hash) ?? 0;
    this.#slots.delete(hash);
    const last = this.#slots.size;
    this.#siftDown(this.#heap[last] ?? 0, last);
    if (freed === last) return;
    const moved = this.#hashes[last] ?? 0;
    this.#hashes[freed] = moved;
    this.#slots.set(moved, freed);
    this.#row(freed).set(this.#row(last));
    this.#changedAt[freed] = this.#changedAt[last] ?? -Infinity;
    this.#bytes[freed] = this.#bytes[last] ?? 0;
  }

  #row(slot: number): Float64Array {
    const columns = this.#ttlsSeconds.length;
    return this.#filledAt.subarray(slot * columns, (slot + 1) * columns);
  }

  #siftUp(hash: number, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (above >= hash) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = hash;
  }

  /** Puts `hash` in the place of the largest, in a heap of `size`. */
  #siftDown(hash: number, size: number): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1;
      if (right < size && (heap[right] ?? 0) > (heap[child] ?? 0)) child = right;
      const below = heap[child] ?? 0;
      if (below <= hash) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = hash;
  }
}

function packAge(seconds: number, newestMs: number): number {
  const ms = newestMs - Math.round(seconds * 1000);
  return ms < never ? Math.max(0, ms) : never;
}

function unpackAge(age: number, newestMs: number): number {
  return age === never ? -Infinity : (newestMs - age) / 1000;
}
