import { type CacheClass, cacheClasses } from "@mestore/contract/cache-classes";
import type { ClassFigures } from "./class-figures.ts";
import { decodeEntry, encodeEntry, entryVersion, type StoredEntry } from "./codec.ts";
import { decideStoreExpirySeconds } from "./policy.ts";
import type { CacheStore, StoreFailure } from "./store.ts";

/** Entries in the store that processes share, measured per class. */
export interface SharedLayer {
  /** Null: it has none, or nothing that can be read. */
  read(key: string): Promise<StoredEntry | null | StoreFailure>;
  /** Goes on in the background; a failure is counted and leaves the entry unshared. */
  write(key: string, entry: StoredEntry, ttlSeconds: number): void;
}

/**
 * Key in the store: prefix, version of the layout (so that processes of two versions do not replace
 * each other's entries during a rollout), class, and as hash tag what identifies the page, so that
 * a cluster spreads the pages and keeps all keys of one together.
 */
export function formatStoreKey(prefix: string, cacheClass: CacheClass, key: string): string {
  return `${prefix}:${entryVersion}:${cacheClass}:{${key}}`;
}

export function createSharedLayer(
  cacheClass: CacheClass,
  store: CacheStore,
  figures: ClassFigures,
  options: { readonly prefix: string; readonly monotonic: () => number },
): SharedLayer {
  const { prefix, monotonic } = options;

  async function measured<T>(
    operation: "get" | "set",
    run: () => Promise<T | StoreFailure>,
  ): Promise<T | StoreFailure> {
    // What the breaker keeps from being tried is no operation.
    if (!store.isUp()) return "unavailable";
    const { errors, seconds } = figures.operations[operation];
    const startedMs = monotonic();
    const answer = await run();
    seconds.observe((monotonic() - startedMs) / 1000);
    if (typeof answer === "string" && answer !== "ok") errors.add(1);
    return answer;
  }

  return {
    async read(key) {
      const answer = await measured("get", () =>
        store.getBuffer(formatStoreKey(prefix, cacheClass, key)),
      );
      return answer === null || typeof answer === "string" ? answer : decodeEntry(answer);
    },
    write(key, entry, ttlSeconds) {
      if (!store.isUp()) return;
      const bytes = encodeEntry(entry);
      const expirySeconds = decideStoreExpirySeconds(
        cacheClasses[cacheClass],
        ttlSeconds,
        entry.negative,
      );
      void measured("set", () =>
        store.set(formatStoreKey(prefix, cacheClass, key), bytes, expirySeconds),
      );
    },
  };
}
