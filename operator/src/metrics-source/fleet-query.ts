import { serviceMetrics } from "@mestore/contract/metrics";
import {
  formatAggregation,
  formatRange,
  formatSelector,
  type LabelMatcher,
} from "@mestore/contract/promql";
import { collectSamples, type MetricWindow, seriesKey } from "@mestore/contract/samples";
import type { PodRevision, Reading, RejectedReading } from "../control/ports.ts";
import { leastReportingShare } from "./fleet-source.ts";
import { lawMetrics } from "./law-metrics.ts";
import { allowedAgeSeconds, rejected } from "./page-figures.ts";

/** Which window of which target is asked for. */
export interface FleetQuery {
  readonly matchers: readonly LabelMatcher[];
  /** Length of the window. */
  readonly seconds: number;
  /** How often the target is scraped. */
  readonly scrapeSeconds: number;
}

/** One element of an instant vector. */
export interface VectorElement {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Names the parts of the one vector that a window is: the set operators ignore a metric's own name. */
const partLabel = "part";
/** The label by which a Prometheus tells pods apart (kube-prometheus, Kubernetes service discovery). */
const podLabel = "pod";

/** Parts that are no metric of the laws. */
const parts = {
  revision: "pod_revision",
  seriesOfPod: "pod_series",
  ageOfPod: "pod_age_seconds",
  ageOfFigures: "pod_figures_age_seconds",
  start: "start_seconds",
} as const;

/** Two samples in a window of four scrapes, even if one is lost and another late. */
const wishedScrapes = 4;
/** Below this a Prometheus finds no increase at all. */
const leastScrapes = 2;
/** No window becomes longer for the sake of a lost scrape: a slice of the laws has this length. */
const sliceSeconds = 60;

/** The length that is asked for: a Prometheus finds no increase in less than a few scrapes. */
export function queriedSeconds({ seconds, scrapeSeconds }: FleetQuery): number {
  const wished = Math.min(wishedScrapes * scrapeSeconds, sliceSeconds);
  return Math.ceil(Math.max(seconds, wished, leastScrapes * scrapeSeconds));
}

/**
 * One instant query for everything that laws read of one window: the increases of counters and the
 * latest gauges, folded over the pods as the contract says; of each pod its revision, its age and how
 * often it is there; and since when there are figures.
 */
export function formatFleetQuery(query: FleetQuery): string {
  const { matchers, scrapeSeconds } = query;
  const seconds = queriedSeconds(query);
  const range = formatRange(seconds);
  const step = formatRange(scrapeSeconds);
  const figures = [...lawMetrics].map(([name, { counter, fold, kept }]) => {
    const selected = formatSelector({ metric: name }, matchers);
    const folded = formatAggregation(
      fold,
      kept,
      counter ? `increase(${selected}[${range}])` : selected,
    );
    return formatPart(name, folded);
  });
  const revision = formatSelector({ metric: serviceMetrics.tuningRevision.name }, matchers);
  const collectedAt = formatSelector({ metric: serviceMetrics.collectedAt.name }, matchers);
  const byPod = (aggregator: string, expression: string) =>
    `${aggregator} by (${podLabel}) (${expression})`;
  return [
    ...figures,
    formatPart(parts.revision, byPod("min", revision)),
    formatPart(parts.seriesOfPod, byPod("count", revision)),
    formatPart(parts.ageOfPod, byPod("min", `time() - timestamp(${revision})`)),
    formatPart(parts.ageOfFigures, byPod("max", `time() - ${collectedAt}`)),
    formatPart(parts.start, `min(min_over_time(timestamp(${revision})[${range}:${step}]))`),
  ].join("\nor ");
}

function formatPart(name: string, expression: string): string {
  return `label_replace(${expression}, "${partLabel}", "${name}", "", "")`;
}

/** When and for whom the answer to a `FleetQuery` is read. */
export interface FleetQueryContext extends FleetQuery {
  /** The moment that was asked for, in Unix seconds. */
  readonly atSeconds: number;
  /** Ready pods of the target. */
  readonly expectedPods: readonly string[];
}

/** What the answer comes to: a window, or why it is none. */
export function readFleetAnswer(
  elements: readonly VectorElement[],
  context: FleetQueryContext,
): Reading {
  const fault = findBadElement(elements);
  if (fault !== null) return fault;
  const pods = readPods(elements, context);
  if ("reason" in pods) return pods;
  return (
    findSlowScrapes(elements, context) ?? { ok: true, window: readWindow(elements, context), pods }
  );
}

/** Every process has counters: where none grew though there were series all along, samples are too few. */
function findSlowScrapes(
  elements: readonly VectorElement[],
  context: FleetQueryContext,
): RejectedReading | null {
  const valueOf = (part: string) =>
    elements.find(({ labels }) => labels[partLabel] === part)?.value;
  const hasGrowth = elements.some(
    ({ labels }) => lawMetrics.get(labels[partLabel] ?? "")?.counter === true,
  );
  const seconds = queriedSeconds(context);
  const startSeconds = valueOf(parts.start) ?? Infinity;
  if (hasGrowth || startSeconds > context.atSeconds - seconds + context.scrapeSeconds) return null;
  return rejected(
    "MetricsInvalid",
    `no counter has two samples within ${seconds} s: is it scraped more rarely than every ${context.scrapeSeconds} s, as metrics.prometheus.scrapeIntervalSeconds says?`,
  );
}

function noSeries({ matchers }: FleetQuery): RejectedReading {
  const example = formatSelector({ metric: serviceMetrics.tuningRevision.name }, matchers);
  return rejected("MetricsEmpty", `there is no series such as ${example}`);
}

function findBadElement(elements: readonly VectorElement[]): RejectedReading | null {
  for (const { labels, value } of elements) {
    const { [partLabel]: part, ...own } = labels;
    if (part === undefined)
      return rejected("MetricsInvalid", "the answer has series that were not asked for");
    if (!Number.isFinite(value))
      return rejected("MetricsNotANumber", `${part}{${seriesKey(own)}} is ${value}`);
    if (part === parts.seriesOfPod && value > 1)
      return rejected(
        "MetricsAmbiguous",
        `pod ${own[podLabel] ?? "without a name"} has ${value} series of each metric: is it scraped twice?`,
      );
  }
  return null;
}

function readPods(
  elements: readonly VectorElement[],
  context: FleetQueryContext,
): readonly PodRevision[] | RejectedReading {
  const byPod = (part: string) =>
    new Map(
      elements
        .filter(({ labels }) => labels[partLabel] === part)
        .map(({ labels, value }) => [labels[podLabel] ?? "", value]),
    );
  const { expectedPods } = context;
  const [sampled, collected] = [byPod(parts.ageOfPod), byPod(parts.ageOfFigures)];
  if (sampled.size === 0) return noSeries(context);
  if (expectedPods.length === 0) return rejected("TooFewPodsReporting", "no pod is ready");
  // Of the sample, or of what it says of itself: a page may come from a cache on its way.
  const ageOf = (pod: string) => Math.max(sampled.get(pod) ?? Infinity, collected.get(pod) ?? 0);
  const allowed = allowedAgeSeconds(context.scrapeSeconds);
  const reporting = expectedPods.filter((pod) => ageOf(pod) <= allowed);
  const youngest = Math.min(...expectedPods.map(ageOf));
  if (reporting.length === 0 && youngest !== Infinity)
    return rejected(
      "MetricsStale",
      `figures are ${Math.round(youngest)} s old, allowed are ${allowed} s`,
    );
  if (reporting.length < leastReportingShare * expectedPods.length)
    return rejected(
      "TooFewPodsReporting",
      `${reporting.length} of ${expectedPods.length} ready pods report, at least ${leastReportingShare * 100} % must`,
    );
  const revisions = byPod(parts.revision);
  return reporting.map((name) => ({ name, revision: revisions.get(name) ?? 0 }));
}

/**
 * `increase` carries on to the start of the range where the first sample is no further from it than this
 * many scrapes, else for half a scrape (Prometheus, promql/functions.go, extrapolatedRate).
 */
const extrapolatedScrapes = 1.1;

function readWindow(elements: readonly VectorElement[], context: FleetQueryContext): MetricWindow {
  const { atSeconds, scrapeSeconds } = context;
  const figures: { name: string; labels: Readonly<Record<string, string>>; value: number }[] = [];
  let startSeconds = atSeconds;
  for (const { labels, value } of elements) {
    const { [partLabel]: part = "", ...own } = labels;
    if (lawMetrics.has(part)) figures.push({ name: part, labels: own, value });
    else if (part === parts.start) startSeconds = value;
  }
  const asked = atSeconds - queriedSeconds(context);
  return {
    fromSeconds:
      startSeconds - asked < extrapolatedScrapes * scrapeSeconds
        ? asked
        : startSeconds - scrapeSeconds / 2,
    toSeconds: atSeconds,
    first: new Map(),
    last: collectSamples(figures),
  };
}
