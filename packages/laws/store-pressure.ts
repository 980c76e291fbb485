import { finiteInputs, formatCount, formatShare } from "./figures.ts";
import type { StoreMemory, TtlHoldReason } from "./ttl-types.ts";

/** What the memory of the shared layer permits. */
export interface StorePressure {
  /** Why no TTL may be raised; null: raises are free. */
  readonly freeze: Extract<
    TtlHoldReason,
    "MemoryLimitUnknown" | "MemoryAlmostFull" | "MemoryEvicting"
  > | null;
  /** Whether TTLs must be cut. */
  readonly relieve: boolean;
  /** Whether classes below their target are spared by the cut. */
  readonly sparesMissing: boolean;
  readonly sentence: string;
  readonly inputs: Readonly<Record<string, number>>;
}

/**
 * Fullness of a store that refuses writes when it is full (docs/tuning.md, "TTL, per cache class").
 */
export const freezeFullness = 0.8;
export const reliefFullness = 0.85;
/**
 * Factor of one cut, and how many TTLs lie between two cuts of a class (docs/tuning.md, "TTL, per
 * cache class").
 */
export const reliefFactor = 0.8;
export const reliefTtls = 2;
/**
 * Evictions per look-up that an evicting store may show. An eviction costs at most one hit, so
 * this many cannot cost more than the dead band of the hit rate, one point.
 */
export const toleratedEvictionShare = 0.01;

const free: StorePressure = {
  freeze: null,
  relieve: false,
  sparesMissing: false,
  sentence: "",
  inputs: {},
};

/**
 * Judges the shared layer. An evicting store is judged by what it evicts, never by fullness: it is
 * meant to be full. There a class that misses its target is spared, since the store protects itself;
 * a store that refuses writes must be relieved whatever it costs.
 */
export function judgeStore(store: StoreMemory | null): StorePressure {
  if (store === null) return free;
  const { usedBytes, limitBytes, evictions, lookups } = store;
  if (
    limitBytes === null ||
    !(limitBytes > 0) ||
    ![limitBytes, usedBytes, evictions, lookups].every(Number.isFinite)
  )
    return {
      ...free,
      freeze: "MemoryLimitUnknown",
      sentence: "The memory limit of the shared layer is not known, so no TTL is raised.",
      inputs: finiteInputs({ storeUsedBytes: usedBytes }),
    };
  if (store.evicts) {
    const share = evictions / Math.max(1, lookups);
    if (share <= toleratedEvictionShare) return free;
    return {
      freeze: "MemoryEvicting",
      relieve: true,
      sparesMissing: true,
      sentence: `The shared layer evicted ${formatCount(evictions)} entries, ${formatShare(share)} of the look-ups.`,
      inputs: { storeEvictions: evictions, storeLookups: lookups },
    };
  }
  const fullness = usedBytes / limitBytes;
  if (fullness <= freezeFullness) return free;
  return {
    freeze: "MemoryAlmostFull",
    relieve: fullness > reliefFullness,
    sparesMissing: false,
    sentence: `The shared layer is ${formatShare(fullness)} full and refuses writes when it is full.`,
    inputs: { storeUsedBytes: usedBytes, storeLimitBytes: limitBytes },
  };
}
