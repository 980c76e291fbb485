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

const hashRange = 2 ** 32;

export class ShadowSample {
  readonly startedSeconds: number;
  readonly #ttlsSeconds: Float64Array;
  readonly #capacity: number;
  readonly #slots = new Map<number, number>();
  /** Max-heap of the hashes in the sample. */
  readonly #heap: Uint32Array;
  /** When each TTL's cache loaded the key of a slot, in rows of one slot. */
  readonly #filledAt: Float64Array;
  readonly #changedAt: Float64Array;
  readonly #bytes: Float64Array;
  #threshold = hashRange;

  constructor(startedSeconds: number, capacity: number, ttlsSeconds: readonly number[]) {
    this.startedSeconds = startedSeconds;
    this.#capacity = capacity;
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
    if (slot !== undefined) this.#changedAt[slot] = nowSeconds;
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
      this.#siftDown(hash);
    } else {
      this.#siftUp(hash, size);
    }
    this.#slots.set(hash, slot);
    const columns = this.#ttlsSeconds.length;
    this.#filledAt.fill(-Infinity, slot * columns, (slot + 1) * columns);
    this.#changedAt[slot] = -Infinity;
    return slot;
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

  /** Puts `hash` in the place of the largest. */
  #siftDown(hash: number): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < heap.length && (heap[right] ?? 0) > (heap[child] ?? 0)) child = right;
      const below = heap[child] ?? 0;
      if (below <= hash) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = hash;
  }
}
