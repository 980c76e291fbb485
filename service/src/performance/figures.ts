import {
  type HistogramIncrease,
  histogramIncrease,
  interpolateQuantile,
  measure,
} from "@mestore/contract/measure";
import {
  increase,
  latestSeries,
  type MetricWindow,
  type Selector,
} from "@mestore/contract/samples";
import type { Indicator } from "@mestore/contract/sla";

/**
 * Figures of one window for people. A figure that cannot be told is left out of the object that is
 * spread into an answer.
 */

/** An object of `name` if there is a value, else an empty one. */
export function present<Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): Partial<Record<Name, Value>> {
  return value === null || value === undefined
    ? {}
    : ({ [name]: value } as Partial<Record<Name, Value>>);
}

export function secondsOf(window: MetricWindow): number {
  return Math.max(0, window.toSeconds - window.fromSeconds);
}

/** Null in a window without length. */
export function perSecond(amount: number, window: MetricWindow): number | null {
  const seconds = secondsOf(window);
  return seconds > 0 ? amount / seconds : null;
}

/** Increase of a counter; 0 where it has no series, since nothing was counted. */
export function grown(window: MetricWindow, selector: Selector): number {
  return increase(window, [selector]) ?? 0;
}

/** Latest value of a metric that has one series, null where there is none. */
export function latest(window: MetricWindow, selector: Selector): number | null {
  return latestSeries(window, selector)[0]?.value ?? null;
}

/** Null when nothing happened. */
export function valueOf(window: MetricWindow, indicator: Indicator): number | null {
  const measured = measure(indicator, window);
  return measured.ok ? measured.measurement.shown : null;
}

export interface LatencyFigures {
  readonly count: number;
  readonly latency: { meanMs?: number; p50Ms?: number; p95Ms?: number; p99Ms?: number };
}

/** Observations of a histogram of seconds, and their latencies in milliseconds. */
export function readLatency(window: MetricWindow, histogram: Selector): LatencyFigures {
  const buckets = histogramIncrease(window, histogram);
  const count = buckets?.counts.at(-1) ?? 0;
  if (buckets === undefined || count <= 0) return { count: 0, latency: {} };
  const meanSeconds = valueOf(window, { kind: "mean", histogram });
  return {
    count,
    latency: {
      ...present("meanMs", meanSeconds === null ? null : meanSeconds * 1000),
      p50Ms: quantileMs(buckets, 0.5),
      p95Ms: quantileMs(buckets, 0.95),
      p99Ms: quantileMs(buckets, 0.99),
    },
  };
}

function quantileMs(buckets: HistogramIncrease, quantile: number): number {
  return interpolateQuantile(buckets, quantile) * 1000;
}

/** When and how long, as every answer says it. */
export function describeWindow(window: MetricWindow) {
  return {
    from: new Date(window.fromSeconds * 1000).toISOString(),
    to: new Date(window.toSeconds * 1000).toISOString(),
    seconds: secondsOf(window),
  };
}
