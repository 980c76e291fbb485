import { serviceMetrics } from "@mestore/contract/metrics";
import type { Registry } from "@mestore/telemetry/registry";
import type { CacheStore } from "./store.ts";

/** How often the shared layer is asked for its memory figures. */
const readEveryMs = 5000;

export interface StoreFigures {
  /** Reads them now. Where the layer does not answer they stay as they were, and `store_up` tells. */
  read(): Promise<void>;
  close(): void;
}

/**
 * Exports whether the shared layer answers, its memory, limit, policy and evictions, read in the
 * background. Evictions are those since this process first asked: the layer's own total would look
 * like a burst when the process starts, and as a reset when the layer does.
 */
export function watchStoreFigures(store: CacheStore, registry: Registry): StoreFigures {
  const up = registry.cell(serviceMetrics.storeUp, {});
  const used = registry.cell(serviceMetrics.storeMemoryUsed, {});
  const limit = registry.cell(serviceMetrics.storeMemoryLimit, {});
  const evicts = registry.cell(serviceMetrics.storeEvictionPolicy, {});
  const evictions = registry.cell(serviceMetrics.storeEvictions, {});
  let evictedBefore: number | null = null;

  async function read(): Promise<void> {
    const info = await store.info();
    if (typeof info === "string") return;
    used.set(info.usedMemoryBytes);
    limit.set(info.maxMemoryBytes);
    evicts.set(info.evicts ? 1 : 0);
    if (evictedBefore !== null) {
      const restarted = info.evictedKeys < evictedBefore;
      evictions.add(info.evictedKeys - (restarted ? 0 : evictedBefore));
    }
    evictedBefore = info.evictedKeys;
  }

  registry.beforeCollect(() => up.set(store.isUp() ? 1 : 0));
  void read();
  const timer = setInterval(() => void read(), readEveryMs);
  timer.unref();
  return { read, close: () => clearInterval(timer) };
}
