import { formatDuration } from "./figures.ts";
import type { Timing } from "./timing.ts";

/**
 * Whether pods suffer while a change is in flight (docs/tuning.md, "Verify and roll back"). It is
 * seen through the platform, so it tells when metrics cannot.
 */
export interface PodHealth {
  /** Restarts of the container, summed over the pods. */
  readonly restarts: number;
  /** Pods that should serve and do not. */
  readonly unavailable: number;
  /** A rollout or a change of the number of pods is under way: pods that start are not ready yet. */
  readonly inTransition: boolean;
}

/** What the change found. Both counts follow downwards, since a pod that goes takes its restarts along. */
export interface HealthBaseline {
  readonly restarts: number;
  readonly unavailable: number;
  /** Since when more pods are unavailable than that, outside transitions; null: none are. */
  readonly unavailableSinceSeconds: number | null;
}

/**
 * Scrape intervals that pods must stay unavailable for: a pod that is evicted and replaced, or one
 * probe that fails, is no fault of the change.
 */
export const unavailableScrapes = 2;

/** The baseline of a change that begins now. */
export function startHealth({
  restarts,
  unavailable,
}: Pick<PodHealth, "restarts" | "unavailable">): HealthBaseline {
  return { restarts, unavailable, unavailableSinceSeconds: null };
}

/** The baseline after another look at the pods of the same release. */
export function noteHealth(
  baseline: HealthBaseline | undefined,
  now: PodHealth,
  nowSeconds: number,
): HealthBaseline {
  if (baseline === undefined) return startHealth(now);
  const lost = !now.inTransition && now.unavailable > baseline.unavailable;
  return {
    restarts: Math.min(baseline.restarts, now.restarts),
    unavailable: Math.min(baseline.unavailable, now.unavailable),
    unavailableSinceSeconds: lost ? (baseline.unavailableSinceSeconds ?? nowSeconds) : null,
  };
}

/** Null: nothing that speaks against the change. */
export function judgeHealth(
  baseline: HealthBaseline,
  now: PodHealth,
  nowSeconds: number,
  timing: Timing,
): { readonly sentence: string; readonly inputs: Readonly<Record<string, number>> } | null {
  const inputs = {
    restartsBefore: baseline.restarts,
    restartsNow: now.restarts,
    unavailableBefore: baseline.unavailable,
    unavailableNow: now.unavailable,
  };
  const restarts = now.restarts - baseline.restarts;
  if (restarts > 0)
    return {
      sentence: `Containers restarted ${restarts === 1 ? "once" : `${restarts} times`} since the change.`,
      inputs,
    };
  const since = baseline.unavailableSinceSeconds;
  if (since === null || nowSeconds - since < unavailableScrapes * timing.scrapeSeconds) return null;
  return {
    sentence: `${now.unavailable} pods are unavailable, ${baseline.unavailable} were before the change, for ${formatDuration(nowSeconds - since)}.`,
    inputs,
  };
}
