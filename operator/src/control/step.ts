import type { Mode, PerformanceProfile } from "@mestore/contract/performance-profile";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import type { MadeMove } from "@mestore/laws/guards";
import type { Timing } from "@mestore/laws/timing";
import { startHealth, startInFlight } from "@mestore/laws/verify";
import type { TunedClass } from "../profile/classes.ts";
import type { Freeze } from "../profile/freeze.ts";
import { planTuning } from "../profile/plan.ts";
import { addDecision, formatDecimal, type ProfileDecision } from "../profile/status.ts";
import type { ChangeOrigin, LoopMemory } from "./memory.ts";
import type { Observation } from "./observe.ts";
import type { ProfileState, TargetReading } from "./ports.ts";
import type { QueriedObjective } from "./query-objectives.ts";

/** Everything that the pure part of a pass looks at besides its memory. */
export interface PassContext {
  /** `namespace/name`. */
  readonly key: string;
  readonly profile: PerformanceProfile;
  readonly classes: readonly TunedClass[];
  /** Effective mode of the cache as a whole. */
  readonly mode: Mode;
  readonly paused: boolean;
  readonly freeze: Freeze;
  /** Set while the profile is being deleted. */
  readonly deleting: NonNullable<ProfileState["deleting"]> | null;
  readonly target: TargetReading;
  readonly observation: Observation;
  /** Objectives in one's own PromQL, where the source understands it. */
  readonly queried: readonly QueriedObjective[] | null;
  /** The document in force, null before the first. */
  readonly document: TuningDocument | null;
  /** TTLs that the target ran before the first document; null: unknown. */
  readonly adopted: Readonly<Record<string, number>> | null;
  /** Who else owns the place of the document; nothing is written while somebody does. */
  readonly foreignOwner: string | null;
  readonly nowSeconds: number;
  readonly timing: Timing;
  readonly timeScale: number;
}

/** One line of the decision log. */
export interface DecisionRecord {
  readonly knob: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly verdict: ProfileDecision["verdict"] | "Held";
  readonly sentence: string;
  readonly inputs: Readonly<Record<string, number>>;
  /** Revision of the document that it was written with or is about. */
  readonly revision?: number;
}

/** What one step of a pass came to. `write` is at most one document a pass. */
export interface Step {
  readonly memory: LoopMemory;
  readonly write: TuningDocument | null;
  readonly records: readonly DecisionRecord[];
}

/** A write and what is remembered of it. */
export interface Change {
  readonly origin: ChangeOrigin;
  /** By class, in seconds. */
  readonly from: Readonly<Record<string, number>>;
  readonly to: Readonly<Record<string, number>>;
  /** For the document. */
  readonly reason: string;
  readonly records: readonly Omit<DecisionRecord, "verdict" | "revision">[];
}

export const ttlKnob = (cacheClass: string) => `ttl/${cacheClass}`;

/** Puts a change on its way: the document to write, and the memory that is to be saved before it. */
export function startChange(context: PassContext, memory: LoopMemory, change: Change): Step {
  const { nowSeconds, timing, target } = context;
  const revision = nextRevision(context, memory);
  const { from, to, origin, reason } = change;
  const write = planDocument(context, memory, { revision, to, reason });
  const inFlight = startInFlight(
    {
      knob: "ttl",
      from,
      to,
      revision,
      slices: memory.slices,
      ...(memory.podHash === null ? {} : { podHash: memory.podHash }),
      ...(target.ok ? { health: startHealth(target.state) } : {}),
    },
    nowSeconds,
    timing,
  );
  const moves = Object.keys(to).map((name): MadeMove => ({
    knob: ttlKnob(name),
    from: from[name] ?? 0,
    to: to[name] ?? 0,
  }));
  const decidedAt = timeOf(nowSeconds);
  const records = change.records.map((record) => ({
    ...record,
    verdict: "Applied" as const,
    revision,
  }));
  return {
    memory: {
      ...memory,
      change: { origin, inFlight, moves, decidedAt },
      written: { revision, ttlSeconds: write.ttlSeconds },
      changesAtSeconds: [...memory.changesAtSeconds, nowSeconds],
      recommended: without(memory.recommended, Object.keys(to)),
      holds: without(memory.holds, Object.keys(to)),
      decisions: records.reduce(
        (decisions, record) => addDecision(decisions, entryOf(record, decidedAt)),
        memory.decisions,
      ),
    },
    write,
    records,
  };
}

/** Larger than every revision that was written, is run, or may yet turn out to have been written. */
export function nextRevision({ document, observation }: PassContext, memory: LoopMemory): number {
  const exported = observation.ok ? observation.newestRevision : 0;
  const lapsed = memory.lapsed.map(({ change }) => change.inFlight.revision);
  return Math.max(document?.revision ?? 0, memory.written?.revision ?? 0, exported, ...lapsed) + 1;
}

/**
 * The document that puts `to` in force. Where the last one is damaged or gone while the service still
 * runs it, the other classes keep what was written last.
 */
export function planDocument(
  { key, document, observation, nowSeconds }: PassContext,
  { written }: LoopMemory,
  { revision, to, reason }: Pick<Change, "to" | "reason"> & { readonly revision: number },
): TuningDocument {
  const runsNone = observation.ok && observation.newestRevision === 0;
  const lost = document === null && !runsNone ? written?.ttlSeconds : undefined;
  return planTuning({
    profile: key,
    previous: document,
    revision,
    ttlSeconds: { ...lost, ...to },
    reason,
    nowSeconds,
  });
}

/** The record as an entry of the status. */
export function entryOf(
  record: DecisionRecord & { readonly verdict: ProfileDecision["verdict"] },
  time: string,
): ProfileDecision {
  const { knob, from, to, reason, verdict, sentence } = record;
  return {
    time,
    knob,
    from: formatDecimal(from),
    to: formatDecimal(to),
    reason,
    verdict,
    message: sentence,
  };
}

/** RFC 3339, in UTC. */
export function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

export function without<T>(
  record: Readonly<Record<string, T>>,
  names: readonly string[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

export function pick(
  record: Readonly<Record<string, number>>,
  names: readonly string[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.includes(name)));
}
