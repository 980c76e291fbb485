import { type CacheClass, type CacheOutcome, cacheOutcomes } from "@mestore/contract/cache-classes";
import { serviceMetrics } from "@mestore/contract/metrics";
import { shadowTtlLabels } from "@mestore/contract/shadow-curve";
import type { Cell, Distribution, Registry } from "@mestore/telemetry/registry";
import type { L1Layer } from "./l1.ts";
import type { Shadow } from "./shadow.ts";

/** The instruments of one class, each looked up once. */
export interface ClassFigures {
  readonly lookups: Readonly<Record<CacheOutcome, Cell>>;
  readonly layerHits: Readonly<Record<"l1" | "l2", Cell>>;
  readonly operations: Readonly<Record<"get" | "set", OperationFigures>>;
  readonly ttlSeconds: Cell;
  readonly refillsChanged: Cell;
  readonly refillChangedHits: Cell;
  readonly refillAgeHitsSeconds: Cell;
  /** Copies what is kept elsewhere into the instruments. */
  publish(layer: L1Layer, shadow: Shadow | null, nowSeconds: number): void;
}

export interface OperationFigures {
  readonly errors: Cell;
  readonly seconds: Distribution;
}

export function createClassFigures(registry: Registry, cacheClass: CacheClass): ClassFigures {
  const own = { class: cacheClass };
  const operation = (name: "get" | "set"): OperationFigures => ({
    errors: registry.cell(serviceMetrics.cacheErrors, { ...own, operation: name }),
    seconds: registry.distribution(serviceMetrics.cacheOperationDuration, {
      ...own,
      operation: name,
    }),
  });
  const layerHits = (layer: "l1" | "l2") =>
    registry.cell(serviceMetrics.cacheLayerHits, { ...own, layer });
  const atEachTtl = (
    metric:
      | typeof serviceMetrics.shadowMisses
      | typeof serviceMetrics.shadowStale
      | typeof serviceMetrics.shadowBytes,
  ) => shadowTtlLabels.map((ttl_seconds) => registry.cell(metric, { ...own, ttl_seconds }));

  const entries = registry.cell(serviceMetrics.cacheEntries, own);
  const bytes = registry.cell(serviceMetrics.cacheBytes, own);
  const shadowMisses = atEachTtl(serviceMetrics.shadowMisses);
  const shadowStale = atEachTtl(serviceMetrics.shadowStale);
  const shadowBytes = atEachTtl(serviceMetrics.shadowBytes);
  const shadowLookups = registry.cell(serviceMetrics.shadowLookups, own);
  const shadowSampled = registry.cell(serviceMetrics.shadowSampled, own);
  const shadowObserved = registry.cell(serviceMetrics.shadowObserved, own);
  const shadowFleet = registry.cell(serviceMetrics.shadowFleet, own);

  return {
    lookups: Object.fromEntries(
      cacheOutcomes.map((outcome) => [
        outcome,
        registry.cell(serviceMetrics.cacheLookups, { ...own, outcome }),
      ]),
    ) as Record<CacheOutcome, Cell>,
    layerHits: { l1: layerHits("l1"), l2: layerHits("l2") },
    operations: { get: operation("get"), set: operation("set") },
    ttlSeconds: registry.cell(serviceMetrics.cacheTtl, own),
    refillsChanged: registry.cell(serviceMetrics.refillsChanged, own),
    refillChangedHits: registry.cell(serviceMetrics.refillChangedHits, own),
    refillAgeHitsSeconds: registry.cell(serviceMetrics.refillAgeHits, own),
    publish(layer, shadow, nowSeconds) {
      entries.set(layer.size);
      bytes.set(layer.calculatedSize);
      if (shadow === null) return;
      const { totals } = shadow;
      const resident = shadow.residentBytes(nowSeconds);
      for (let i = 0; i < shadowMisses.length; i++) {
        shadowMisses[i]?.set(totals.misses[i] ?? 0);
        shadowStale[i]?.set(totals.stale[i] ?? 0);
        shadowBytes[i]?.set(resident[i] ?? 0);
      }
      shadowLookups.set(totals.lookups);
      shadowSampled.set(totals.sampled);
      shadowObserved.set(shadow.observedSeconds(nowSeconds));
      shadowFleet.set(shadow.scope() === "fleet" ? 1 : 0);
    },
  };
}
