import type { MetricDefinition } from "@mestore/contract/metrics";
import type { Samples } from "@mestore/contract/samples";

/** Values of the labels of a metric; every label of its definition must be given. */
export type LabelsOf<D extends MetricDefinition> = Readonly<Record<keyof D["labels"], string>>;

/** One series of a counter or gauge. Adding is an indexed write into a typed array. */
export interface Cell {
  add(amount: number): void;
  set(value: number): void;
}

/** One series of a histogram. */
export interface Distribution {
  observe(value: number): void;
}

/**
 * The instruments of one process. Look a series up once, keep it, and use it on the hot path.
 * Asking twice for the same labels gives the same series.
 */
export interface Registry {
  cell<D extends MetricDefinition & { kind: "counter" | "gauge" }>(
    definition: D,
    labels: LabelsOf<D>,
  ): Cell;
  distribution<D extends MetricDefinition & { kind: "histogram" }>(
    definition: D,
    labels: LabelsOf<D>,
  ): Distribution;
  /** Runs before every collection: for gauges that are read rather than kept. */
  beforeCollect(read: () => void): void;
  /** All series as samples (histograms as _bucket, _sum, _count), for reading one's own figures. */
  collect(): Samples;
}
