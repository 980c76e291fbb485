import { hitRateOutcomes, pageClassNames } from "./cache-classes.ts";
import { type MetricDefinition, serviceMetrics } from "./metrics.ts";
import type { Selector } from "./samples.ts";

/**
 * An Indicator is what an objective is judged by, as data. `measure.ts` computes it from samples.
 */
export type Indicator =
  /** Sum of increases of `good` over that of `total`, 0 to 1. */
  | {
      readonly kind: "ratio";
      readonly good: readonly Selector[];
      readonly total: readonly Selector[];
    }
  /**
   * Share of observations above an edge of the histogram, 0 to 1. The edge must be a bucket, so
   * that no interpolation is judged; `quantile` is only what is shown to people.
   */
  | {
      readonly kind: "overThreshold";
      readonly histogram: Selector;
      readonly edgeSeconds: number;
      readonly quantile: number;
    }
  /** Sum over count of a histogram, in its unit. */
  | { readonly kind: "mean"; readonly histogram: Selector }
  /** The largest latest value of the selected series. */
  | { readonly kind: "gauge"; readonly metric: Selector }
  /** Increase a second: what a counter of CPU seconds is in cores. */
  | { readonly kind: "rate"; readonly counter: Selector };

export type ObjectiveArea = "api" | "database" | "cache" | "system";

export interface Objective {
  readonly name: string;
  readonly area: ObjectiveArea;
  readonly title: string;
  readonly indicator: Indicator;
  /** The objective is met while the shown value is on this side of the target. */
  readonly better: "below" | "above";
  /** In the unit of the shown value. */
  readonly target: number;
  readonly unit: "seconds" | "ratio" | "bytes" | "cores";
  /** Fewer samples than this are no verdict (docs/tuning.md, "Observation quality"). */
  readonly minimumSamples: number;
  /** Only these have an error budget. */
  readonly budget: boolean;
}

/** Samples for a P95, for a P99, and cache look-ups for a hit rate (standard error 0.5 points at 0.85). */
export const minimumSamples = { p95: 400, p99: 2000, hitRate: 5000, mean: 400, any: 1 } as const;

const select = (definition: MetricDefinition, labels?: Selector["labels"]): Selector =>
  labels === undefined ? { metric: definition.name } : { metric: definition.name, labels };

const requests = select(serviceMetrics.requestDuration);
const requestCount: Selector = { metric: `${serviceMetrics.requestDuration.name}_count` };
/** A server's own failures: the codes that count against availability and the error rate. */
export const serverErrorCodes = ["500", "501", "502", "503", "504"] as const;

const lookups = (outcomes: readonly string[], classes: readonly string[]): Selector =>
  select(serviceMetrics.cacheLookups, { class: classes, outcome: outcomes });

/** Fresh hits of these classes over all their judged look-ups. */
export function hitRateIndicator(classes: readonly string[]): Indicator {
  return {
    kind: "ratio",
    good: [lookups(["hit"], classes)],
    total: [lookups(hitRateOutcomes, classes)],
  };
}

export function latencyIndicator(quantile: number, edgeSeconds: number): Indicator {
  return { kind: "overThreshold", histogram: requests, edgeSeconds, quantile };
}

const queries = (queryClass: string): Selector =>
  select(serviceMetrics.queryDuration, { mestore_query_class: queryClass });

const goodRequests: Selector = {
  ...requestCount,
  except: { http_response_status_code: serverErrorCodes },
};

export const availabilityIndicator: Indicator = {
  kind: "ratio",
  good: [goodRequests],
  total: [requestCount],
};

/** The standard objectives of live traffic. */
export const objectives: readonly Objective[] = [
  {
    name: "api-mean",
    area: "api",
    title: "API, mean response time",
    indicator: { kind: "mean", histogram: requests },
    better: "below",
    target: 0.2,
    unit: "seconds",
    minimumSamples: minimumSamples.mean,
    budget: false,
  },
  {
    name: "api-p95",
    area: "api",
    title: "API, 95th percentile",
    indicator: latencyIndicator(0.95, 0.5),
    better: "below",
    target: 0.5,
    unit: "seconds",
    minimumSamples: minimumSamples.p95,
    budget: true,
  },
  {
    name: "api-p99",
    area: "api",
    title: "API, 99th percentile",
    indicator: latencyIndicator(0.99, 1),
    better: "below",
    target: 1,
    unit: "seconds",
    minimumSamples: minimumSamples.p99,
    budget: true,
  },
  {
    name: "availability",
    area: "api",
    title: "Availability",
    indicator: availabilityIndicator,
    better: "above",
    target: 0.999,
    unit: "ratio",
    minimumSamples: minimumSamples.any,
    budget: true,
  },
  {
    name: "error-rate",
    area: "api",
    title: "Error rate",
    indicator: {
      kind: "ratio",
      good: [{ ...requestCount, labels: { http_response_status_code: serverErrorCodes } }],
      total: [requestCount],
    },
    better: "below",
    target: 0.01,
    unit: "ratio",
    minimumSamples: minimumSamples.any,
    budget: false,
  },
  ...(
    [
      ["simple", 0.05],
      ["complex", 0.2],
      ["aggregation", 0.5],
    ] as const
  ).map(([queryClass, target]) => ({
    name: `database-${queryClass}`,
    area: "database" as const,
    title: `Database, ${queryClass} queries, 95th percentile`,
    indicator: {
      kind: "overThreshold" as const,
      histogram: queries(queryClass),
      edgeSeconds: target,
      quantile: 0.95,
    },
    better: "below" as const,
    target,
    unit: "seconds" as const,
    minimumSamples: minimumSamples.p95,
    budget: false,
  })),
  {
    name: "cache-hit-rate",
    area: "cache",
    title: "Cache, fresh hits of all pages",
    indicator: hitRateIndicator(pageClassNames),
    better: "above",
    target: 0.85,
    unit: "ratio",
    minimumSamples: minimumSamples.hitRate,
    budget: false,
  },
  {
    name: "cache-operation",
    area: "cache",
    title: "Cache, operation on the shared layer, 95th percentile",
    indicator: {
      kind: "overThreshold",
      histogram: select(serviceMetrics.cacheOperationDuration),
      edgeSeconds: 0.01,
      quantile: 0.95,
    },
    better: "below",
    target: 0.01,
    unit: "seconds",
    minimumSamples: minimumSamples.p95,
    budget: false,
  },
  {
    name: "cpu",
    area: "system",
    title: "CPU of the process",
    indicator: { kind: "rate", counter: select(serviceMetrics.processCpu) },
    better: "below",
    target: 0.7,
    unit: "cores",
    minimumSamples: minimumSamples.any,
    budget: false,
  },
  {
    name: "memory",
    area: "system",
    title: "Resident memory of the process",
    indicator: { kind: "gauge", metric: select(serviceMetrics.processMemory) },
    better: "below",
    target: 512 * 1024 * 1024,
    unit: "bytes",
    minimumSamples: minimumSamples.any,
    budget: false,
  },
];
