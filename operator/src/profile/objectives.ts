import type { PerformanceProfile, ProfileObjective } from "@mestore/contract/performance-profile";
import {
  availabilityIndicator,
  hitRateIndicator,
  latencyIndicator,
  minimumSamples,
  objectives as standardObjectives,
  type Objective,
} from "@mestore/contract/sla";
import { shareOf } from "./classes.ts";

export interface ObjectivesInForce {
  readonly judged: readonly Objective[];
  /** Objectives in one's own PromQL: only a Prometheus can measure those. */
  readonly queries: readonly QueryObjective[];
}

/** A share of good events among all, both as PromQL that counts them over `{{ .window }}`. */
export interface QueryObjective {
  readonly name: string;
  /** Least share, 0 to 1. */
  readonly target: number;
  readonly good: string;
  readonly total: string;
}

/**
 * Samples above the quantile that a verdict on it needs: what 400 for a P95 and 2,000 for a P99 come
 * to, carried on to other percentiles.
 */
const samplesAboveQuantile = 20;

/** The standard set where the profile has none; otherwise exactly the profile's. */
export function planObjectives(profile: PerformanceProfile): ObjectivesInForce {
  const own = profile.spec.objectives;
  if (own === undefined) return { judged: standardObjectives, queries: [] };
  const judged: Objective[] = [];
  const queries: QueryObjective[] = [];
  for (const objective of own) {
    const { good, total, targetPercent } = objective.type === "Ratio" ? objective.ratio : noQuery;
    if (good === undefined || total === undefined) judged.push(planObjective(objective));
    else queries.push({ name: objective.name, target: shareOf(targetPercent), good, total });
  }
  return { judged, queries };
}

const noQuery = { good: undefined, total: undefined, targetPercent: "" };

/** The PromQL with its window filled in, as a whole number of seconds: `[{{ .window }}]` is `[300s]`. */
export function fillWindow(promql: string, windowSeconds: number): string {
  return promql.replaceAll(/\{\{\s*\.window\s*\}\}/g, `${Math.max(1, Math.round(windowSeconds))}s`);
}

function planObjective(objective: ProfileObjective): Objective {
  const { name } = objective;
  switch (objective.type) {
    case "Latency": {
      const quantile = shareOf(objective.latency.percentile);
      const edgeSeconds = objective.latency.thresholdMilliseconds / 1000;
      return {
        name,
        area: "api",
        title: `API, percentile ${objective.latency.percentile}`,
        indicator: latencyIndicator(quantile, edgeSeconds),
        better: "below",
        target: edgeSeconds,
        unit: "seconds",
        minimumSamples: Math.round(samplesAboveQuantile / (1 - quantile)),
        budget: true,
      };
    }
    case "Ratio":
      return {
        name,
        area: "api",
        title: "Availability",
        indicator: availabilityIndicator,
        better: "above",
        target: shareOf(objective.ratio.targetPercent),
        unit: "ratio",
        minimumSamples: minimumSamples.any,
        budget: true,
      };
    case "HitRate":
      return {
        name,
        area: "cache",
        title: `Cache, fresh hits of ${objective.hitRate.class}`,
        indicator: hitRateIndicator([objective.hitRate.class]),
        better: "above",
        target: shareOf(objective.hitRate.targetPercent),
        unit: "ratio",
        minimumSamples: minimumSamples.hitRate,
        budget: false,
      };
  }
}

/** The latency above which a request counts as slow when a change is verified: the first objective's. */
export function slowEdgeSeconds(judged: readonly Objective[]): number {
  for (const { area, indicator } of [...judged, ...standardObjectives]) {
    if (area === "api" && indicator.kind === "overThreshold") return indicator.edgeSeconds;
  }
  throw new Error("the standard objectives hold no latency");
}

/** `0.8671` of a ratio is "86.71 %"; `0.132` seconds are "132 ms". Two digits behind the point. */
export function formatFigure(value: number, unit: Objective["unit"]): string {
  const short = (figure: number) => String(Number(figure.toFixed(2)));
  switch (unit) {
    case "ratio":
      return `${short(value * 100)} %`;
    case "seconds":
      return `${short(value * 1000)} ms`;
    case "bytes":
      return `${short(value / 1024 ** 2)} MiB`;
    case "cores":
      return `${short(value)} cores`;
  }
}
