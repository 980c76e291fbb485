import { hitRateOutcomes } from "@mestore/contract/cache-classes";
import { histogramIncrease, measure } from "@mestore/contract/measure";
import { serviceMetrics } from "@mestore/contract/metrics";
import {
  increase,
  latestSeries,
  type MetricWindow,
  type Selector,
} from "@mestore/contract/samples";
import { readShadowCurve, type ShadowCurve, shadowTtlLabels } from "@mestore/contract/shadow-curve";
import {
  hitRateIndicator,
  minimumSamples,
  type Objective,
  serverErrorCodes,
} from "@mestore/contract/sla";
import type { Timing } from "./timing.ts";
import type { RateSample, StoreMemory, UpdateSample } from "./ttl-types.ts";
import type { Slice } from "./slices.ts";

/**
 * From samples to what the laws look at: verdicts on objectives, and the readings of one window.
 * `null` says that the metric is not there or that nothing happened, which is never zero.
 */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Two-sided 95 %: the quantile of the normal distribution that verdicts are given with. */
export const verdictZ = 1.959964;

/**
 * Wilson's score interval for a share (Wilson 1927; Brown, Cai and DasGupta, "Interval Estimation
 * for a Binomial Proportion", 2001, recommend it from small numbers on). Nothing seen: 0 to 1.
 */
export function wilsonInterval(successes: number, total: number, z: number): Interval {
  if (!(total > 0) || !Number.isFinite(total) || Number.isNaN(successes))
    return { low: 0, high: 1 };
  const share = Math.min(1, Math.max(0, successes / total));
  const z2 = z * z;
  const centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half =
    (z * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total * total))) / (1 + z2 / total);
  return {
    low: share === 0 ? 0 : Math.max(0, centre - half),
    high: share === 1 ? 1 : Math.min(1, centre + half),
  };
}

export type JudgementReason =
  | "NoSamples"
  | "TooFewSamples"
  | "ThresholdNotABucket"
  | "NotANumber"
  /** The interval of the measured share holds the target: more samples are needed to tell. */
  | "TooClose";

export interface Judgement {
  readonly name: string;
  readonly target: number;
  /** What people are shown, in the unit of the objective; null when nothing could be measured. */
  readonly current: number | null;
  readonly verdict: "Met" | "Violated" | "Inconclusive";
  readonly samples: number;
  /** Why it is inconclusive. */
  readonly reason?: JudgementReason;
}

/**
 * Judges one objective on one window. Shares are judged by their Wilson interval: met or violated
 * only when the whole of it lies on one side, a latency by the share above its bucket edge against
 * 1 - quantile (a quantile in the +Inf bucket is thus violated, not missing). Means and gauges
 * have no interval and are compared as they are.
 */
export function judgeObjective(objective: Objective, window: MetricWindow): Judgement {
  const { name, target, indicator, better } = objective;
  const result = measure(indicator, window);
  if (!result.ok)
    return {
      name,
      target,
      current: null,
      verdict: "Inconclusive",
      samples: 0,
      reason: result.reason,
    };
  const { samples, value, shown } = result.measurement;
  const inconclusive = (reason: JudgementReason): Judgement => ({
    name,
    target,
    current: Number.isFinite(shown) ? shown : null,
    verdict: "Inconclusive",
    samples: Number.isFinite(samples) ? samples : 0,
    reason,
  });
  if (![samples, value, shown].every(Number.isFinite)) return inconclusive("NotANumber");
  if (samples < objective.minimumSamples) return inconclusive("TooFewSamples");

  const isShare = indicator.kind === "ratio" || indicator.kind === "overThreshold";
  const { low, high } = isShare
    ? wilsonInterval(value * samples, samples, verdictZ)
    : { low: value, high: value };
  const below = indicator.kind === "overThreshold" || better === "below";
  const limit = indicator.kind === "overThreshold" ? 1 - indicator.quantile : target;
  const met = below ? high <= limit : low >= limit;
  const violated = below ? low > limit : high < limit;
  if (!met && !violated) return inconclusive("TooClose");
  return { name, target, current: shown, verdict: met ? "Met" : "Violated", samples };
}

const ofClass = (metric: { readonly name: string }, cacheClass: string): Selector => ({
  metric: metric.name,
  labels: { class: cacheClass },
});

/** TTL in force. Null: not exported, or the pods do not agree (a change is on its way). */
export function readTtlInForce(window: MetricWindow, cacheClass: string): number | null {
  const values = new Set(
    latestSeries(window, ofClass(serviceMetrics.cacheTtl, cacheClass)).map(({ value }) => value),
  );
  const [only] = values;
  return values.size === 1 && only !== undefined ? only : null;
}

/** Fresh hits and judged look-ups of one class. */
export function readRateSample(window: MetricWindow, cacheClass: string): RateSample | null {
  const indicator = hitRateIndicator([cacheClass]);
  if (indicator.kind !== "ratio") return null;
  const lookups = increase(window, indicator.total);
  if (lookups === undefined) return null;
  return { lookups, hits: increase(window, indicator.good) ?? 0, seconds: secondsOf(window) };
}

/**
 * The shadow curve of one class; the youngest sample limits its validity. Processes that follow the
 * fleet's sample add up to one curve. Processes that each follow their own are read at P x T. Null
 * where some do the one and some the other, now or within the window: such sums are no curve.
 */
export function readShadowWindow(window: MetricWindow, cacheClass: string): ShadowCurve | null {
  const grown = (selector: Selector) => increase(window, [selector]);
  const lookups = grown(ofClass(serviceMetrics.shadowLookups, cacheClass));
  const observed = latestSeries(window, ofClass(serviceMetrics.shadowObserved, cacheClass));
  if (lookups === undefined || observed.length === 0) return null;
  const processes = readAloneProcesses(window, cacheClass);
  if (processes === null) return null;
  const byTtl = (metric: { readonly name: string }) =>
    shadowTtlLabels.map(
      (ttl) =>
        grown({ metric: metric.name, labels: { class: cacheClass, ttl_seconds: ttl } }) ?? null,
    );
  const misses = byTtl(serviceMetrics.shadowMisses);
  if (misses.includes(null)) return null;
  return readShadowCurve({
    lookups,
    sampled: grown(ofClass(serviceMetrics.shadowSampled, cacheClass)) ?? 0,
    misses: misses.map((value) => value ?? 0),
    stale: byTtl(serviceMetrics.shadowStale).map((value) => value ?? 0),
    observedSeconds: Math.min(...observed.map(({ value }) => value)),
    seconds: secondsOf(window),
    processes,
  });
}

/**
 * Processes that share the layer while each counts by itself; 1 where they follow the fleet, and
 * where nothing is said about it. Null: neither holds for all of them over the whole window.
 */
function readAloneProcesses(window: MetricWindow, cacheClass: string): number | null {
  const selector = ofClass(serviceMetrics.shadowFleet, cacheClass);
  const following = [window.last, window.first].flatMap((samples) =>
    latestSeries({ ...window, last: samples }, selector).map(({ value }) => value),
  );
  if (following.every((value) => value === 1)) return 1;
  if (following.some((value) => value !== 0)) return null;
  const known = latestSeries(window, { metric: serviceMetrics.shadowProcesses.name });
  return Math.max(1, ...known.map(({ value }) => value));
}

/** What refills said about changes that no tag moved. */
export function readUpdateSample(window: MetricWindow, cacheClass: string): UpdateSample | null {
  const [changedRefills, changedHits, ageHitsSeconds] = [
    serviceMetrics.refillsChanged,
    serviceMetrics.refillChangedHits,
    serviceMetrics.refillAgeHits,
  ].map((metric) => increase(window, [ofClass(metric, cacheClass)]));
  if (changedRefills === undefined || changedHits === undefined || ageHitsSeconds === undefined)
    return null;
  return { changedRefills, changedHits, ageHitsSeconds, seconds: secondsOf(window) };
}

/**
 * Bytes that a class holds for each hit it served. Bytes are those of the shadow curve at the grid
 * point nearest to the TTL in force (what the shared layer holds), else those of the processes' own
 * layer.
 */
export function readBytesPerHit(window: MetricWindow, cacheClass: string): number | null {
  const hits = readRateSample(window, cacheClass)?.hits;
  const bytes = residentBytes(window, cacheClass);
  return hits === undefined || bytes === null ? null : bytes / Math.max(1, hits);
}

function residentBytes(window: MetricWindow, cacheClass: string): number | null {
  const total = (selector: Selector) => {
    const series = latestSeries(window, selector);
    return series.length === 0 ? null : series.reduce((sum, { value }) => sum + value, 0);
  };
  const ttlSeconds = readTtlInForce(window, cacheClass);
  const shadow = ofClass(serviceMetrics.shadowBytes, cacheClass);
  const step = ttlSeconds === null ? -1 : Math.max(0, Math.round(Math.log2(ttlSeconds)));
  const label = shadowTtlLabels[Math.min(step, shadowTtlLabels.length - 1)];
  const estimated =
    label === undefined
      ? null
      : total({ ...shadow, labels: { ...shadow.labels, ttl_seconds: label } });
  return estimated !== null && estimated > 0
    ? estimated
    : total(ofClass(serviceMetrics.cacheBytes, cacheClass));
}

/**
 * Memory of the shared layer. Null: there is none. A layer that does not answer, or that does not
 * tell its limit, has `limitBytes: null`. Every pod reports the same store: the worst reading counts.
 */
export function readStoreMemory(window: MetricWindow): StoreMemory | null {
  const values = (metric: { readonly name: string }) =>
    latestSeries(window, { metric: metric.name }).map(({ value }) => value);
  const up = values(serviceMetrics.storeUp);
  if (up.length === 0) return null;
  const limits = values(serviceMetrics.storeMemoryLimit);
  const used = values(serviceMetrics.storeMemoryUsed);
  const known = Math.min(...up) >= 1 && used.length > 0 && limits.every((limit) => limit > 0);
  const reporters = Math.max(1, values(serviceMetrics.storeEvictions).length);
  const evicted = increase(window, [{ metric: serviceMetrics.storeEvictions.name }]) ?? 0;
  return {
    usedBytes: used.length === 0 ? 0 : Math.max(...used),
    limitBytes: known && limits.length > 0 ? Math.min(...limits) : null,
    evicts: values(serviceMetrics.storeEvictionPolicy).some((value) => value >= 1),
    evictions: evicted / reporters,
    lookups:
      increase(window, [
        { metric: serviceMetrics.cacheLookups.name, labels: { outcome: hitRateOutcomes } },
      ]) ?? 0,
  };
}

/** The slice that `window` is. Null: no request metrics, or the edge is no bucket. */
export function readSlice(window: MetricWindow, slowEdgeSeconds: number): Slice | null {
  const durations = serviceMetrics.requestDuration.name;
  const histogram = histogramIncrease(window, { metric: durations });
  if (histogram === undefined) return null;
  const edge = histogram.edges.indexOf(slowEdgeSeconds);
  if (edge < 0) return null;
  const requests = histogram.counts.at(-1) ?? 0;
  return {
    atSeconds: window.toSeconds,
    seconds: secondsOf(window),
    requests,
    slow: Math.max(0, requests - (histogram.counts[edge] ?? 0)),
    errors:
      increase(window, [
        {
          metric: `${durations}_count`,
          labels: { http_response_status_code: serverErrorCodes },
        },
      ]) ?? 0,
  };
}

function secondsOf(window: MetricWindow): number {
  return window.toSeconds - window.fromSeconds;
}

/**
 * Sampled references that a window of the shadow curve needs (docs/tuning.md, "TTL, per cache
 * class").
 */
export const minimumSampledReferences = 2000;

/**
 * Changed refills after which a window of updates need grow no longer (docs/tuning.md, "TTL, per
 * cache class").
 */
export const fullUpdateRefills = 4000;

/**
 * At least 5,000 look-ups and half a TTL. No window is longer than 12 h, so a TTL of over a day is
 * judged by what 12 h show.
 */
export function rateSuffices(sample: RateSample, ttlSeconds: number, timing: Timing): boolean {
  return (
    sample.lookups >= minimumSamples.hitRate &&
    sample.seconds >= Math.min(ttlSeconds / 2, timing.longestWindowSeconds)
  );
}

/**
 * At least one TTL (of the point that is read, where it is read at P x T), 5,000 look-ups and 2,000
 * references to sampled keys.
 */
export function curveSuffices(curve: ShadowCurve, ttlSeconds: number): boolean {
  return (
    curve.lookups >= minimumSamples.hitRate &&
    curve.sampled >= minimumSampledReferences &&
    curve.seconds >= ttlSeconds * (curve.aloneProcesses ?? 1)
  );
}

/** 6 h, or 4,000 changed refills. */
export function updatesSuffice(sample: UpdateSample, timing: Timing): boolean {
  return sample.seconds >= timing.sixHoursSeconds || sample.changedRefills >= fullUpdateRefills;
}

/** The windows to try, in seconds: each twice the one before, the last is 12 h. */
export function growingWindows(firstSeconds: number, timing: Timing): readonly number[] {
  const longest = timing.longestWindowSeconds;
  const windows: number[] = [];
  for (let seconds = firstSeconds; seconds > 0 && seconds < longest; seconds *= 2)
    windows.push(seconds);
  return [...windows, longest];
}

/**
 * The windows to try where no more than `longestSeconds` may be looked back on (a taint, a period of
 * the law): as `growingWindows`, ending there. None when that is nothing. A hit rate and a curve
 * begin with one TTL, which shows no swing after a move.
 */
export function windowsUpTo(
  firstSeconds: number,
  longestSeconds: number,
  timing: Timing,
): readonly number[] {
  if (!(longestSeconds > 0)) return [];
  const windows = growingWindows(firstSeconds, timing);
  const shorter = windows.filter((seconds) => seconds < longestSeconds);
  return shorter.length === windows.length ? windows : [...shorter, longestSeconds];
}
