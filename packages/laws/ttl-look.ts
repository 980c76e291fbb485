import { finiteInputs, formatCount, formatSeconds, formatShare } from "./figures.ts";
import { curveSuffices, rateSuffices } from "./observation.ts";
import { interpolateHitRate, smallestTtlReaching, trustedPoints } from "./ttl-curve.ts";
import { rememberWanted } from "./ttl-memory.ts";
import { stalenessBound } from "./ttl-staleness.ts";
import {
  decideStalenessCut,
  decideStep,
  goalOf,
  hold,
  type LookInput,
  type LookResult,
  type Wish,
} from "./ttl-steps.ts";
import type { TtlClassMemory } from "./ttl-types.ts";

/**
 * One look of the TTL law at one class, at the numbered steps of docs/tuning.md, "TTL, per cache
 * class".
 */

/** Off the goal by more than this the curve acts; the measured rate by itself at twice as much. */
export const curveDeadBand = 0.01;
export const measuredDeadBand = 0.02;
/** Step beyond the last valid point of a curve that does not reach the goal (step 3). */
export const beyondCurveFactor = 1.22;
/**
 * The law without a curve: gain on the error, bound of one step in ln T (0.22 is a factor of 1.25).
 */
export const integralGain = 4;
export const integralStep = 0.22;
export const integralDeadBand = 0.01;

export interface Look {
  readonly result: LookResult;
  readonly inputs: Readonly<Record<string, number>>;
  readonly memory: TtlClassMemory;
}

/** Steps 1 to 4 for a class whose TTL lies within its bounds. */
export function lookAtClass(input: LookInput): Look {
  const { settings, seen, nowSeconds, timing } = input;
  const { measured, ttlSeconds } = seen;
  const goal = goalOf(settings);
  const bound = stalenessBound(seen.updates, settings.maxStaleShare, timing);
  const evidence = {
    ttlSeconds,
    targetHitRate: settings.targetHitRate,
    goalHitRate: goal,
    lookups: measured?.lookups,
    windowSeconds: measured?.seconds,
    stalenessBoundSeconds: bound?.ttlSeconds,
    updatesPerSecond: bound?.updateRate,
  };

  const cut = decideStalenessCut(input, bound);
  if (cut !== null) return { result: cut, inputs: finiteInputs(evidence), memory: input.memory };
  if (measured === null || !rateSuffices(measured, ttlSeconds, timing))
    return {
      result: hold(
        "TooFewLookups",
        `${formatCount(measured?.lookups ?? 0)} look-ups in ${formatSeconds(measured?.seconds ?? 0)} since this TTL began are too few to judge by.`,
      ),
      inputs: finiteInputs(evidence),
      memory: input.memory,
    };

  const hitRate = measured.hits / measured.lookups;
  const points = usablePoints(input);
  const atTtl = interpolateHitRate(points, ttlSeconds);
  if (atTtl === null) {
    return {
      result: decideStep(input, wishByMeasured(hitRate, goal, ttlSeconds), hitRate, bound),
      inputs: finiteInputs({ ...evidence, measuredHitRate: hitRate }),
      memory: input.memory,
    };
  }

  const { anchored, offset } = anchorCurve(input, hitRate - atTtl);
  const wish = wishByCurve(points, atTtl + offset, offset, hitRate, goal, ttlSeconds);
  const memory = rememberWanted(anchored, wish.ttlSeconds, nowSeconds, timing);
  return {
    result: decideStep({ ...input, memory }, wish, hitRate, bound),
    inputs: finiteInputs({
      ...evidence,
      measuredHitRate: hitRate,
      curveHitRate: atTtl,
      anchor: offset,
      wantedTtlSeconds: wish.ttlSeconds,
    }),
    memory,
  };
}

/**
 * The share of a TTL that the measured window must cover for an anchor: a whole one, less what a
 * scrape may cut off. Entries that were made under the old TTL expire together, so that the hit rate
 * swings once a TTL after a move. Measured, 20 s -> 40 s: the last half of the first TTL is 2.0
 * points low, any whole TTL after the taint 0.2.
 */
const anchorWindowTtls = 0.9;

/**
 * Whether the anchor d = measured - s(TTL) may be renewed: only once the TTL has stood for
 * max(10 min, TTL) and the window covers one TTL. Before that the measured rate still shows the way
 * from the old TTL.
 */
function mayAnchor({ memory, nowSeconds, timing, seen }: LookInput): boolean {
  const stood = nowSeconds - memory.sinceSeconds;
  const covered = seen.measured?.seconds ?? 0;
  const cycle = Math.min(seen.ttlSeconds, timing.longestWindowSeconds);
  return (
    stood >= Math.max(timing.ttlPeriodSeconds, seen.ttlSeconds) &&
    covered >= anchorWindowTtls * cycle
  );
}

/** The points that the law may go by. A curve of processes by themselves serves only as it is anchored. */
function usablePoints(input: LookInput): ReturnType<typeof trustedPoints> {
  const { curve, ttlSeconds } = input.seen;
  if (curve === null || !curveSuffices(curve, ttlSeconds)) return [];
  return curve.aloneProcesses !== undefined && !mayAnchor(input)
    ? []
    : trustedPoints(curve, ttlSeconds);
}

/**
 * Until there is a first anchor the difference of this look serves, and is not kept. Nor is that of a
 * curve of processes by themselves, which would be wrong for the one of all that comes back.
 */
function anchorCurve(
  input: LookInput,
  difference: number,
): { readonly anchored: TtlClassMemory; readonly offset: number } {
  const { memory, seen } = input;
  if (seen.curve?.aloneProcesses !== undefined) return { anchored: memory, offset: difference };
  const anchored = mayAnchor(input) ? { ...memory, anchor: difference } : memory;
  return { anchored, offset: anchored.anchor ?? difference };
}

function wishByCurve(
  points: Parameters<typeof smallestTtlReaching>[0],
  anchoredRate: number,
  offset: number,
  measuredRate: number,
  goal: number,
  ttlSeconds: number,
): Wish {
  const acts =
    Math.abs(anchoredRate - goal) > curveDeadBand ||
    Math.abs(measuredRate - goal) > measuredDeadBand;
  const fresh = `Fresh hits ${formatShare(measuredRate)}, by the curve ${formatShare(anchoredRate)}`;
  const reaching = smallestTtlReaching(points, goal - offset);
  if (reaching !== null)
    return {
      ttlSeconds: reaching,
      reason: reaching >= ttlSeconds ? "CurveBelowGoal" : "CurveAboveGoal",
      byCurve: true,
      acts,
      because: `${fresh}; the curve reaches ${formatShare(goal)} at ${formatSeconds(reaching)}.`,
    };
  const longest = points.at(-1)?.ttlSeconds ?? ttlSeconds;
  return {
    ttlSeconds: longest > ttlSeconds ? longest : ttlSeconds * beyondCurveFactor,
    reason: "CurveEndsBelowGoal",
    byCurve: true,
    acts,
    because: `${fresh}; the curve can be trusted up to ${formatSeconds(longest)}, which is short of ${formatShare(goal)}.`,
  };
}

function wishByMeasured(measuredRate: number, goal: number, ttlSeconds: number): Wish {
  const error = goal - measuredRate;
  const step = Math.min(integralStep, Math.max(-integralStep, integralGain * error));
  return {
    ttlSeconds: ttlSeconds * Math.exp(step),
    reason: error > 0 ? "MeasuredBelowGoal" : "MeasuredAboveGoal",
    byCurve: false,
    acts: Math.abs(error) > integralDeadBand,
    because: `Fresh hits ${formatShare(measuredRate)} against ${formatShare(goal)}; there is no curve to go by yet.`,
  };
}
