import type { Indicator } from "./sla.ts";
import { increase, latestSeries, type MetricWindow, type Selector } from "./samples.ts";

/**
 * Interprets an Indicator on samples. Its twin writes the same Indicators as PromQL.
 */
export interface Measurement {
  /** Observations behind the value: requests, look-ups, queries, or series for a gauge. */
  readonly samples: number;
  /**
   * What the objective is judged by: the ratio, the mean, the latest value, or for `overThreshold`
   * the share of observations above the edge.
   */
  readonly value: number;
  /** What people are shown: the same, or for `overThreshold` the interpolated quantile in seconds. */
  readonly shown: number;
}

export type Measured =
  | { readonly ok: true; readonly measurement: Measurement }
  /** `NoSamples`: nothing happened in the window. That is not zero. */
  | { readonly ok: false; readonly reason: "NoSamples" | "ThresholdNotABucket" };

const none: Measured = { ok: false, reason: "NoSamples" };
const measured = (samples: number, value: number, shown = value): Measured => ({
  ok: true,
  measurement: { samples, value, shown },
});

/** Measures `indicator` over `window`. */
export function measure(indicator: Indicator, window: MetricWindow): Measured {
  switch (indicator.kind) {
    case "ratio": {
      const total = increase(window, indicator.total);
      if (total === undefined || total <= 0) return none;
      return measured(total, (increase(window, indicator.good) ?? 0) / total);
    }
    case "mean": {
      const [count, sum] = ["_count", "_sum"].map((suffix) =>
        increase(window, [suffixed(indicator.histogram, suffix)]),
      );
      if (count === undefined || sum === undefined || count <= 0) return none;
      return measured(count, sum / count);
    }
    case "overThreshold":
      return measureOverThreshold(indicator, window);
    case "gauge": {
      const series = latestSeries(window, indicator.metric);
      if (series.length === 0) return none;
      return measured(series.length, Math.max(...series.map((one) => one.value)));
    }
    case "rate": {
      const seconds = window.toSeconds - window.fromSeconds;
      const grown = increase(window, [indicator.counter]);
      if (grown === undefined || seconds <= 0) return none;
      return measured(1, grown / seconds);
    }
  }
}

function suffixed(selector: Selector, suffix: string): Selector {
  return { ...selector, metric: selector.metric + suffix };
}

/** Increases of a histogram's buckets over a window: upper edges (the last is +Inf), cumulative counts. */
export interface HistogramIncrease {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** Sums the selected histograms' buckets. `undefined`: no such histogram. */
export function histogramIncrease(
  window: MetricWindow,
  histogram: Selector,
): HistogramIncrease | undefined {
  const buckets = suffixed(histogram, "_bucket");
  const labels = new Set(latestSeries(window, buckets).map((series) => series.labels["le"] ?? ""));
  if (labels.size === 0) return undefined;
  const sorted = [...labels]
    .map((label) => ({ label, edge: label === "+Inf" ? Infinity : Number(label) }))
    .sort((a, b) => a.edge - b.edge);
  const counts = sorted.map(
    ({ label }) =>
      increase(window, [{ ...buckets, labels: { ...buckets.labels, le: label } }]) ?? 0,
  );
  return { edges: sorted.map(({ edge }) => edge), counts };
}

/**
 * The quantile by linear interpolation inside its bucket, as Prometheus' `histogram_quantile` does;
 * in the +Inf bucket it is the largest finite edge. For people, never for a verdict.
 */
export function interpolateQuantile(histogram: HistogramIncrease, quantile: number): number {
  const { edges, counts } = histogram;
  const total = counts.at(-1) ?? 0;
  if (total <= 0) return Number.NaN;
  const rank = quantile * total;
  const index = counts.findIndex((count) => count >= rank);
  const upper = edges[index] ?? Infinity;
  if (upper === Infinity) return edges.at(-2) ?? Infinity;
  const lower = index === 0 ? 0 : (edges[index - 1] ?? 0);
  const below = index === 0 ? 0 : (counts[index - 1] ?? 0);
  const inside = (counts[index] ?? 0) - below;
  return inside <= 0 ? upper : lower + ((upper - lower) * (rank - below)) / inside;
}

function measureOverThreshold(
  indicator: Extract<Indicator, { kind: "overThreshold" }>,
  window: MetricWindow,
): Measured {
  const histogram = histogramIncrease(window, indicator.histogram);
  const total = histogram?.counts.at(-1) ?? 0;
  if (histogram === undefined || total <= 0) return none;
  const edge = histogram.edges.indexOf(indicator.edgeSeconds);
  if (edge < 0) return { ok: false, reason: "ThresholdNotABucket" };
  const above = total - (histogram.counts[edge] ?? 0);
  return measured(total, above / total, interpolateQuantile(histogram, indicator.quantile));
}
