import { serviceMetrics } from "@mestore/contract/metrics";
import { seriesKey } from "@mestore/contract/samples";
import type { MetricsRejection, MetricsSource, Reading } from "../control/ports.ts";
import { type Exposition, parseExposition } from "./exposition.ts";
import { createSampleHistory, type ReadSeries } from "./history.ts";
import { lawMetrics, typeFault } from "./law-metrics.ts";

export interface Rejected {
  readonly ok: false;
  readonly reason: MetricsRejection;
  readonly detail: string;
}

export const rejected = (reason: MetricsRejection, detail: string): Rejected => ({
  ok: false,
  reason,
  detail,
});

export interface PageSourceOptions {
  /** One page of a process's exposition, or why there is none. Never throws. */
  readonly readPage: () => Promise<string | Rejected>;
  /** A reading younger than half of this answers without another page. */
  readonly scrapeSeconds: number;
  /** How far back windows reach. */
  readonly longestWindowSeconds: number;
  /** Wall-clock seconds. */
  readonly now: () => number;
}

/** Figures older than this, or than three intervals, are stale (observation quality of the laws). */
const staleSeconds = 60;
const staleIntervals = 3;

/** Every reading of the last this many is kept; older ones are thinned. Covers the slices that are compared. */
const fineReadings = 120;

/** A start time that differs by less is the same process: exporters compute it from an uptime. */
const sameStartSeconds = 1;

/**
 * A MetricsSource on the expositions of one process, with the history that windows need. Windows are
 * as old as this object: after a start they grow from nothing.
 */
export function createPageSource(options: PageSourceOptions): MetricsSource {
  const { scrapeSeconds, now } = options;
  const history = createSampleHistory({
    fineSeconds: fineReadings * scrapeSeconds,
    longestSeconds: options.longestWindowSeconds,
    toleranceSeconds: scrapeSeconds / 2,
  });
  let startedAt: number | null = null;
  let latest: { readonly atSeconds: number; readonly outcome: Rejected | null } | null = null;
  let running: Promise<Rejected | null> | null = null;

  async function readOnce(): Promise<Rejected | null> {
    const page = await options.readPage();
    if (typeof page !== "string") return page;
    const parsed = parseExposition(page);
    if (!parsed.ok) return rejected("MetricsInvalid", parsed.detail);
    const atSeconds = now();
    const series = selectSeries(parsed.exposition);
    if ("reason" in series) return series;
    const stale = staleness(series, atSeconds, scrapeSeconds);
    if (stale !== null) return stale;
    const start = gauge(series, serviceMetrics.processStart.name);
    const restarted =
      start !== undefined && startedAt !== null && Math.abs(start - startedAt) > sameStartSeconds;
    startedAt = start ?? startedAt;
    history.record(atSeconds, series, restarted);
    return null;
  }

  async function refresh(): Promise<Rejected | null> {
    if (latest !== null && now() - latest.atSeconds < scrapeSeconds / 2) return latest.outcome;
    running ??= readOnce().finally(() => {
      running = null;
    });
    const outcome = await running;
    latest = { atSeconds: now(), outcome };
    return outcome;
  }

  return {
    async window(seconds): Promise<Reading> {
      const outcome = await refresh();
      if (outcome !== null) return outcome;
      const window = history.window(seconds);
      return window === null
        ? rejected("MetricsEmpty", "nothing was read yet")
        : { ok: true, window };
    },
  };
}

/**
 * The series that laws and objectives read, their labels reduced to those of the contract. Two that
 * become the same are two processes behind one address: which one counts nobody can say.
 */
function selectSeries({ types, samples }: Exposition): ReadSeries[] | Rejected {
  const wrongType = typeFault(types);
  if (wrongType !== null) return rejected("MetricsInvalid", wrongType);
  const seen = new Set<string>();
  const selected: ReadSeries[] = [];
  for (const { name, labels, value } of samples) {
    const metric = lawMetrics.get(name);
    if (metric === undefined) continue;
    const own: Record<string, string> = {};
    for (const label of metric.labels) {
      const text = labels[label];
      if (text !== undefined) own[label] = text;
    }
    const id = `${name}{${seriesKey(own)}}`;
    if (!Number.isFinite(value)) return rejected("MetricsNotANumber", `${id} is ${value}`);
    if (seen.has(id)) return rejected("MetricsAmbiguous", `${id} stands twice`);
    seen.add(id);
    selected.push({ name, labels: own, value, counter: metric.counter });
  }
  if (selected.length === 0)
    return rejected("MetricsEmpty", `none of the ${samples.length} samples is one that laws read`);
  return selected;
}

/** A page that carries no time of its own cannot be told to be old, and is taken as new. */
function staleness(
  series: readonly ReadSeries[],
  nowSeconds: number,
  scrapeSeconds: number,
): Rejected | null {
  const collectedAt = gauge(series, serviceMetrics.collectedAt.name);
  if (collectedAt === undefined) return null;
  const allowed = Math.max(staleSeconds, staleIntervals * scrapeSeconds);
  const age = nowSeconds - collectedAt;
  if (age <= allowed) return null;
  return rejected("MetricsStale", `figures are ${Math.round(age)} s old, allowed are ${allowed} s`);
}

function gauge(series: readonly ReadSeries[], name: string): number | undefined {
  return series.find((one) => one.name === name)?.value;
}
