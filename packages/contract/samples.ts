/**
 * Metric samples as plain data, and what changed between two readings of them. Both programs use
 * it: the service on its own instruments, the operator on what it scraped.
 */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** By metric name (histograms as `_bucket`, `_sum`, `_count`), then by `seriesKey` of the labels. */
export type Samples = ReadonlyMap<string, ReadonlyMap<string, Series>>;

/** Two readings, counters already free of resets, so that a difference is an increase. */
export interface MetricWindow {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly first: Samples;
  readonly last: Samples;
}

/** Series of `metric` whose labels match: a string is equality, a list is "one of". */
export interface Selector {
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string | readonly string[]>>;
  /** Labels that must not have one of these values. */
  readonly except?: Readonly<Record<string, readonly string[]>>;
}

/** One string per set of labels, whatever the order they were written in. */
export function seriesKey(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(",");
}

/** Builds `Samples` from single readings. A repeated series keeps the last value. */
export function collectSamples(
  readings: Iterable<{ name: string; labels: Readonly<Record<string, string>>; value: number }>,
): Samples {
  const samples = new Map<string, Map<string, Series>>();
  for (const { name, labels, value } of readings) {
    let series = samples.get(name);
    if (series === undefined) samples.set(name, (series = new Map()));
    series.set(seriesKey(labels), { labels, value });
  }
  return samples;
}

function matches(series: Series, selector: Selector): boolean {
  for (const [name, wanted] of Object.entries(selector.labels ?? {})) {
    const value = series.labels[name];
    if (value === undefined) return false;
    if (typeof wanted === "string" ? value !== wanted : !wanted.includes(value)) return false;
  }
  for (const [name, unwanted] of Object.entries(selector.except ?? {})) {
    if (unwanted.includes(series.labels[name] ?? "")) return false;
  }
  return true;
}

/** The series of the latest reading that a selector names. */
export function latestSeries(window: MetricWindow, selector: Selector): readonly Series[] {
  const series = window.last.get(selector.metric);
  return series === undefined ? [] : [...series.values()].filter((one) => matches(one, selector));
}

/**
 * Summed increase of the selected counters over the window. A series that the first reading lacks
 * began at zero. `undefined`: no such series, which is not the same as an increase of zero.
 */
export function increase(window: MetricWindow, selectors: readonly Selector[]): number | undefined {
  let total: number | undefined;
  for (const selector of selectors) {
    const before = window.first.get(selector.metric);
    for (const [key, series] of window.last.get(selector.metric) ?? []) {
      if (!matches(series, selector)) continue;
      total = (total ?? 0) + series.value - (before?.get(key)?.value ?? 0);
    }
  }
  return total;
}
