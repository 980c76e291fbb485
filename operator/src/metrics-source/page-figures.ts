import { serviceMetrics } from "@mestore/contract/metrics";
import { seriesKey } from "@mestore/contract/samples";
import type { MetricsRejection, RejectedReading } from "../control/ports.ts";
import { type Exposition, parseExposition } from "./exposition.ts";
import { type LawMetric, lawMetrics, typeFault } from "./law-metrics.ts";

/** One series of a process, its labels reduced to those that laws tell apart. */
export interface ProcessSeries {
  readonly metric: LawMetric;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The same for the same name and labels, in whatever order they came. */
  readonly id: string;
  /** Of a counter, as the process counts since its start; of a gauge, the latest. */
  readonly value: number;
}

/** What one page of one process says to the laws. */
export interface PageFigures {
  readonly series: readonly ProcessSeries[];
  /** Start of the process in Unix seconds; undefined where it does not say. */
  readonly startSeconds: number | undefined;
  /** Revision of the tuning document that it runs; undefined where it does not say. */
  readonly revision: number | undefined;
}

export const rejected = (reason: MetricsRejection, detail: string): RejectedReading => ({
  ok: false,
  reason,
  detail,
});

/** Figures older than this, or than three intervals, are stale (docs/tuning.md, "Observation quality"). */
const staleSeconds = 60;
const staleIntervals = 3;

/** How old figures may be, in seconds. */
export function allowedAgeSeconds(scrapeSeconds: number): number {
  return Math.max(staleSeconds, staleIntervals * scrapeSeconds);
}

/** Reads one page as of `nowSeconds`. One bad sample of a law's metric rejects all of it. */
export function readPageFigures(
  page: string,
  nowSeconds: number,
  scrapeSeconds: number,
): PageFigures | RejectedReading {
  const parsed = parseExposition(page);
  if (!parsed.ok) return rejected("MetricsInvalid", parsed.detail);
  const series = selectSeries(parsed.exposition);
  if ("reason" in series) return series;
  const gauge = (name: string) => series.find((one) => one.name === name)?.value;
  // A page that carries no time of its own cannot be told to be old, and is taken as new.
  const age = nowSeconds - (gauge(serviceMetrics.collectedAt.name) ?? nowSeconds);
  const allowed = allowedAgeSeconds(scrapeSeconds);
  if (age > allowed)
    return rejected(
      "MetricsStale",
      `figures are ${Math.round(age)} s old, allowed are ${allowed} s`,
    );
  return {
    series,
    startSeconds: gauge(serviceMetrics.processStart.name),
    revision: gauge(serviceMetrics.tuningRevision.name),
  };
}

/**
 * The series that laws and objectives read. Two with the same labels of the contract are two
 * processes behind one address: which one counts nobody can say.
 */
function selectSeries({ types, samples }: Exposition): ProcessSeries[] | RejectedReading {
  const wrongType = typeFault(types);
  if (wrongType !== null) return rejected("MetricsInvalid", wrongType);
  const seen = new Set<string>();
  const selected = new Map<string, Sum>();
  for (const { name, labels, value } of samples) {
    const metric = lawMetrics.get(name);
    if (metric === undefined) continue;
    const own = identify(name, metric.labels, labels);
    const describe = () => `${name}{${seriesKey(pick(labels, metric.labels))}}`;
    if (!Number.isFinite(value)) return rejected("MetricsNotANumber", `${describe()} is ${value}`);
    if (seen.has(own)) return rejected("MetricsAmbiguous", `${describe()} stands twice`);
    seen.add(own);
    const id = metric.kept === metric.labels ? own : identify(name, metric.kept, labels);
    const known = selected.get(id);
    if (known === undefined)
      selected.set(id, { metric, name, labels: pick(labels, metric.kept), id, value });
    else known.value += value;
  }
  if (selected.size === 0)
    return rejected("MetricsEmpty", `none of the ${samples.length} samples is one that laws read`);
  return [...selected.values()];
}

type Sum = { -readonly [field in keyof ProcessSeries]: ProcessSeries[field] };

type Labels = Readonly<Record<string, string>>;

/** The same for the same values of these labels; quicker to make than a text for people. */
function identify(name: string, names: readonly string[], labels: Labels): string {
  let id = name;
  for (const label of names) id += `\0${labels[label] ?? ""}`;
  return id;
}

function pick(labels: Labels, names: readonly string[]): Labels {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const text = labels[name];
    if (text !== undefined) picked[name] = text;
  }
  return picked;
}
