import type { TuningDocument } from "@mestore/contract/tuning-document";
import {
  admitMoves,
  type GuardedMove,
  type MadeMove,
  noteMoves,
  refuseWrite,
} from "@mestore/laws/guards";
import {
  decideTtl,
  maxTtlRatio,
  noteTtlApplied,
  type TtlHold,
  type TtlMove,
} from "@mestore/laws/ttl";
import { pickBaseline } from "@mestore/laws/verify";
import type { TunedClass } from "../profile/classes.ts";
import { addDecision } from "../profile/status.ts";
import type { LoopMemory } from "./memory.ts";
import type { Seen } from "./observe.ts";
import {
  type DecisionRecord,
  entryOf,
  type PassContext,
  startChange,
  type Step,
  timeOf,
  ttlKnob,
  without,
} from "./step.ts";
import { lagsBehind } from "./target-pods.ts";

interface Candidate extends GuardedMove {
  readonly move: TtlMove;
}

/** Why a move that was refused is still shown as what would be done. */
const recommending = new Set(["ModeRecommend", "Paused", "ForeignOwner", "FreezeWindow"]);

/**
 * New moves on a trusted observation. While a change is on its way, or the service does not run the
 * document in force, only safety moves pass, and the look of the law is not used up.
 */
export function decideMoves(context: PassContext, memory: LoopMemory, seen: Seen): Step {
  const { document } = context;
  if (context.mode === "Disabled") return { memory, write: null, records: [] };
  const initial = decideInitial(context, memory, seen);
  if (initial !== null)
    return context.freeze.frozen
      ? { memory, write: null, records: [] }
      : startInitial(context, memory, initial);

  const decision = decideTtl(
    context.classes,
    seen.ttl,
    memory.ttl,
    context.nowSeconds,
    context.timing,
  );
  const lags = lagsBehind(context, seen);
  const isBusy = memory.change !== null || lags;
  const safety = decision.moves.filter(
    (move) => move.kind === "safety" && !(lags && document !== null && isOnItsWay(document, move)),
  );
  if (isBusy && safety.length === 0) return { memory, write: null, records: [] };

  // A safety move passes alone: what the law wants besides it is decided on what follows from it.
  const moves = safety.length > 0 ? safety : decision.moves;
  const { admitted, refused } = guard(context, memory, moves);
  const looked = isBusy ? memory : { ...memory, ttl: decision.memory };
  const held = isBusy ? { memory: looked, records: [] } : noteHolds(looked, decision.holds);
  const advised = noteRefusals(context, held.memory, refused);
  const records = [...held.records, ...advised.records];
  if (admitted.length === 0) return { memory: advised.memory, write: null, records };

  const applied = apply(context, advised.memory, admitted);
  return { ...applied, records: [...records, ...applied.records] };
}

/** Whether the document that the service has yet to take up goes as far as the move. */
function isOnItsWay(document: TuningDocument, { name, fromSeconds, toSeconds }: TtlMove): boolean {
  const written = document.ttlSeconds[name];
  if (written === undefined) return false;
  return toSeconds < fromSeconds ? written <= toSeconds : written >= toSeconds;
}

function guard(context: PassContext, memory: LoopMemory, moves: readonly TtlMove[]) {
  const { nowSeconds, timing, timeScale, profile } = context;
  const shared = {
    paused: context.paused,
    foreign: context.foreignOwner !== null,
    frozen: context.freeze.frozen,
    changeInFlight: memory.change !== null,
    baselineSlices: pickBaseline(memory.slices, nowSeconds, timing).length,
    cooldownSeconds: profile.spec.guardrails.cooldownSeconds / timeScale,
    windowSeconds: profile.spec.metrics.windowSeconds / timeScale,
  };
  const results = (["Auto", "Recommend"] as const).map((mode) =>
    admitMoves(
      candidates(context.classes, moves, mode),
      memory.guards,
      { ...shared, mode },
      nowSeconds,
    ),
  );
  return {
    admitted: results.flatMap(({ admitted }) => admitted.map(({ move }) => move)),
    refused: results.flatMap((result) =>
      result.refused.map(({ move: { move }, reason, sentence }) => ({ move, reason, sentence })),
    ),
  };
}

function candidates(
  classes: readonly TunedClass[],
  moves: readonly TtlMove[],
  mode: TunedClass["mode"],
): readonly Candidate[] {
  return moves.flatMap((move): Candidate[] => {
    const settings = classes.find(({ name }) => name === move.name);
    if (settings === undefined || settings.mode !== mode) return [];
    return [
      {
        move,
        knob: ttlKnob(move.name),
        from: move.fromSeconds,
        to: move.toSeconds,
        kind: move.kind,
        min: settings.minTtlSeconds,
        max: settings.maxTtlSeconds,
        maxRatio: maxTtlRatio,
      },
    ];
  });
}

/** A hold is a record when its reason is another than the last one's. */
function noteHolds(
  memory: LoopMemory,
  holds: readonly TtlHold[],
): { readonly memory: LoopMemory; readonly records: readonly DecisionRecord[] } {
  const looked = holds.filter(({ reason }) => reason !== "PeriodNotOver");
  const records = looked
    .filter(({ name, reason }) => memory.holds[name] !== reason)
    .map(({ name, ttlSeconds, reason, sentence, inputs }): DecisionRecord => ({
      knob: ttlKnob(name),
      from: ttlSeconds,
      to: ttlSeconds,
      reason,
      verdict: "Held",
      sentence,
      inputs,
    }));
  const reasons = Object.fromEntries(looked.map(({ name, reason }) => [name, reason]));
  const recommended = without(memory.recommended, Object.keys(reasons));
  return { memory: { ...memory, holds: { ...memory.holds, ...reasons }, recommended }, records };
}

/** What may not be written: shown as a recommendation, or held by a guard. Once each. */
function noteRefusals(
  context: PassContext,
  memory: LoopMemory,
  refused: ReturnType<typeof guard>["refused"],
): { readonly memory: LoopMemory; readonly records: readonly DecisionRecord[] } {
  const records: DecisionRecord[] = [];
  const recommended = new Map(Object.entries(memory.recommended));
  const holds = new Map(Object.entries(memory.holds));
  let { decisions } = memory;
  for (const { move, reason, sentence } of refused) {
    const { name, fromSeconds: from, toSeconds: to, inputs } = move;
    const record = {
      knob: ttlKnob(name),
      from,
      to,
      sentence: `${move.sentence} ${sentence}`,
      inputs,
    };
    if (!recommending.has(reason)) {
      recommended.delete(name);
      if (holds.get(name) !== reason) records.push({ ...record, reason, verdict: "Held" });
      holds.set(name, reason);
      continue;
    }
    const before = recommended.get(name);
    recommended.set(name, { toSeconds: to, reason: move.reason });
    holds.delete(name);
    if (before?.toSeconds === to && before.reason === move.reason) continue;
    const advice = { ...record, reason: move.reason, verdict: "Recommended" as const };
    records.push(advice);
    decisions = addDecision(decisions, entryOf(advice, timeOf(context.nowSeconds)));
  }
  return {
    memory: {
      ...memory,
      recommended: Object.fromEntries(recommended),
      holds: Object.fromEntries(holds),
      decisions,
    },
    records,
  };
}

function apply(context: PassContext, memory: LoopMemory, moves: readonly TtlMove[]): Step {
  const { nowSeconds, timing } = context;
  const isSafety = moves.some(({ kind }) => kind === "safety");
  const pending = memory.change;
  const started = startChange(context, memory, {
    origin: isSafety ? "Safety" : "Law",
    from: Object.fromEntries(moves.map(({ name, fromSeconds }) => [name, fromSeconds])),
    to: Object.fromEntries(moves.map(({ name, toSeconds }) => [name, toSeconds])),
    reason: moves.map(({ name, reason, sentence }) => `${name}: ${reason}. ${sentence}`).join(" "),
    records: moves.map(({ name, fromSeconds, toSeconds, reason, sentence, inputs }) => ({
      knob: ttlKnob(name),
      from: fromSeconds,
      to: toSeconds,
      reason,
      sentence,
      inputs,
    })),
  });
  const { guards } = started.memory;
  const made = started.memory.change?.moves ?? [];
  const counted =
    started.memory.change === null
      ? null
      : { ...started.memory.change, ...(isSafety ? {} : { knobsBefore: knobsOf(guards, made) }) };
  return {
    ...started,
    memory: {
      ...started.memory,
      // A safety move beside a change that is being verified leaves its verification as it was.
      change: pending ?? counted,
      ttl: noteTtlApplied(memory.ttl, moves, nowSeconds),
      guards: isSafety ? guards : noteMoves(guards, made, requestRate(memory), nowSeconds, timing),
    },
  };
}

const knobsOf = ({ knobs }: LoopMemory["guards"], moves: readonly MadeMove[]) =>
  Object.fromEntries(moves.map(({ knob }) => [knob, knobs[knob] ?? null]));

/** Requests a second over the slices that a change is compared with. */
export function requestRate({ slices }: LoopMemory): number | null {
  const recent = slices.slice(-10);
  const seconds = recent.reduce((sum, slice) => sum + slice.seconds, 0);
  return seconds > 0 ? recent.reduce((sum, slice) => sum + slice.requests, 0) / seconds : null;
}

interface InitialTtl {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The first document: the TTLs that the profile begins with, where the service runs none yet. It is
 * the author's own word, so it needs neither a step bound nor a verdict. In a freeze window it waits,
 * and everything else with it. Null: nothing of the kind is due.
 */
function decideInitial(
  { document, classes, paused, foreignOwner, freeze }: PassContext,
  { change }: LoopMemory,
  seen: Seen,
): readonly InitialTtl[] | null {
  if (document !== null || seen.newestRevision > 0 || change !== null) return null;
  const wanted = classes.flatMap(({ name, mode, initialTtlSeconds }): InitialTtl[] => {
    const from = seen.ttlInForce[name];
    const write = { mode, paused, foreign: foreignOwner !== null, frozen: freeze.frozen };
    const refused = refuseWrite("safety", write) !== null;
    if (initialTtlSeconds === null || from === undefined || refused) return [];
    return [{ name, from, to: initialTtlSeconds }];
  });
  return wanted.length === 0 ? null : wanted;
}

function startInitial(
  context: PassContext,
  memory: LoopMemory,
  wanted: readonly InitialTtl[],
): Step {
  const sentence = "The TTLs that the profile begins with.";
  return startChange(context, memory, {
    origin: "Initial",
    from: Object.fromEntries(wanted.map(({ name, from }) => [name, from])),
    to: Object.fromEntries(wanted.map(({ name, to }) => [name, to])),
    reason: `InitialTTL: ${sentence}`,
    records: wanted.map(({ name, from, to }) => ({
      knob: ttlKnob(name),
      from,
      to,
      reason: "InitialTTL",
      sentence,
      inputs: { initialTtlSeconds: to },
    })),
  });
}
