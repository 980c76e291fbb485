import type { CacheClass, CacheOutcome } from "@mestore/contract/cache-classes";

/** An answer that is ready to send. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Quoted, `"<hash>-identity"`: the validator of exactly these bytes. */
  readonly etag: string;
  /** BCP 47 tag of the text, for Content-Language. */
  readonly language: string;
  /** What this page shows, as tags such as `product:12`: surrogate keys, and what invalidates it. */
  readonly tags: readonly string[];
}

/** What a load came to: a page, or the page that says "there is no such thing" (kept shortly). */
export interface LoadedPage {
  readonly page: Page;
  readonly negative: boolean;
}

export interface PageAnswer {
  readonly page: Page;
  readonly outcome: CacheOutcome;
  /** Layer that the page came from; null when it was loaded. */
  readonly layer: "l1" | "l2" | null;
  readonly ageSeconds: number;
}

export interface CacheClassStatus {
  readonly class: CacheClass;
  readonly ttlSeconds: number;
  readonly l1Entries: number;
  readonly l1Bytes: number;
}

/** The multi-layer cache as the rest of the service sees it. */
export interface PageCache {
  /**
   * The answer where this process holds a fresh copy (a remembered negative too), without a promise:
   * counted as the look-up that it is. Null: nothing was counted; `page` answers.
   */
  fromL1(cacheClass: CacheClass, key: string): PageAnswer | null;
  /**
   * Answers `key` from a layer, or by `load`, once for all callers that wait for it. A failure of
   * the shared layer is never an error here; a failure of `load` is, unless a stale page may stand in.
   */
  page(cacheClass: CacheClass, key: string, load: () => Promise<LoadedPage>): Promise<PageAnswer>;
  /** Puts TTLs in force now, for old entries too. Classes that are absent keep theirs. */
  applyTtls(ttlSeconds: Partial<Readonly<Record<CacheClass, number>>>): void;
  status(): readonly CacheClassStatus[];
  /** Closes the shared layer too. Look-ups go on without it. */
  close(): Promise<void>;
}
