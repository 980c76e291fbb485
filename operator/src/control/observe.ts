import { serviceMetrics } from "@mestore/contract/metrics";
import { latestSeries, type MetricWindow } from "@mestore/contract/samples";
import type { Objective } from "@mestore/contract/sla";
import {
  curveSuffices,
  growingWindows,
  judgeObjective,
  type Judgement,
  rateSuffices,
  readBytesPerHit,
  readRateSample,
  readShadowWindow,
  readSlice,
  readStoreMemory,
  readTtlInForce,
  readUpdateSample,
  updatesSuffice,
  windowsUpTo,
} from "@mestore/laws/observation";
import type { Timing } from "@mestore/laws/timing";
import {
  type TtlClassObservation,
  type TtlObservation,
  untaintedSeconds as ttlUntaintedSeconds,
} from "@mestore/laws/ttl";
import type { Slice } from "@mestore/laws/verify";
import type { LoopMemory } from "./memory.ts";
import type { MetricsSource, PodRevision, RejectedReading } from "./ports.ts";
import { roundWindowDown, roundWindowUp } from "./window-grid.ts";
import { createWindowReader, type WindowReader } from "./window-reader.ts";

/** What one pass saw. */
export interface Seen {
  readonly ok: true;
  /** TTLs that the service exports, of the classes asked for. */
  readonly ttlInForce: Readonly<Record<string, number>>;
  /** Revision of the tuning document that it runs, of several pods the oldest; 0 before the first. */
  readonly revision: number;
  /** The newest that any pod runs. */
  readonly newestRevision: number;
  /** What each pod runs; empty where the source knows no pods. */
  readonly pods: readonly PodRevision[];
  /** Start of the service's process; null where it does not say. */
  readonly processStartSeconds: number | null;
  /** Whether that is another process than the one remembered. */
  readonly restarted: boolean;
  readonly ttl: TtlObservation;
  readonly judgements: readonly Judgement[];
  /** The slice that ended with this pass; null between slices. */
  readonly slice: Slice | null;
}

export type Observation = Seen | RejectedReading;

export interface ObservationRequest {
  /** Names of the cache classes. */
  readonly classes: readonly string[];
  readonly objectives: readonly Objective[];
  /** Latency above which a request of a slice is slow; an edge of the histogram. */
  readonly slowEdgeSeconds: number;
  /** Length at which windows of objectives begin to grow, already divided by the time scale. */
  readonly windowSeconds: number;
  readonly memory: Pick<LoopMemory, "ttl" | "slices" | "changesAtSeconds" | "processStartSeconds">;
  readonly timing: Timing;
}

/** A slice that a gap made shorter than this share of its length is left out. */
const leastSliceShare = 0.8;

/** A start time that differs by less is the same process: exporters compute it from an uptime. */
const sameStartSeconds = 1;

/**
 * Reads everything that one pass looks at. One reading that is rejected rejects them all. Windows of
 * the laws begin after the last taint, that of a measured rate also after the last change of that TTL;
 * slices, objectives and memory pressure see every sample. Windows end now; a source may answer with one
 * that ended a moment ago which is little beside its length.
 */
export async function observe(
  source: MetricsSource,
  request: ObservationRequest,
  nowSeconds: number,
): Promise<Observation> {
  const { memory, timing } = request;
  const { scrapeSeconds } = timing;
  const reader = createWindowReader(source, { nowSeconds, scrapeSeconds });
  const latest = await reader.read(scrapeSeconds);

  const processStartSeconds = gauge(latest, serviceMetrics.processStart.name);
  const restarted = isRestart(memory.processStartSeconds, processStartSeconds);
  const lastChange = restarted ? nowSeconds : Math.max(...memory.changesAtSeconds, -Infinity);
  const untaintedSeconds = nowSeconds - lastChange - timing.taintSeconds;

  // Before the classes: where these windows hold too little for a class, no shorter one is asked for.
  const judgements: Judgement[] = [];
  for (const objective of request.objectives) {
    const windows = objectiveWindows(request.windowSeconds, timing);
    const judge = (window: MetricWindow) => judgeObjective(objective, window);
    judgements.push(judge(await reader.grow(windows, (window) => hasSamples(judge(window)))));
  }

  const ttlInForce: Record<string, number> = {};
  const classes: Record<string, TtlClassObservation> = {};
  for (const name of request.classes) {
    const ttlSeconds = readTtlInForce(latest, name);
    if (ttlSeconds === null) continue;
    ttlInForce[name] = ttlSeconds;
    const standing = ttlUntaintedSeconds(memory.ttl, { name, ttlSeconds }, nowSeconds, timing);
    classes[name] = await observeClass(
      reader,
      { timing, nowSeconds },
      {
        name,
        ttlSeconds,
        rateSeconds: Math.min(untaintedSeconds, standing),
        curveSeconds: untaintedSeconds,
      },
    );
  }

  const store = readStoreMemory(await reader.read(timing.ttlPeriodSeconds));
  const slice = await observeSlice(reader, request, nowSeconds);
  const revision = gauge(latest, serviceMetrics.tuningRevision.name) ?? 0;
  const pods = reader.pods();
  return (
    reader.rejection() ?? {
      ok: true,
      ttlInForce,
      revision,
      newestRevision: Math.max(revision, ...pods.map((pod) => pod.revision)),
      pods,
      processStartSeconds,
      restarted,
      ttl: { classes, store },
      judgements,
      slice,
    }
  );
}

async function observeClass(
  reader: WindowReader,
  { timing, nowSeconds }: { readonly timing: Timing; readonly nowSeconds: number },
  of: {
    readonly name: string;
    readonly ttlSeconds: number;
    /** How far back the windows of the measured rate and of the curve may reach. */
    readonly rateSeconds: number;
    readonly curveSeconds: number;
  },
): Promise<TtlClassObservation> {
  const { name, ttlSeconds } = of;
  /** No further back than that, and rounded so that it is further back never. */
  const growUpTo = async (
    longestSeconds: number,
    suffices: (window: MetricWindow) => boolean,
  ): Promise<MetricWindow | null> => {
    if (longestSeconds <= 0) return null;
    const first = roundWindowUp(Math.max(timing.sliceSeconds, ttlSeconds), timing);
    const windows = windowsUpTo(first, roundWindowDown(longestSeconds, timing), timing);
    return reader.grow(windows, suffices, nowSeconds - longestSeconds);
  };
  const measured = await growUpTo(of.rateSeconds, (window) => {
    const sample = readRateSample(window, name);
    // One TTL is more than the law needs to act, but it renews its anchor by no less.
    return (
      sample !== null && rateSuffices(sample, ttlSeconds, timing) && sample.seconds >= ttlSeconds
    );
  });
  const curve = await growUpTo(of.curveSeconds, (window) => {
    const seen = readShadowWindow(window, name);
    return seen !== null && curveSuffices(seen, ttlSeconds);
  });
  // Each refill counts with its own hits and age, so that a change of TTL does not distort them.
  const refills = await reader.grow(
    windowsUpTo(roundWindowUp(timing.sliceSeconds, timing), timing.sixHoursSeconds, timing),
    (window) => {
      const sample = readUpdateSample(window, name);
      return sample !== null && updatesSuffice(sample, timing);
    },
  );
  return {
    ttlSeconds,
    measured: measured === null ? null : readRateSample(measured, name),
    curve: curve === null ? null : readShadowWindow(curve, name),
    updates: readUpdateSample(refills, name),
    bytesPerHit: readBytesPerHit(refills, name),
  };
}

async function observeSlice(
  reader: WindowReader,
  { memory, timing, slowEdgeSeconds }: ObservationRequest,
  nowSeconds: number,
): Promise<Slice | null> {
  const sinceLast = nowSeconds - (memory.slices.at(-1)?.atSeconds ?? -Infinity);
  if (sinceLast < timing.sliceSeconds - timing.scrapeSeconds / 2) return null;
  // After a gap the slice is the last of its length, so that none is stretched over the gap.
  const seconds = sinceLast < 2 * timing.sliceSeconds ? sinceLast : timing.sliceSeconds;
  const slice = readSlice(await reader.read(seconds), slowEdgeSeconds);
  if (slice === null || slice.seconds < leastSliceShare * timing.sliceSeconds) return null;
  // A source may need more than a slice to see an increase: that would count the one before again.
  return slice.seconds <= seconds + timing.scrapeSeconds ? slice : null;
}

/** What the profile asks for first, and then what others ask for too. */
function objectiveWindows(windowSeconds: number, timing: Timing): readonly number[] {
  return [windowSeconds, ...growingWindows(roundWindowUp(2 * windowSeconds, timing), timing)];
}

/** Too few samples make the window grow; a verdict that is too close does not. */
function hasSamples({ reason }: Judgement): boolean {
  return reason !== "NoSamples" && reason !== "TooFewSamples";
}

function isRestart(before: number | null, now: number | null): boolean {
  return before !== null && now !== null && Math.abs(now - before) > sameStartSeconds;
}

function gauge(window: MetricWindow, name: string): number | null {
  return latestSeries(window, { metric: name })[0]?.value ?? null;
}
