import type { Mode } from "@mestore/contract/performance-profile";
import { formatDuration } from "./figures.ts";
import { type Timing, verificationSlices } from "./timing.ts";
import type { MoveKind } from "./ttl-types.ts";

/**
 * What stands between a law's move and a write, for every knob alike. `admitMoves` is the last gate;
 * the `note…` functions keep what it remembers, as plain JSON with Unix seconds.
 */

export type Direction = "up" | "down";

/** A move of one knob as the guards see it. */
export interface GuardedMove {
  /** `ttl/product`: what bars, latches and reversals are counted by. */
  readonly knob: string;
  readonly from: number;
  readonly to: number;
  readonly kind: MoveKind;
  readonly min: number;
  readonly max: number;
  /** Largest factor of one move, up or down. */
  readonly maxRatio: number;
}

/** The part of a move that says whose it is and which way it went. */
export type MadeMove = Pick<GuardedMove, "knob" | "from" | "to">;

export const guardReasons = [
  "NotANumber",
  "OutOfBounds",
  "StepTooLarge",
  "ModeDisabled",
  "ModeRecommend",
  "Paused",
  "ForeignOwner",
  "FreezeWindow",
  "Latched",
  "DirectionBarred",
  "DirectionResting",
  "ChangeInFlight",
  "BaselineTooShort",
  "MetricsJustReturned",
  "CoolingDown",
] as const;
export type GuardReason = (typeof guardReasons)[number];

export interface GuardContext {
  /** The effective mode of the knob: the stricter of its own and the profile's. */
  readonly mode: Mode;
  readonly paused: boolean;
  /** Somebody else owns the place that would be written. */
  readonly foreign: boolean;
  /** Within a freeze window. */
  readonly frozen: boolean;
  readonly changeInFlight: boolean;
  /** Slices that `pickBaseline` finds now: verification compares with ten. */
  readonly baselineSlices: number;
  /** The profile's guardrails.cooldownSeconds, divided by the time scale. */
  readonly cooldownSeconds: number;
  /** The profile's metrics.windowSeconds, divided by the time scale. */
  readonly windowSeconds: number;
}

export interface KnobMemory {
  readonly lastMoveSeconds: number;
  readonly lastDirection: Direction;
  /** Requests a second at that move; null when they were not known. */
  readonly requestRate: number | null;
  /** Reversals of the last 6 h. */
  readonly reversalSeconds: readonly number[];
  /** Since when the knob is off, until a person acknowledges it. */
  readonly latchedSinceSeconds: number | null;
}

export interface GuardMemory {
  /** By knob and direction (`ttl/product up`). */
  readonly bars: Readonly<
    Record<string, { readonly untilSeconds: number; readonly strikes: number }>
  >;
  /** Until when a direction rests after a change that could not be verified. */
  readonly rests: Readonly<Record<string, number>>;
  readonly knobs: Readonly<Record<string, KnobMemory>>;
  readonly metricsLostSinceSeconds: number | null;
  readonly metricsReturnedSeconds: number | null;
}

export interface Refusal<M extends GuardedMove> {
  readonly move: M;
  readonly reason: GuardReason;
  readonly sentence: string;
}

export interface Admission<M extends GuardedMove> {
  readonly admitted: readonly M[];
  readonly refused: readonly Refusal<M>[];
}

/** Reversals of a knob within 6 h that latch it off (docs/tuning.md, "Verify and roll back"). */
export const reversalsToLatch = 3;
/** A reversal after the request rate moved by more than this is not counted. */
export const reversalRateTolerance = 0.2;

export const emptyGuardMemory: GuardMemory = {
  bars: {},
  rests: {},
  knobs: {},
  metricsLostSinceSeconds: null,
  metricsReturnedSeconds: null,
};

export function directionOf({ from, to }: Pick<GuardedMove, "from" | "to">): Direction {
  return to >= from ? "up" : "down";
}

const keyOf = (move: MadeMove) => `${move.knob} ${directionOf(move)}`;

/**
 * Sorts moves into those that may be written and those that may not, each with its first reason.
 * Safety moves pass everything but the mode, a pause, a foreign owner, and what no value may be.
 */
export function admitMoves<M extends GuardedMove>(
  moves: readonly M[],
  memory: GuardMemory,
  context: GuardContext,
  nowSeconds: number,
): Admission<M> {
  const admitted: M[] = [];
  const refused: Refusal<M>[] = [];
  for (const move of moves) {
    const refusal =
      refuseValue(move) ??
      refuseContext(move.kind, context) ??
      (move.kind === "safety" ? null : refuseByMemory(move, memory, context, nowSeconds));
    if (refusal === null) admitted.push(move);
    else refused.push({ move, reason: refusal[0], sentence: refusal[1] });
  }
  return { admitted, refused };
}

/** What decides on a write of any kind. */
export type WriteContext = Pick<GuardContext, "mode" | "paused" | "foreign" | "frozen">;

type Reasoned = readonly [GuardReason, string];

/** Whether mode, pause and freeze permit a write of this kind; a roll-back asks as `safety`. */
export function refuseWrite(kind: MoveKind, context: WriteContext): GuardReason | null {
  return refuseContext(kind, context)?.[0] ?? null;
}

function refuseContext(
  kind: MoveKind,
  { mode, paused, foreign, frozen }: WriteContext,
): Reasoned | null {
  if (mode === "Disabled") return ["ModeDisabled", "This knob is disabled."];
  if (mode === "Recommend")
    return ["ModeRecommend", "Recommended only: the mode permits no write."];
  if (paused) return ["Paused", "The profile is paused."];
  if (foreign) return ["ForeignOwner", "Somebody else owns the tuning document."];
  if (frozen && kind !== "safety") return ["FreezeWindow", "A freeze window is open."];
  return null;
}

/**
 * The last gate: what no law may ever write. A TTL that lies outside its bounds may go to the bound
 * in one step, since the bound is the author's own word.
 */
function refuseValue({ from, to, min, max, maxRatio, kind }: GuardedMove): Reasoned | null {
  if (![from, to, min, max, maxRatio].every(Number.isFinite) || from <= 0 || to <= 0)
    return ["NotANumber", `${from} -> ${to} is no move.`];
  if (to < min || to > max) return ["OutOfBounds", `${to} lies outside ${min} to ${max}.`];
  const ratio = Math.max(to / from, from / to);
  const returns = kind === "safety" && (from < min || from > max) && (to === min || to === max);
  if (ratio > maxRatio * (1 + 1e-9) && !returns)
    return ["StepTooLarge", `${from} -> ${to} is more than a factor of ${maxRatio}.`];
  return null;
}

function refuseByMemory(
  move: GuardedMove,
  memory: GuardMemory,
  context: GuardContext,
  nowSeconds: number,
): Reasoned | null {
  const left = (until: number) => formatDuration(Math.max(0, until - nowSeconds));
  const knob = memory.knobs[move.knob];
  if (knob !== undefined && knob.latchedSinceSeconds !== null)
    return [
      "Latched",
      `It went back and forth ${reversalsToLatch} times in a short while and is off until acknowledged.`,
    ];
  const bar = memory.bars[keyOf(move)];
  if (bar !== undefined && nowSeconds < bar.untilSeconds)
    return [
      "DirectionBarred",
      `Rolled back before: this direction is barred for ${left(bar.untilSeconds)} more.`,
    ];
  const rest = memory.rests[keyOf(move)];
  if (rest !== undefined && nowSeconds < rest)
    return [
      "DirectionResting",
      `The last move this way could not be verified; it rests for ${left(rest)} more.`,
    ];
  if (context.changeInFlight)
    return ["ChangeInFlight", "Another change is being verified; one at a time."];
  if (context.baselineSlices < verificationSlices)
    return [
      "BaselineTooShort",
      `${context.baselineSlices} of ${verificationSlices} slices to compare with are there.`,
    ];
  const returned = memory.metricsReturnedSeconds;
  if (move.kind === "economising") {
    if (memory.metricsLostSinceSeconds !== null)
      return ["MetricsJustReturned", "Metrics are away."];
    if (returned !== null && nowSeconds - returned < context.windowSeconds)
      return [
        "MetricsJustReturned",
        `Metrics came back ${formatDuration(nowSeconds - returned)} ago; a full window is waited for.`,
      ];
  }
  if (knob !== undefined && nowSeconds - knob.lastMoveSeconds < context.cooldownSeconds)
    return [
      "CoolingDown",
      `Moved ${formatDuration(nowSeconds - knob.lastMoveSeconds)} ago; the cooldown is ${formatDuration(context.cooldownSeconds)}.`,
    ];
  return null;
}

/**
 * Notes moves that were written, and latches a knob at its third reversal within 6 h. A reversal
 * after the request rate moved by over 20 % followed the load and is not counted. Roll-backs are not
 * noted here: they bar their direction instead.
 */
export function noteMoves(
  memory: GuardMemory,
  moves: readonly MadeMove[],
  requestRate: number | null,
  nowSeconds: number,
  timing: Timing,
): GuardMemory {
  const knobs: Record<string, KnobMemory> = { ...memory.knobs };
  for (const move of moves) {
    const known = knobs[move.knob];
    const direction = directionOf(move);
    const reversed =
      known !== undefined &&
      known.lastDirection !== direction &&
      !rateMoved(known.requestRate, requestRate);
    const reversals = (known?.reversalSeconds ?? []).filter(
      (at) => nowSeconds - at < timing.sixHoursSeconds,
    );
    const reversalSeconds = reversed ? [...reversals, nowSeconds] : reversals;
    knobs[move.knob] = {
      lastMoveSeconds: nowSeconds,
      lastDirection: direction,
      requestRate,
      reversalSeconds,
      latchedSinceSeconds:
        known?.latchedSinceSeconds ??
        (reversalSeconds.length >= reversalsToLatch ? nowSeconds : null),
    };
  }
  return { ...memory, knobs };
}

/** An unknown rate has not moved: the reversal counts. */
function rateMoved(before: number | null, now: number | null): boolean {
  if (before === null || now === null || !(before > 0)) return false;
  return Math.abs(now / before - 1) > reversalRateTolerance;
}

/** Bars the direction of each move for 30 min x 2^k, at most 24 h; k counts earlier roll-backs. */
export function noteRolledBack(
  memory: GuardMemory,
  moves: readonly MadeMove[],
  nowSeconds: number,
  timing: Timing,
): GuardMemory {
  const bars = { ...memory.bars };
  for (const move of moves) {
    const strikes = bars[keyOf(move)]?.strikes ?? 0;
    const seconds = Math.min(timing.longestBarSeconds, timing.barSeconds * 2 ** strikes);
    bars[keyOf(move)] = { untilSeconds: nowSeconds + seconds, strikes: strikes + 1 };
  }
  return { ...memory, bars };
}

/** The change is kept, but no further move that way for 1 h. */
export function noteUnverified(
  memory: GuardMemory,
  moves: readonly MadeMove[],
  nowSeconds: number,
  timing: Timing,
): GuardMemory {
  const rests = { ...memory.rests };
  for (const move of moves) rests[keyOf(move)] = nowSeconds + timing.unverifiedRestSeconds;
  return { ...memory, rests };
}

/** A verified move clears what earlier roll-backs of its direction had added up. */
export function noteVerified(memory: GuardMemory, moves: readonly MadeMove[]): GuardMemory {
  const verified = new Set(moves.map(keyOf));
  const others = ([key]: readonly [string, unknown]) => !verified.has(key);
  return {
    ...memory,
    bars: Object.fromEntries(Object.entries(memory.bars).filter(others)),
    rests: Object.fromEntries(Object.entries(memory.rests).filter(others)),
  };
}

/** Notes whether the newest observation was trusted. Call it on every pass. */
export function noteMetrics(
  memory: GuardMemory,
  available: boolean,
  nowSeconds: number,
): GuardMemory {
  const lost = memory.metricsLostSinceSeconds;
  if (available)
    return lost === null
      ? memory
      : { ...memory, metricsLostSinceSeconds: null, metricsReturnedSeconds: nowSeconds };
  return lost === null ? { ...memory, metricsLostSinceSeconds: nowSeconds } : memory;
}

/** Metrics have been lost for more than 15 min. */
export function isDegraded(memory: GuardMemory, nowSeconds: number, timing: Timing): boolean {
  const lost = memory.metricsLostSinceSeconds;
  return lost !== null && nowSeconds - lost > timing.metricsLostSeconds;
}

/** A person has seen to it: every knob is on again, with its reversals forgotten. */
export function acknowledge(memory: GuardMemory): GuardMemory {
  const knobs = Object.fromEntries(
    Object.entries(memory.knobs).map(([name, knob]) => [
      name,
      { ...knob, reversalSeconds: [], latchedSinceSeconds: null },
    ]),
  );
  return { ...memory, knobs };
}
