import { type FleetFold, type MetricDefinition, serviceMetrics } from "@mestore/contract/metrics";
import type { MetricType } from "./exposition.ts";

/** One name of an exposition that a law or an objective reads. */
export interface LawMetric {
  /** The metric family that it belongs to: itself, or the histogram of a `_bucket`. */
  readonly family: MetricDefinition;
  /** The labels that tell a process's series apart; any other label must not. */
  readonly labels: readonly string[];
  /** Those of them that laws tell apart; counters are summed over the others. */
  readonly kept: readonly string[];
  /** Counters are made free of resets; gauges are taken as they are. */
  readonly counter: boolean;
  /** What the figures of several processes come to as one. */
  readonly fold: FleetFold;
}

/**
 * The metrics whose figures a law or an objective depends on; the rest is for people. Labels are
 * listed where laws look at fewer than the contract has: routes and statements make up nine tenths
 * of a page, and of the memory that its history would take.
 */
const read: readonly (readonly [MetricDefinition, (readonly string[])?])[] = [
  [serviceMetrics.requestDuration, ["http_response_status_code"]],
  [serviceMetrics.queryDuration, ["mestore_query_class"]],
  [serviceMetrics.cacheLookups],
  [serviceMetrics.cacheOperationDuration, []],
  [serviceMetrics.cacheBytes],
  [serviceMetrics.cacheTtl],
  [serviceMetrics.shadowMisses],
  [serviceMetrics.shadowStale],
  [serviceMetrics.shadowBytes],
  [serviceMetrics.shadowLookups],
  [serviceMetrics.shadowSampled],
  [serviceMetrics.shadowObserved],
  [serviceMetrics.shadowFleet],
  [serviceMetrics.shadowProcesses],
  [serviceMetrics.refillsChanged],
  [serviceMetrics.refillChangedHits],
  [serviceMetrics.refillAgeHits],
  [serviceMetrics.storeUp],
  [serviceMetrics.storeMemoryUsed],
  [serviceMetrics.storeMemoryLimit],
  [serviceMetrics.storeEvictionPolicy],
  [serviceMetrics.storeEvictions],
  [serviceMetrics.tuningRevision],
  [serviceMetrics.collectedAt],
  [serviceMetrics.processCpu],
  [serviceMetrics.processMemory],
  [serviceMetrics.processStart],
];

function namesOf([family, kept]: (typeof read)[number]): [string, LawMetric][] {
  const labels = Object.keys(family.labels);
  const { fleet: fold = "sum" } = family;
  const metric = { family, labels, kept: kept ?? labels, counter: family.kind !== "gauge", fold };
  if (family.kind !== "histogram") return [[family.name, metric]];
  return [
    [
      `${family.name}_bucket`,
      { ...metric, labels: [...labels, "le"], kept: [...metric.kept, "le"] },
    ],
    [`${family.name}_sum`, metric],
    [`${family.name}_count`, metric],
  ];
}

/** By the name of the sample, histograms as `_bucket`, `_sum` and `_count`. */
export const lawMetrics: ReadonlyMap<string, LawMetric> = new Map(read.flatMap(namesOf));

/** `null`: as declared in the contract, or not declared at all. */
export function typeFault(types: ReadonlyMap<string, MetricType>): string | null {
  for (const [{ name, kind }] of read) {
    const type = types.get(name) ?? "untyped";
    if (type !== "untyped" && type !== kind) return `${name} is a ${kind}, not a ${type}`;
  }
  return null;
}
