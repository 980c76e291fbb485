import { cacheClassNames, cacheOutcomes } from "./cache-classes.ts";
import { processMetrics } from "./process-metrics.ts";
import { shadowTtlLabels } from "./shadow-curve.ts";

/**
 * Every metric of MeStore: the only place where a name, unit, label or bucket is written. Names are
 * those that a Prometheus sees. HTTP, database and process metrics follow the OpenTelemetry and
 * Prometheus conventions, with the unit in the name; our own begin with `mestore_`.
 */

/** Histogram edges in seconds, one at every threshold of the SLA. */
export const durationBucketsSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.016, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5,
  10,
] as const;

/**
 * How a label is bounded: the values it can take, or `bounded` where the program itself lists them
 * (route templates, statement names). Never ids, queries or keys.
 */
export type LabelValues = readonly string[] | "bounded";

export interface MetricDefinition {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly unit: "seconds" | "bytes" | "cores" | "ratio" | "1";
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  readonly buckets?: readonly number[];
  /**
   * What the figures of several processes come to as one: of counters and histograms their increases,
   * of gauges their latest values. Absent: the sum.
   */
  readonly fleet?: FleetFold;
}

/** `mean` is over the processes that report. */
export type FleetFold = "sum" | "max" | "min" | "mean";

const classLabel = { class: cacheClassNames } as const;
const shadowLabels = { class: cacheClassNames, ttl_seconds: shadowTtlLabels } as const;

export const queryClasses = ["simple", "complex", "aggregation"] as const;
export type QueryClass = (typeof queryClasses)[number];

export const knobs = ["ttl", "pool", "scaling"] as const;
export type Knob = (typeof knobs)[number];

export const serviceMetrics = {
  requestDuration: {
    name: "http_server_request_duration_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time from a storefront request's arrival to its answer, by route template; probes and the performance API are not counted.",
    labels: {
      http_request_method: "bounded",
      http_route: "bounded",
      http_response_status_code: "bounded",
    },
    buckets: durationBucketsSeconds,
  },
  activeRequests: {
    name: "http_server_active_requests",
    kind: "gauge",
    unit: "1",
    help: "Requests in flight.",
    labels: {},
  },
  queryDuration: {
    name: "db_client_operation_duration_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time of a SQL statement as the service sees it, by statement name and query class.",
    labels: { db_operation_name: "bounded", mestore_query_class: queryClasses },
    buckets: durationBucketsSeconds,
  },
  queryErrors: {
    name: "mestore_database_errors_total",
    kind: "counter",
    unit: "1",
    help: "SQL statements that failed, by query class.",
    labels: { mestore_query_class: queryClasses },
  },
  cacheLookups: {
    name: "mestore_cache_lookups_total",
    kind: "counter",
    unit: "1",
    help: "Look-ups by outcome. Hit rate = hit / (hit + stale + coalesced + miss).",
    labels: { class: cacheClassNames, outcome: cacheOutcomes },
  },
  cacheLayerHits: {
    name: "mestore_cache_layer_hits_total",
    kind: "counter",
    unit: "1",
    help: "Answers that came from a layer (fresh, stale and negative): l1 in the process, l2 in Redis.",
    labels: { class: cacheClassNames, layer: ["l1", "l2"] },
  },
  cacheErrors: {
    name: "mestore_cache_errors_total",
    kind: "counter",
    unit: "1",
    help: "Operations on the shared layer that failed or timed out; the request went on without it.",
    labels: { class: cacheClassNames, operation: ["get", "set"] },
  },
  cacheOperationDuration: {
    name: "mestore_cache_operation_duration_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time of one operation on the shared layer.",
    labels: { class: cacheClassNames, operation: ["get", "set"] },
    buckets: durationBucketsSeconds,
  },
  cacheEntries: {
    name: "mestore_cache_l1_entries",
    kind: "gauge",
    unit: "1",
    help: "Entries in the process's own layer.",
    labels: classLabel,
  },
  cacheBytes: {
    name: "mestore_cache_l1_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "Bytes in the process's own layer.",
    labels: classLabel,
  },
  cacheTtl: {
    name: "mestore_cache_ttl_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "TTL in force.",
    labels: classLabel,
    fleet: "max",
  },
  shadowMisses: {
    name: "mestore_cache_shadow_misses_total",
    kind: "counter",
    unit: "1",
    help: "Shadow curve: look-ups that would have missed at this TTL, estimated from a sample of keys.",
    labels: shadowLabels,
  },
  shadowStale: {
    name: "mestore_cache_shadow_stale_total",
    kind: "counter",
    unit: "1",
    help: "Shadow curve: hits at this TTL that would have served content changed since it was loaded.",
    labels: shadowLabels,
  },
  shadowBytes: {
    name: "mestore_cache_shadow_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "Shadow curve: bytes that would be resident at this TTL, estimated from the sample.",
    labels: shadowLabels,
    fleet: "max",
  },
  shadowLookups: {
    name: "mestore_cache_shadow_lookups_total",
    kind: "counter",
    unit: "1",
    help: "All look-ups that the shadow curve is a share of.",
    labels: classLabel,
  },
  shadowSampled: {
    name: "mestore_cache_shadow_sampled_total",
    kind: "counter",
    unit: "1",
    help: "Look-ups whose key was in the sample.",
    labels: classLabel,
  },
  shadowObserved: {
    name: "mestore_cache_shadow_observed_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "How long the sample in use has observed; a point at TTL T is valid after 2 T.",
    labels: classLabel,
    fleet: "min",
  },
  shadowFleet: {
    name: "mestore_cache_shadow_fleet",
    kind: "gauge",
    unit: "1",
    help: "1 while the sample follows the references of every process on the shared layer, 0 while it follows this one alone.",
    labels: classLabel,
    fleet: "mean",
  },
  shadowProcesses: {
    name: "mestore_cache_shadow_processes",
    kind: "gauge",
    unit: "1",
    help: "Processes that share the layer, as this one last knew them.",
    labels: {},
    fleet: "max",
  },
  refillsChanged: {
    name: "mestore_cache_refills_changed_total",
    kind: "counter",
    unit: "1",
    help: "Refills whose content differed from what they replaced though no invalidation had touched it.",
    labels: classLabel,
  },
  refillChangedHits: {
    name: "mestore_cache_refill_changed_hits_total",
    kind: "counter",
    unit: "1",
    help: "Sum over refills of (hits the replaced entry had served) x (1 if the content changed).",
    labels: classLabel,
  },
  refillAgeHits: {
    name: "mestore_cache_refill_age_hits_seconds_total",
    kind: "counter",
    unit: "seconds",
    help: "Sum over refills of (hits the replaced entry had served) x (its age).",
    labels: classLabel,
  },
  storeUp: {
    name: "mestore_cache_store_up",
    kind: "gauge",
    unit: "1",
    help: "1 while the shared layer answers, 0 while the breaker is open.",
    labels: {},
    fleet: "min",
  },
  storeMemoryUsed: {
    name: "mestore_cache_store_memory_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "used_memory of the shared layer.",
    labels: {},
    fleet: "max",
  },
  storeMemoryLimit: {
    name: "mestore_cache_store_memory_limit_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "maxmemory of the shared layer; 0 where it is unknown or unlimited.",
    labels: {},
    fleet: "max",
  },
  storeEvictionPolicy: {
    name: "mestore_cache_store_evicts",
    kind: "gauge",
    unit: "1",
    help: "1 if the shared layer evicts entries when it is full, 0 if it refuses writes (noeviction).",
    labels: {},
    fleet: "max",
  },
  storeEvictions: {
    name: "mestore_cache_store_evictions_total",
    kind: "counter",
    unit: "1",
    help: "evicted_keys of the shared layer.",
    labels: {},
    fleet: "max",
  },
  tuningRevision: {
    name: "mestore_tuning_revision",
    kind: "gauge",
    unit: "1",
    help: "Revision of the tuning document in force; 0 before the first.",
    labels: {},
    fleet: "min",
  },
  tuningRejected: {
    name: "mestore_tuning_rejected_total",
    kind: "counter",
    unit: "1",
    help: "Tuning documents refused; the last good one stayed in force.",
    labels: {},
  },
  ...processMetrics,
  eventLoopLag: {
    name: "mestore_event_loop_lag_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "How late a timer fired, the largest of the last second.",
    labels: {},
    fleet: "max",
  },
} as const satisfies Record<string, MetricDefinition>;

export const operatorMetrics = {
  reconciles: {
    name: "mestore_operator_reconciles_total",
    kind: "counter",
    unit: "1",
    help: "Passes of the control loop, by outcome.",
    labels: { outcome: ["ok", "held", "failed"] },
  },
  reconcileDuration: {
    name: "mestore_operator_reconcile_duration_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time of one pass of the control loop.",
    labels: {},
    buckets: durationBucketsSeconds,
  },
  decisions: {
    name: "mestore_operator_decisions_total",
    kind: "counter",
    unit: "1",
    help: "Decisions by knob and what became of them.",
    labels: {
      knob: knobs,
      verdict: ["applied", "recommended", "verified", "unverified", "rolled_back"],
    },
  },
  metricsAvailable: {
    name: "mestore_operator_metrics_available",
    kind: "gauge",
    unit: "1",
    help: "1 while the observation is trusted, 0 while it is rejected and the loop holds.",
    labels: {},
  },
  profilesInvalid: {
    name: "mestore_operator_profiles_invalid",
    kind: "gauge",
    unit: "1",
    help: "Profiles whose newest text was refused; the last good one stays in force.",
    labels: {},
  },
  profiles: {
    name: "mestore_operator_profiles",
    kind: "gauge",
    unit: "1",
    help: "Profiles that this process sees.",
    labels: {},
  },
  rollbacks: {
    name: "mestore_operator_rollbacks_total",
    kind: "counter",
    unit: "1",
    help: "Changes that were taken back, by knob.",
    labels: { knob: knobs },
  },
  queueDepth: {
    name: "mestore_operator_queue_depth",
    kind: "gauge",
    unit: "1",
    help: "Profiles that are due and wait for a worker.",
    labels: {},
  },
  queueLatency: {
    name: "mestore_operator_queue_latency_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "How long a profile that is due waits for a worker.",
    labels: {},
    buckets: durationBucketsSeconds,
  },
  kubeRequests: {
    name: "mestore_operator_kube_requests_total",
    kind: "counter",
    unit: "1",
    help: "Requests to the Kubernetes API, by method and status code; `none` where no answer came.",
    labels: { method: ["GET", "POST", "PUT", "PATCH", "DELETE"], code: "bounded" },
  },
  watchRestarts: {
    name: "mestore_operator_watch_restarts_total",
    kind: "counter",
    unit: "1",
    help: "Watches that were opened anew: at their end, because the version was too old (410), after silence, after a failure.",
    labels: { resource: "bounded", reason: ["ended", "expired", "silent", "failed"] },
  },
  leader: {
    name: "mestore_operator_leader",
    kind: "gauge",
    unit: "1",
    help: "1 while this process holds the lease and works, 0 while it stands by.",
    labels: {},
  },
  ...processMetrics,
} as const satisfies Record<string, MetricDefinition>;
