import { formatDuration, formatSeconds, formatShare } from "./figures.ts";
import type { StorePressure } from "./store-pressure.ts";
import type { Timing } from "./timing.ts";
import { largestWanted, lastChangeSeconds } from "./ttl-memory.ts";
import {
  type StalenessBound,
  stalenessLengthenBelow,
  stalenessShortenAbove,
} from "./ttl-staleness.ts";
import type {
  MoveKind,
  TtlClassMemory,
  TtlClassObservation,
  TtlClassSettings,
  TtlHoldReason,
  TtlMoveReason,
} from "./ttl-types.ts";

/**
 * Which steps the TTL law permits: bounds, ratios, gates and floors (docs/tuning.md, "TTL, per
 * cache class").
 */

/** Largest factor of one move, up or down, and the least one that is worth a move (step 4). */
export const maxTtlRatio = 2;
export const minTtlRatio = 1.1;
/** Steps of the law without a curve lie this many TTLs apart, at least a period. */
export const integralTtls = 2;

export interface LookInput {
  readonly settings: TtlClassSettings;
  readonly seen: TtlClassObservation;
  readonly memory: TtlClassMemory;
  readonly pressure: StorePressure;
  readonly nowSeconds: number;
  readonly timing: Timing;
}

/** What a look came to, before it is written down as a move or a hold. */
export type LookResult =
  | {
      readonly outcome: "move";
      readonly toSeconds: number;
      readonly kind: MoveKind;
      readonly reason: TtlMoveReason;
      readonly because: string;
    }
  | { readonly outcome: "hold"; readonly reason: TtlHoldReason; readonly because: string };

/** Where the evidence puts the TTL. */
export interface Wish {
  readonly ttlSeconds: number;
  readonly reason: TtlMoveReason;
  readonly byCurve: boolean;
  /** Whether the deviation is large enough to act on. */
  readonly acts: boolean;
  readonly because: string;
}

export const hold = (reason: TtlHoldReason, because: string): LookResult => ({
  outcome: "hold",
  reason,
  because,
});

/** The goal lies this far above the target (step 3). */
export const goalMargin = 0.02;

/**
 * Target + 2 points. Above 0.97 that nears or passes 1, which no TTL reaches: then 0.99, or half way
 * from the target to 1.
 */
export function goalOf({ targetHitRate }: Pick<TtlClassSettings, "targetHitRate">): number {
  return Math.min(targetHitRate + goalMargin, Math.max(0.99, (targetHitRate + 1) / 2));
}

/** Step 1: shorten a TTL that serves too much changed content, whatever the hit rate. */
export function decideStalenessCut(
  input: LookInput,
  bound: StalenessBound | null,
): LookResult | null {
  const { settings, seen } = input;
  if (bound === null || !bound.full) return null;
  if (seen.ttlSeconds <= stalenessShortenAbove * bound.ttlSeconds) return null;
  const because = `Content changes every ${formatSeconds(1 / bound.updateRate)}; ${formatShare(settings.maxStaleShare)} of changed answers allow ${formatSeconds(bound.ttlSeconds)}.`;
  const toSeconds = stepTo(bound.ttlSeconds, seen.ttlSeconds, settings);
  if (!isWorthAMove(toSeconds, seen.ttlSeconds)) return hold("AtMinimum", because);
  const waiting = settling(input);
  return (
    waiting ?? {
      outcome: "move",
      toSeconds,
      kind: "corrective",
      reason: "StalenessBound",
      because,
    }
  );
}

/** From where the evidence puts the TTL to the move that is permitted, if any. */
export function decideStep(
  input: LookInput,
  wish: Wish,
  measuredRate: number,
  bound: StalenessBound | null,
): LookResult {
  if (!wish.acts) return hold("OnTarget", wish.because);
  return wish.ttlSeconds >= input.seen.ttlSeconds
    ? decideLengthening(input, wish, measuredRate, bound)
    : decideShortening(input, wish, measuredRate);
}

/** Steps 1, 2 and 4 on the way up. */
function decideLengthening(
  input: LookInput,
  wish: Wish,
  measuredRate: number,
  bound: StalenessBound | null,
): LookResult {
  const { settings, seen, memory, pressure, nowSeconds, timing } = input;
  const { ttlSeconds } = seen;
  const misses = measuredRate < settings.targetHitRate;
  if (!settings.mayLengthen)
    return hold("NeverLengthened", `${wish.because} This class is never given a longer TTL.`);
  const leastStep = wish.byCurve ? minTtlRatio : 1;
  if (wish.ttlSeconds < ttlSeconds * leastStep)
    return hold("StepTooSmall", `${wish.because} That is less than 10 % away.`);
  if (settings.maxTtlSeconds < ttlSeconds * leastStep * (1 + 1e-9))
    return misses
      ? hold(
          "TargetUnreachable",
          `${wish.because} The maximum of ${formatSeconds(settings.maxTtlSeconds)} misses the target.`,
        )
      : hold(
          "AtMaximum",
          `${wish.because} The maximum is ${formatSeconds(settings.maxTtlSeconds)}.`,
        );

  const cutAt = memory.lastStalenessCutSeconds;
  if (cutAt !== null && nowSeconds - cutAt < timing.sixHoursSeconds)
    return hold(
      "StalenessBound",
      `${wish.because} Changed content cut this TTL within the last ${formatDuration(timing.sixHoursSeconds)}.`,
    );
  if (bound !== null && bound.ttlSeconds <= stalenessLengthenBelow * ttlSeconds)
    return hold(
      "StalenessBound",
      `${wish.because} Content changes too fast for more than ${formatSeconds(bound.ttlSeconds)}.`,
    );
  if (pressure.freeze !== null)
    return hold(pressure.freeze, `${wish.because} ${pressure.sentence}`);

  const cap = Math.min(settings.maxTtlSeconds, bound?.ttlSeconds ?? Infinity);
  const toSeconds = stepTo(Math.min(wish.ttlSeconds, cap), ttlSeconds, settings);
  if (toSeconds < ttlSeconds * leastStep || toSeconds === ttlSeconds)
    return hold("StepTooSmall", `${wish.because} That is less than 10 % away.`);
  const waiting = wish.byCurve ? (misses ? null : settling(input)) : settling(input, integralTtls);
  return (
    waiting ?? {
      outcome: "move",
      toSeconds,
      kind: "corrective",
      reason: wish.reason,
      because: wish.because,
    }
  );
}

/** Step 4 on the way down. */
function decideShortening(input: LookInput, wish: Wish, measuredRate: number): LookResult {
  const { settings, seen, memory, nowSeconds, timing } = input;
  const { ttlSeconds } = seen;
  if (measuredRate < goalOf(settings))
    return hold("EvidenceDisagrees", `${wish.because} What was measured calls for no shorter TTL.`);
  if (nowSeconds - memory.firstSeenSeconds < timing.sixHoursSeconds)
    return hold(
      "TooEarlyToShorten",
      `${wish.because} No TTL is shortened in the first ${formatDuration(timing.sixHoursSeconds)}.`,
    );
  const floor = largestWanted(memory, nowSeconds, timing);
  const lowest = Math.min(ttlSeconds, Math.max(wish.ttlSeconds, floor));
  const toSeconds = Math.min(ttlSeconds, stepTo(lowest, ttlSeconds, settings));
  const tooSmall = wish.byCurve ? !isWorthAMove(toSeconds, ttlSeconds) : toSeconds >= ttlSeconds;
  if (tooSmall) {
    if (settings.minTtlSeconds * minTtlRatio > ttlSeconds)
      return hold(
        "AtMinimum",
        `${wish.because} The minimum is ${formatSeconds(settings.minTtlSeconds)}.`,
      );
    return floor > wish.ttlSeconds
      ? hold(
          "WantedRecently",
          `${wish.because} Within the last ${formatDuration(timing.sixHoursSeconds)} ${formatSeconds(floor)} was wanted.`,
        )
      : hold("StepTooSmall", `${wish.because} That is less than 10 % away.`);
  }
  const waiting = settling(input, wish.byCurve ? 1 : integralTtls);
  return (
    waiting ?? {
      outcome: "move",
      toSeconds,
      kind: "economising",
      reason: wish.reason,
      because: wish.because,
    }
  );
}

/** The gate of moves other than a lengthening by the curve below target: max(10 min, n x TTL). */
function settling(input: LookInput, ttls = 1): LookResult | null {
  const { memory, seen, nowSeconds, timing } = input;
  const changed = lastChangeSeconds(memory);
  const wait = Math.max(timing.ttlPeriodSeconds, ttls * seen.ttlSeconds);
  return changed === null || nowSeconds - changed >= wait
    ? null
    : hold(
        "SettlingAfterMove",
        `The last change was ${formatDuration(nowSeconds - changed)} ago; ${formatDuration(wait)} are waited.`,
      );
}

/**
 * The value to write: `wanted` to three significant digits, within the bounds and within a factor
 * of two of the TTL in force.
 */
export function stepTo(
  wantedSeconds: number,
  ttlSeconds: number,
  bounds: Pick<TtlClassSettings, "minTtlSeconds" | "maxTtlSeconds">,
): number {
  const lowest = Math.max(bounds.minTtlSeconds, ttlSeconds / maxTtlRatio);
  const highest = Math.min(bounds.maxTtlSeconds, ttlSeconds * maxTtlRatio);
  const rounded = Number(wantedSeconds.toPrecision(3));
  return Math.min(highest, Math.max(lowest, rounded));
}

/** At least 10 %, up or down, both by the same factor. */
function isWorthAMove(toSeconds: number, fromSeconds: number): boolean {
  return Math.abs(Math.log(toSeconds / fromSeconds)) >= Math.log(minTtlRatio) - 1e-9;
}
