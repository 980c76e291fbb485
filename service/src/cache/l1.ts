import { type CacheClass, cacheClassNames } from "@mestore/contract/cache-classes";
import { LRUCache } from "lru-cache";
import type { Page } from "./cache.ts";
import type { StoredEntry } from "./codec.ts";
import { type Freshness, jitterFactor } from "./policy.ts";

/** A page in the process, with what decides over it. Times are monotonic, in ms. */
export interface L1Entry extends Freshness {
  readonly page: Page;
  /** 32 bits of the key's hash, so that a hit need not hash it again. */
  readonly keyHash: number;
  /** When its load began; before the process started for one that came from the shared layer. */
  readonly madeAtMs: number;
  /**
   * The same on the shared layer's clock: with the key, the identity of a fill. Null for one that was
   * made while that clock was unknown, and is not shared.
   */
  readonly storeMadeAtMs: number | null;
  readonly bytes: number;
  /** When it was loaded here, or last compared with the shared layer's copy. */
  checkedAtMs: number;
  /** Hits served here since its fill. */
  hits: number;
}

/** The entries of one class. */
export type L1Layer = LRUCache<string, L1Entry>;

export interface L1 {
  of(cacheClass: CacheClass): L1Layer;
  /** Adds or replaces, and makes room. An entry larger than an eighth of the whole is not kept. */
  set(cacheClass: CacheClass, key: string, entry: L1Entry): void;
}

/** An entry of the shared layer, or one that may become one. */
export interface Fill extends Omit<StoredEntry, "madeAtMs"> {
  /** On the shared layer's clock; null where that is unknown. */
  readonly madeAtMs: number | null;
}

/** An entry's objects, headers of strings and slots in the list: about 500 bytes of heap, measured with bun:jsc, 900 resident. */
const entryOverheadBytes = 700;

/** An entry filled now, or brought from the shared layer now. Times are monotonic, in ms. */
export function createL1Entry(
  key: string,
  stored: Fill,
  madeAtMs: number,
  checkedAtMs: number,
): L1Entry {
  return {
    page: stored.page,
    negative: stored.negative,
    jitterFactor: jitterFactor(stored.jitter),
    keyHash: Bun.hash.xxHash32(key),
    madeAtMs,
    storeMadeAtMs: stored.madeAtMs,
    bytes: measureBytes(key, stored.page),
    checkedAtMs,
    hits: 0,
  };
}

function measureBytes(key: string, page: Page): number {
  let texts = key.length + page.etag.length + page.contentType.length;
  for (const tag of page.tags) texts += tag.length + 16;
  return entryOverheadBytes + texts + page.body.byteLength;
}

/**
 * The process's own layer: least recently used per class, one budget of bytes for all. When it is
 * spent the class that holds most gives first, so that a crawl through one class cannot empty the
 * others, and no class has room reserved that it does not use.
 */
export function createL1(maxBytes: number): L1 {
  const layers = new Map<CacheClass, L1Layer>(
    cacheClassNames.map((name) => [
      name,
      new LRUCache({
        maxSize: maxBytes,
        maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
        sizeCalculation: (entry) => entry.bytes,
      }),
    ]),
  );
  const all = [...layers.values()];

  function makeRoom(): void {
    for (;;) {
      let total = 0;
      let largest: L1Layer | undefined;
      for (const layer of all) {
        total += layer.calculatedSize;
        if (largest === undefined || layer.calculatedSize > largest.calculatedSize) largest = layer;
      }
      if (total <= maxBytes || largest?.pop() === undefined) return;
    }
  }

  function layerOf(cacheClass: CacheClass): L1Layer {
    const layer = layers.get(cacheClass);
    if (layer === undefined) throw new RangeError(`no cache class ${cacheClass}`);
    return layer;
  }

  return {
    of: layerOf,
    set(cacheClass, key, entry) {
      layerOf(cacheClass).set(key, entry);
      makeRoom();
    },
  };
}
