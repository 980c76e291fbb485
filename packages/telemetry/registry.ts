import type { MetricDefinition } from "@mestore/contract/metrics";
import { type Samples, type Series, seriesKey } from "@mestore/contract/samples";
import { CounterCell, FlatDistribution, GaugeCell, Slots } from "./instruments.ts";

/** Values of the labels of a metric; every label of its definition must be given. */
export type LabelsOf<D extends MetricDefinition> = Readonly<Record<keyof D["labels"], string>>;

/** One series of a counter or gauge. Adding is an indexed write into a typed array. */
export interface Cell {
  add(amount: number): void;
  set(value: number): void;
}

/** One series of a histogram. */
export interface Distribution {
  /** In the unit of the metric. A value that is no number is no observation and is left out. */
  observe(value: number): void;
}

/**
 * The instruments of one process. Look a series up once, keep it, and use it on the hot path.
 * Asking twice for the same labels gives the same series.
 *
 * A label that is missing, unknown to the definition or outside its listed values throws: it is a
 * fault of the program, and a wrong series would be read by the control laws. So does the series
 * past `maxSeriesPerMetric`.
 *
 * A counter or histogram is born at 0, and where every label lists its values the first look-up
 * brings all combinations, because an increase cannot be read from a series that appears at 1.
 * A gauge that was never set is absent: 0 would be a reading.
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
  /**
   * Runs before every collection: for gauges that are read rather than kept.
   * @returns ends that; the gauges stay as they were read last
   */
  beforeCollect(read: () => void): () => void;
  /** All series as samples (histograms as _bucket, _sum, _count), for reading one's own figures. */
  collect(): Samples;
  /** The figures of this moment in their smallest form, 8 bytes a number, for keeping many. */
  capture(): Capture;
  /** A capture of this registry as samples. Series born after it are absent. */
  read(capture: Capture): Samples;
  /** The figures of this moment by metric, for an exposition. */
  families(): readonly Family[];
}

/** A copy of the arrays behind the instruments; only the registry that made it can read it. */
export interface Capture {
  readonly cells: Float64Array;
  readonly buckets: Float64Array;
}

/** All series of one metric. */
export type Family =
  | { readonly definition: MetricDefinition; readonly kind: "scalar"; readonly series: Series[] }
  | {
      readonly definition: MetricDefinition;
      readonly kind: "histogram";
      readonly edges: readonly number[];
      readonly series: HistogramSeries[];
    };

export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Observations per bucket, not cumulative; the last is above the largest edge. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** The cardinality limit of the OpenTelemetry metrics SDK specification. */
export const maxSeriesPerMetric = 2000;

/** One series as the registry keeps it; labels and keys are built once. */
interface Kept<Handle> {
  readonly labels: Readonly<Record<string, string>>;
  readonly key: string;
  readonly start: number;
  readonly handle: Handle;
}

interface Metric {
  readonly definition: MetricDefinition;
  readonly labelNames: readonly string[];
  readonly cells: Map<string, Kept<Cell>>;
  readonly distributions: Map<string, KeptDistribution>;
}

interface KeptDistribution extends Kept<Distribution> {
  /** Labels and key of each `_bucket` series, the last with `le="+Inf"`. */
  readonly bounds: readonly { labels: Readonly<Record<string, string>>; key: string }[];
}

export function createRegistry(): Registry {
  const cells = new Slots();
  const buckets = new Slots();
  const metrics = new Map<string, Metric>();
  const readers = new Set<() => void>();

  function metricOf(definition: MetricDefinition): Metric {
    const known = metrics.get(definition.name);
    if (known !== undefined) {
      if (known.definition !== definition)
        throw new TypeError(`${definition.name} is already defined otherwise`);
      return known;
    }
    const metric: Metric = {
      definition,
      labelNames: Object.keys(definition.labels),
      cells: new Map(),
      distributions: new Map(),
    };
    metrics.set(definition.name, metric);
    if (definition.kind !== "gauge") {
      for (const labels of combinations(definition)) {
        if (definition.kind === "histogram") addDistribution(metric, labels);
        else addCell(metric, labels);
      }
    }
    return metric;
  }

  function addCell(metric: Metric, labels: Readonly<Record<string, string>>): Cell {
    const id = labelId(metric, labels);
    expectListed(metric, labels);
    expectRoom(metric, metric.cells.size);
    const counter = metric.definition.kind === "counter";
    const start = cells.take(1, counter ? 0 : Number.NaN);
    const handle = counter ? new CounterCell(cells, start) : new GaugeCell(cells, start);
    metric.cells.set(id, { ...frozenLabels(metric, labels), start, handle });
    return handle;
  }

  function addDistribution(metric: Metric, labels: Readonly<Record<string, string>>): Distribution {
    const id = labelId(metric, labels);
    expectListed(metric, labels);
    expectRoom(metric, metric.distributions.size);
    const edges = edgesOf(metric.definition);
    const start = buckets.take(edges.length + 2, 0);
    const handle = new FlatDistribution(buckets, start, edges);
    const kept = frozenLabels(metric, labels);
    const bounds = [...edges.map(String), "+Inf"].map((le) => {
      const withEdge = Object.freeze({ ...kept.labels, le });
      return { labels: withEdge, key: seriesKey(withEdge) };
    });
    metric.distributions.set(id, { ...kept, start, handle, bounds });
    return handle;
  }

  function capture(): Capture {
    for (const read of readers) read();
    return { cells: cells.copy(), buckets: buckets.copy() };
  }

  return {
    cell(definition, labels) {
      const metric = metricOf(definition);
      return metric.cells.get(labelId(metric, labels))?.handle ?? addCell(metric, labels);
    },
    distribution(definition, labels) {
      const metric = metricOf(definition);
      const known = metric.distributions.get(labelId(metric, labels));
      return known?.handle ?? addDistribution(metric, labels);
    },
    beforeCollect(read) {
      // A reader of its own, so that one given twice can be ended once.
      const reader = () => read();
      readers.add(reader);
      return () => void readers.delete(reader);
    },
    capture,
    read: (taken) => readSamples(metrics.values(), taken),
    collect: () => readSamples(metrics.values(), capture()),
    families: () => readFamilies(metrics.values(), capture()),
  };
}

function edgesOf(definition: MetricDefinition): readonly number[] {
  if (definition.buckets === undefined) throw new TypeError(`${definition.name} has no buckets`);
  return definition.buckets;
}

/** All combinations of listed values; none if a label is only `bounded`. */
function combinations(definition: MetricDefinition): Readonly<Record<string, string>>[] {
  let all: [string, string][][] = [[]];
  for (const [name, values] of Object.entries(definition.labels)) {
    if (values === "bounded") return [];
    all = all.flatMap((pairs) => values.map((value) => pairs.concat([[name, value]])));
  }
  return all.map((pairs) => Object.fromEntries(pairs));
}

/** Identity of a series within its metric; cheaper than `seriesKey`, for look-ups. */
function labelId({ definition, labelNames }: Metric, labels: Readonly<Record<string, string>>) {
  let id = "";
  for (const name of labelNames) {
    const value: unknown = labels[name];
    if (typeof value !== "string" || value === "")
      throw new TypeError(`${definition.name} needs the label ${name}`);
    id += `${value}\u0000`;
  }
  const given = Object.keys(labels);
  if (given.length > labelNames.length)
    throw new TypeError(
      `${definition.name} has no label ${given.find((name) => !labelNames.includes(name))}`,
    );
  return id;
}

function expectListed({ definition }: Metric, labels: Readonly<Record<string, string>>): void {
  for (const [name, allowed] of Object.entries(definition.labels)) {
    const value = labels[name] ?? "";
    if (allowed !== "bounded" && !allowed.includes(value))
      throw new RangeError(`${definition.name}: ${name} has no value ${JSON.stringify(value)}`);
  }
}

function expectRoom(metric: Metric, series: number): void {
  if (series >= maxSeriesPerMetric)
    throw new RangeError(
      `${metric.definition.name} has ${series} series: one of its labels is not bounded`,
    );
}

function frozenLabels(metric: Metric, labels: Readonly<Record<string, string>>) {
  const own = Object.freeze(
    Object.fromEntries(metric.labelNames.map((name) => [name, labels[name] ?? ""])),
  );
  return { labels: own, key: seriesKey(own) };
}

function readSamples(metrics: Iterable<Metric>, capture: Capture): Samples {
  const samples = new Map<string, Map<string, Series>>();
  for (const metric of metrics) {
    const { name } = metric.definition;
    if (metric.cells.size > 0) {
      const series = new Map<string, Series>();
      for (const { labels, key, start } of metric.cells.values()) {
        const value = capture.cells[start];
        if (value !== undefined && !Number.isNaN(value)) series.set(key, { labels, value });
      }
      if (series.size > 0) samples.set(name, series);
    }
    if (metric.distributions.size > 0) {
      const perBucket = new Map<string, Series>();
      const sums = new Map<string, Series>();
      const counts = new Map<string, Series>();
      for (const { labels, key, start, bounds } of metric.distributions.values()) {
        const sum = capture.buckets[start + bounds.length];
        if (sum === undefined) continue;
        let cumulative = 0;
        bounds.forEach((bound, index) => {
          cumulative += capture.buckets[start + index] ?? 0;
          perBucket.set(bound.key, { labels: bound.labels, value: cumulative });
        });
        sums.set(key, { labels, value: sum });
        counts.set(key, { labels, value: cumulative });
      }
      if (sums.size > 0) {
        samples.set(`${name}_bucket`, perBucket);
        samples.set(`${name}_sum`, sums);
        samples.set(`${name}_count`, counts);
      }
    }
  }
  return samples;
}

function readFamilies(metrics: Iterable<Metric>, capture: Capture): Family[] {
  const families: Family[] = [];
  for (const { definition, cells, distributions } of metrics) {
    if (definition.kind === "histogram") {
      const edges = edgesOf(definition);
      const series = [...distributions.values()].map(({ labels, start }): HistogramSeries => {
        const end = start + edges.length + 1;
        const counts = [...capture.buckets.subarray(start, end)];
        const count = counts.reduce((total, one) => total + one, 0);
        return { labels, counts, sum: capture.buckets[end] ?? 0, count };
      });
      if (series.length > 0) families.push({ definition, kind: "histogram", edges, series });
      continue;
    }
    const series = [...cells.values()].flatMap(({ labels, start }): Series[] => {
      const value = capture.cells[start] ?? Number.NaN;
      return Number.isNaN(value) ? [] : [{ labels, value }];
    });
    if (series.length > 0) families.push({ definition, kind: "scalar", series });
  }
  return families;
}
