/**
 * The layer that processes share, as the cache uses it. Every operation ends within the adapter's
 * deadline and none rejects: a layer that is away is an answer, since each request can do without it.
 */
export interface CacheStore {
  /** Bytes of `key`, null where there are none. The bytes may share memory with others: copy to keep. */
  getBuffer(key: string): Promise<Uint8Array | null | StoreFailure>;
  /** Keeps `value` for `expirySeconds` (whole, at least 1), in place of what was there. */
  set(key: string, value: Uint8Array, expirySeconds: number): Promise<"ok" | StoreFailure>;
  info(): Promise<StoreInfo | StoreFailure>;
  /** False while operations are refused without being tried. */
  isUp(): boolean;
  /**
   * What to add to this process's monotonic clock, in ms, to get the layer's; null until it was
   * measured, which it is before the layer is first up. No wall clock of this machine is in it, so
   * that one that is set cannot date an entry.
   */
  clockOffsetMs(): number | null;
  /** Operations under way end as `unavailable`. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * `unavailable`: not tried, or the connection was lost meanwhile; `timeout`: no answer within the
 * deadline; `refused`: the layer answered with an error (out of memory, no permission).
 */
export type StoreFailure = "unavailable" | "timeout" | "refused";

/** The layer's own figures. */
export interface StoreInfo {
  readonly usedMemoryBytes: number;
  /** 0: unlimited, or unknown to the layer. */
  readonly maxMemoryBytes: number;
  /** Whether a full layer evicts entries; otherwise it refuses writes. */
  readonly evicts: boolean;
  /** Entries evicted since the layer started. */
  readonly evictedKeys: number;
}
