import { type MetricDefinition, serviceMetrics } from "@mestore/contract/metrics";
import type { MetricType } from "./exposition.ts";

/** One name of an exposition that a law or an objective reads. */
export interface LawMetric {
  /** The metric family that it belongs to: itself, or the histogram of a `_bucket`. */
  readonly family: MetricDefinition;
  /** The labels that tell its series apart; any other label must not. */
  readonly labels: readonly string[];
  /** Counters are made free of resets; gauges are taken as they are. */
  readonly counter: boolean;
}

/** The metrics whose figures a law or an objective depends on; the rest is for people. */
const read: readonly MetricDefinition[] = [
  serviceMetrics.requestDuration,
  serviceMetrics.queryDuration,
  serviceMetrics.cacheLookups,
  serviceMetrics.cacheOperationDuration,
  serviceMetrics.cacheBytes,
  serviceMetrics.cacheTtl,
  serviceMetrics.shadowMisses,
  serviceMetrics.shadowStale,
  serviceMetrics.shadowBytes,
  serviceMetrics.shadowLookups,
  serviceMetrics.shadowSampled,
  serviceMetrics.shadowObserved,
  serviceMetrics.refillsChanged,
  serviceMetrics.refillChangedHits,
  serviceMetrics.refillAgeHits,
  serviceMetrics.storeUp,
  serviceMetrics.storeMemoryUsed,
  serviceMetrics.storeMemoryLimit,
  serviceMetrics.storeEvictionPolicy,
  serviceMetrics.storeEvictions,
  serviceMetrics.tuningRevision,
  serviceMetrics.collectedAt,
  serviceMetrics.processCpu,
  serviceMetrics.processMemory,
  serviceMetrics.processStart,
];

function namesOf(family: MetricDefinition): [string, LawMetric][] {
  const labels = Object.keys(family.labels);
  if (family.kind !== "histogram")
    return [[family.name, { family, labels, counter: family.kind === "counter" }]];
  return [
    [`${family.name}_bucket`, { family, labels: [...labels, "le"], counter: true }],
    [`${family.name}_sum`, { family, labels, counter: true }],
    [`${family.name}_count`, { family, labels, counter: true }],
  ];
}

/** By the name of the sample, histograms as `_bucket`, `_sum` and `_count`. */
export const lawMetrics: ReadonlyMap<string, LawMetric> = new Map(read.flatMap(namesOf));

/** `null`: as declared in the contract, or not declared at all. */
export function typeFault(types: ReadonlyMap<string, MetricType>): string | null {
  for (const { name, kind } of read) {
    const type = types.get(name) ?? "untyped";
    if (type !== "untyped" && type !== kind) return `${name} is a ${kind}, not a ${type}`;
  }
  return null;
}
