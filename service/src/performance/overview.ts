import { pageClassNames } from "@mestore/contract/cache-classes";
import { type QueryClass, queryClasses, serviceMetrics } from "@mestore/contract/metrics";
import type { MetricWindow } from "@mestore/contract/samples";
import { hitRateIndicator, serverErrorCodes } from "@mestore/contract/sla";
import type { CacheClassStatus } from "../cache/index.ts";
import {
  describeWindow,
  grown,
  latest,
  perSecond,
  present,
  readLatency,
  valueOf,
} from "./figures.ts";
import type { Overview } from "./schema.ts";
import type { TuningState } from "./tuning-state.ts";

/** Everything at a glance, from one window of this process. */
export function describeOverview(
  window: MetricWindow,
  classes: readonly CacheClassStatus[],
  tuning: TuningState,
): Overview {
  return {
    scope: "pod",
    window: describeWindow(window),
    api: describeApi(window),
    database: describeDatabase(window),
    cache: describeCache(window, classes),
    system: describeSystem(window),
    tuning: describeTuning(window, classes, tuning),
  };
}

function describeApi(window: MetricWindow): Overview["api"] {
  const { name } = serviceMetrics.requestDuration;
  const { count, latency } = readLatency(window, { metric: name });
  const errors = grown(window, {
    metric: `${name}_count`,
    labels: { http_response_status_code: serverErrorCodes },
  });
  return {
    requests: count,
    ...present("requestsPerSecond", perSecond(count, window)),
    ...latency,
    errors,
    ...present("errorRate", count > 0 ? errors / count : null),
    ...present("requestsInFlight", latest(window, { metric: serviceMetrics.activeRequests.name })),
  };
}

function describeDatabase(window: MetricWindow): Overview["database"] {
  const byClass = queryClasses.map((queryClass) => describeQueryClass(window, queryClass));
  const queries = byClass.reduce((total, one) => total + one.queries, 0);
  return {
    queries,
    ...present("queriesPerSecond", perSecond(queries, window)),
    errors: grown(window, { metric: serviceMetrics.queryErrors.name }),
    byClass,
  };
}

function describeQueryClass(
  window: MetricWindow,
  queryClass: QueryClass,
): Overview["database"]["byClass"][number] {
  const labels = { mestore_query_class: queryClass };
  const { count, latency } = readLatency(window, {
    metric: serviceMetrics.queryDuration.name,
    labels,
  });
  return {
    class: queryClass,
    queries: count,
    ...present("queriesPerSecond", perSecond(count, window)),
    ...latency,
  };
}

function describeCache(
  window: MetricWindow,
  classes: readonly CacheClassStatus[],
): Overview["cache"] {
  const lookupsOf = (labels: Readonly<Record<string, string>>) =>
    grown(window, { metric: serviceMetrics.cacheLookups.name, labels });
  const lookups = lookupsOf({});
  return {
    lookups,
    ...present("lookupsPerSecond", perSecond(lookups, window)),
    ...present("hitRate", valueOf(window, hitRateIndicator(pageClassNames))),
    byClass: classes.map((one) => {
      const own = lookupsOf({ class: one.class });
      return {
        class: one.class,
        lookups: own,
        ...present("lookupsPerSecond", perSecond(own, window)),
        ...present("hitRate", valueOf(window, hitRateIndicator([one.class]))),
        ttlSeconds: one.ttlSeconds,
      };
    }),
    sharedLayer: describeSharedLayer(window),
  };
}

function describeSharedLayer(window: MetricWindow): Overview["cache"]["sharedLayer"] {
  const gauge = (metric: { readonly name: string }) => latest(window, { metric: metric.name });
  const { count, latency } = readLatency(window, {
    metric: serviceMetrics.cacheOperationDuration.name,
  });
  const up = gauge(serviceMetrics.storeUp);
  const limit = gauge(serviceMetrics.storeMemoryLimit);
  return {
    ...present("up", up === null ? null : up === 1),
    operations: count,
    ...present("operationsPerSecond", perSecond(count, window)),
    ...latency,
    errors: grown(window, { metric: serviceMetrics.cacheErrors.name }),
    ...present("memoryUsedBytes", gauge(serviceMetrics.storeMemoryUsed)),
    ...present("memoryLimitBytes", limit === 0 ? null : limit),
  };
}

function describeSystem(window: MetricWindow): Overview["system"] {
  const gauge = (metric: { readonly name: string }) => latest(window, { metric: metric.name });
  const startedAt = gauge(serviceMetrics.processStart);
  const lagSeconds = gauge(serviceMetrics.eventLoopLag);
  const cpu = { metric: serviceMetrics.processCpu.name };
  return {
    ...present("cpuCores", valueOf(window, { kind: "rate", counter: cpu })),
    ...present("memoryBytes", gauge(serviceMetrics.processMemory)),
    ...present("eventLoopLagMs", lagSeconds === null ? null : lagSeconds * 1000),
    ...present("uptimeSeconds", startedAt === null ? null : window.toSeconds - startedAt),
  };
}

function describeTuning(
  window: MetricWindow,
  classes: readonly CacheClassStatus[],
  tuning: TuningState,
): Overview["tuning"] {
  const inForce = tuning.inForce();
  const document = inForce?.document;
  return {
    revision: tuning.revision(),
    ...present("profile", document?.profile),
    ...present("writtenAt", document?.writtenAt),
    ...present("reason", document?.reason),
    ttlSeconds: Object.fromEntries(
      classes.map((one) => [one.class, one.ttlSeconds]),
    ) as Overview["tuning"]["ttlSeconds"],
    clamped: [...(inForce?.clamped ?? [])],
    unsupported: [...(inForce?.unsupported ?? [])],
    rejected: latest(window, { metric: serviceMetrics.tuningRejected.name }) ?? 0,
  };
}
