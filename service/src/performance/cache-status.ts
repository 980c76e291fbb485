import { type CacheOutcome, cacheOutcomes, hitRateOutcomes } from "@mestore/contract/cache-classes";
import { serviceMetrics } from "@mestore/contract/metrics";
import type { MetricWindow } from "@mestore/contract/samples";
import { readShadowWindow } from "@mestore/laws/observation";
import type { CacheClassStatus } from "../cache/index.ts";
import { describeWindow, grown, latest, perSecond, present, readLatency } from "./figures.ts";
import type { CacheStatus } from "./schema.ts";

type ClassStatus = CacheStatus["classes"][number];

/** Rates, operation times, size, TTL in force and shadow curve of every class. */
export function describeCacheStatus(
  window: MetricWindow,
  classes: readonly CacheClassStatus[],
): CacheStatus {
  return {
    scope: "pod",
    window: describeWindow(window),
    classes: classes.map((one) => describeClass(window, one)),
  };
}

function describeClass(window: MetricWindow, status: CacheClassStatus): ClassStatus {
  const counts = Object.fromEntries(
    cacheOutcomes.map((outcome) => [
      outcome,
      grown(window, {
        metric: serviceMetrics.cacheLookups.name,
        labels: { class: status.class, outcome },
      }),
    ]),
  ) as Record<CacheOutcome, number>;
  const judged = hitRateOutcomes.reduce((total, outcome) => total + counts[outcome], 0);
  const lookups = judged + counts.negative;
  return {
    class: status.class,
    ttlSeconds: status.ttlSeconds,
    lookups,
    ...present("lookupsPerSecond", perSecond(lookups, window)),
    ...present("hitRate", share(counts.hit, judged)),
    ...present("staleRate", share(counts.stale, judged)),
    ...present("coalescedRate", share(counts.coalesced, judged)),
    ...present("missRate", share(counts.miss, judged)),
    ...present("negativeRate", share(counts.negative, lookups)),
    layers: describeLayers(window, status),
    operations: {
      get: describeOperation(window, status, "get"),
      set: describeOperation(window, status, "set"),
    },
    l1Entries: status.l1Entries,
    l1Bytes: status.l1Bytes,
    ...present("shadowCurve", describeCurve(window, status)),
  };
}

/** Null where there was nothing to be a share of. */
function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function describeLayers(window: MetricWindow, status: CacheClassStatus): ClassStatus["layers"] {
  const [l1 = 0, l2 = 0] = ["l1", "l2"].map((layer) =>
    grown(window, {
      metric: serviceMetrics.cacheLayerHits.name,
      labels: { class: status.class, layer },
    }),
  );
  return { ...present("l1Share", share(l1, l1 + l2)), ...present("l2Share", share(l2, l1 + l2)) };
}

function describeOperation(
  window: MetricWindow,
  status: CacheClassStatus,
  operation: "get" | "set",
): ClassStatus["operations"]["get"] {
  const labels = { class: status.class, operation };
  const metric = serviceMetrics.cacheOperationDuration.name;
  const { count, latency } = readLatency(window, { metric, labels });
  return {
    operations: count,
    ...present("operationsPerSecond", perSecond(count, window)),
    ...latency,
    errors: grown(window, { metric: serviceMetrics.cacheErrors.name, labels }),
  };
}

function describeCurve(
  window: MetricWindow,
  status: CacheClassStatus,
): ClassStatus["shadowCurve"] | null {
  const curve = readShadowWindow(window, status.class);
  if (curve === null || curve.points.length === 0) return null;
  const following = latest(window, {
    metric: serviceMetrics.shadowFleet.name,
    labels: { class: status.class },
  });
  return {
    scope: following === 1 ? "fleet" : "pod",
    lookups: curve.lookups,
    sampled: curve.sampled,
    points: [...curve.points],
  };
}
