import type { MetricDefinition } from "./metrics.ts";

/** What every program of MeStore says of its own process. */
export const processMetrics = {
  collectedAt: {
    name: "mestore_metrics_collected_timestamp_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "Unix time at which these figures were read, so that a stale copy can be told.",
    labels: {},
    fleet: "min",
  },
  processCpu: {
    name: "process_cpu_seconds_total",
    kind: "counter",
    unit: "seconds",
    help: "User and system CPU time.",
    labels: {},
    fleet: "mean",
  },
  processMemory: {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "Resident memory.",
    labels: {},
    fleet: "max",
  },
  processStart: {
    name: "process_start_time_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "Unix time at which the process started.",
    labels: {},
    fleet: "max",
  },
} as const satisfies Record<string, MetricDefinition>;
