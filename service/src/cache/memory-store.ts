import type { CacheStore } from "./store.ts";

/**
 * The shared layer within one process, on a clock of its owner's, whose monotonic clock is also the
 * layer's: for tests in which hours pass or two caches share entries. It never fails; what a failing layer does is tested on a real one.
 */
export interface MemoryStore extends CacheStore {
  readonly size: number;
  clear(): void;
}

export function createMemoryStore(now: () => number): MemoryStore {
  const entries = new Map<string, { readonly value: Uint8Array; readonly expiresAtMs: number }>();
  let up = true;
  return {
    get size() {
      return entries.size;
    },
    clear: () => entries.clear(),
    async getBuffer(key) {
      if (!up) return "unavailable";
      const entry = entries.get(key);
      if (entry === undefined) return null;
      if (now() < entry.expiresAtMs) return entry.value;
      entries.delete(key);
      return null;
    },
    async set(key, value, expirySeconds) {
      if (!up) return "unavailable";
      entries.set(key, { value: value.slice(), expiresAtMs: now() + expirySeconds * 1000 });
      return "ok";
    },
    async info() {
      if (!up) return "unavailable";
      let usedMemoryBytes = 0;
      for (const { value } of entries.values()) usedMemoryBytes += value.byteLength;
      return { usedMemoryBytes, maxMemoryBytes: 0, evicts: false, evictedKeys: 0 };
    },
    isUp: () => up,
    clockOffsetMs: () => 0,
    async close() {
      up = false;
    },
  };
}
