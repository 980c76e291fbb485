import { serviceMetrics } from "@mestore/contract/metrics";
import { histogramIncrease, interpolateQuantile, measure } from "@mestore/contract/measure";
import {
  collectSamples,
  increase,
  latestSeries,
  type MetricWindow,
  type Samples,
} from "@mestore/contract/samples";
import { hitRateIndicator } from "@mestore/contract/sla";
import { parseExposition } from "@mestore/operator/metrics-source/exposition";

/** One reading of a service's `/metrics`. */
export interface MetricReading {
  readonly atSeconds: number;
  readonly samples: Samples;
}

/** @throws when there is no answer within `timeoutMs`, or it is no exposition */
export async function readServiceMetrics(url: string, timeoutMs: number): Promise<MetricReading> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const parsed = parseExposition(text);
  if (!parsed.ok) throw new Error(`${url}: ${parsed.detail}`);
  return { atSeconds: Date.now() / 1000, samples: collectSamples(parsed.exposition.samples) };
}

/** What shoppers get, over a short window. A figure that cannot be told is null. */
export interface ServiceFigures {
  readonly requestsPerSecond: number | null;
  readonly p95Ms: number | null;
  /** Fresh hits of the cache class `product`, 0 to 1. */
  readonly productHitRate: number | null;
  readonly productTtlSeconds: number | null;
}

/** Figures between two readings of the same process, the later one last. */
export function describeService(first: MetricReading, last: MetricReading): ServiceFigures {
  const window: MetricWindow = {
    fromSeconds: first.atSeconds,
    toSeconds: last.atSeconds,
    first: first.samples,
    last: last.samples,
  };
  const seconds = last.atSeconds - first.atSeconds;
  const requests = increase(window, [{ metric: `${serviceMetrics.requestDuration.name}_count` }]);
  const durations = histogramIncrease(window, { metric: serviceMetrics.requestDuration.name });
  const answered = (durations?.counts.at(-1) ?? 0) > 0;
  const hits = measure(hitRateIndicator(["product"]), window);
  const [ttl] = latestSeries(window, {
    metric: serviceMetrics.cacheTtl.name,
    labels: { class: "product" },
  });
  return {
    requestsPerSecond: seconds <= 0 ? null : (requests ?? 0) / seconds,
    p95Ms: durations !== undefined && answered ? interpolateQuantile(durations, 0.95) * 1000 : null,
    productHitRate: hits.ok ? hits.measurement.value : null,
    productTtlSeconds: ttl?.value ?? null,
  };
}

/** Start of the process that a reading is of: counters begin anew with it. */
export function startOf(reading: MetricReading): number | null {
  const series = reading.samples.get(serviceMetrics.processStart.name)?.values().next();
  return series?.done === false ? series.value.value : null;
}
