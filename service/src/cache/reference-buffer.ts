import { hashRange } from "./shadow-sample.ts";

/**
 * The references of one class since they were last taken, two words of 32 bits each: the key's hash,
 * and from the lowest bit 12 bits of milliseconds since the last time, 1 bit for "its content changed",
 * 19 bits of size in units of 64 bytes.
 */
const offsetMask = 0xfff;
const changeBit = 0x1000;
const sizeShift = 13;
const maxSize = 0x7ffff;
const sizeUnitBytes = 64;

/**
 * References that one process keeps of one class in one second, 32 KB. Where more come the threshold
 * is halved, which leaves a smaller fair sample instead of a random hole.
 */
export const maxReferences = 4096;

/** What happened to one class between two flushes, as one process saw it. */
export interface SealedReferences {
  /** Look-ups that a long enough TTL could have made a hit, sampled or not. */
  readonly lookups: number;
  /** Look-ups that miss at every TTL. */
  readonly unkept: number;
  /** Every reference below this hash is among `words`. */
  readonly threshold: number;
  readonly words: Uint32Array;
}

/** When it happened, in ms since the start of its batch. */
export const readOffsetMs = (word: number): number => word & offsetMask;

/** Whether it says that content changed, and no look-up. */
export const isChange = (word: number): boolean => (word & changeBit) !== 0;

export const readBytes = (word: number): number => (word >>> sizeShift) * sizeUnitBytes;

/** The part of the shadow sample that stands on the request path: it counts, compares and writes. */
export class ReferenceBuffer {
  readonly #words = new Uint32Array(2 * maxReferences);
  #length = 0;
  #lookups = 0;
  #unkept = 0;
  #threshold = hashRange;
  #startMs: number;

  /** @param startMs of the clock that references will be noted by. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  reference(hash: number, bytes: number, nowMs: number): void {
    this.#lookups++;
    if (hash < this.#threshold) this.#write(hash, bytes, nowMs, 0);
  }

  missAtEveryTtl(): void {
    this.#unkept++;
  }

  noteChange(hash: number, nowMs: number): void {
    if (hash < this.#threshold) this.#write(hash, 0, nowMs, changeBit);
  }

  /** Hashes below it are kept. Raise it only where nothing was noted since the last `seal`. */
  get threshold(): number {
    return this.#threshold;
  }

  set threshold(threshold: number) {
    this.#threshold = threshold;
  }

  /** Takes what there is and begins anew. Null: nothing happened. */
  seal(nowMs: number): SealedReferences | null {
    const sealed =
      this.#lookups + this.#unkept + this.#length === 0
        ? null
        : {
            lookups: this.#lookups,
            unkept: this.#unkept,
            threshold: this.#threshold,
            words: this.#words.slice(0, this.#length),
          };
    this.#length = 0;
    this.#lookups = 0;
    this.#unkept = 0;
    this.#startMs = nowMs;
    return sealed;
  }

  #write(hash: number, bytes: number, nowMs: number, flag: number): void {
    if (this.#length === this.#words.length) {
      this.#makeRoom();
      if (hash >= this.#threshold) return;
    }
    const offset = Math.min(offsetMask, Math.max(0, Math.round(nowMs - this.#startMs)));
    const size = Math.min(maxSize, Math.ceil(bytes / sizeUnitBytes));
    this.#words[this.#length++] = hash;
    this.#words[this.#length++] = (size << sizeShift) | flag | offset;
  }

  #makeRoom(): void {
    while (this.#length > this.#words.length / 2 && this.#threshold > 1) {
      this.#threshold = Math.floor(this.#threshold / 2);
      let kept = 0;
      for (let i = 0; i < this.#length; i += 2) {
        const hash = this.#words[i] ?? 0;
        if (hash >= this.#threshold) continue;
        this.#words[kept++] = hash;
        this.#words[kept++] = this.#words[i + 1] ?? 0;
      }
      this.#length = kept;
    }
  }
}
