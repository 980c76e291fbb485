import { noteMoves } from "@mestore/laws/guards";
import { type Timing, verificationSlices } from "@mestore/laws/timing";
import { furtherWindows } from "@mestore/laws/verify";
import { closeChange, recordsOf } from "./close-change.ts";
import { requestRate } from "./decide-moves.ts";
import type { ChangeOnItsWay, LapsedChange, LoopMemory } from "./memory.ts";
import type { PassContext, Step } from "./step.ts";

/**
 * Changes that were saved and are not seen to have been written: the operator was killed in between, or
 * its write is still under way, or it was made and its answer lost. They are not in force, and must not be
 * forgotten either: a write that arrives late would be a change that nobody verifies.
 */

/** Kept at most: a platform that refuses every write lets one lapse a pass. */
const keptLapsed = 8;

/** Whether a write of it may still arrive: for as long as a verification takes at the longest. */
export function isWithinReach(
  { lapsedSeconds }: LapsedChange,
  nowSeconds: number,
  timing: Timing,
): boolean {
  const windows = (1 + furtherWindows) * verificationSlices * timing.sliceSeconds;
  return nowSeconds - lapsedSeconds <= timing.adoptionSeconds + windows + timing.metricsLostSeconds;
}

/** The memory once `change` is closed as not written: its moves were never made. */
export function noteLapsed(
  { nowSeconds }: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
): LoopMemory {
  const { written } = memory;
  const ttlSeconds =
    written?.revision === change.inFlight.revision ? written.ttlSeconds : change.inFlight.to;
  const lapsed = [...memory.lapsed, { change, ttlSeconds, lapsedSeconds: nowSeconds }];
  return {
    ...memory,
    guards: forgetMoves(memory.guards, change),
    lapsed: lapsed.slice(-keptLapsed),
  };
}

/**
 * The lapsed change that turns out to be in force is the change on its way again: adopted, verified and
 * rolled back as any other. Null: none is.
 */
export function reinstateLapsed(context: PassContext, memory: LoopMemory): Step | null {
  const { nowSeconds, timing } = context;
  const found = memory.lapsed.find((one) => isInForce(context, one));
  if (found === undefined) return null;
  const { change, ttlSeconds } = found;
  const { revision } = change.inFlight;
  const guards =
    change.knobsBefore === undefined
      ? memory.guards
      : noteMoves(memory.guards, change.moves, requestRate(memory), nowSeconds, timing);
  return {
    memory: {
      ...closeChange(memory, change, () => "Applied"),
      guards,
      // Its pods get the whole time for taking it up, from now on.
      change: { ...change, inFlight: { ...change.inFlight, sinceSeconds: nowSeconds } },
      changesAtSeconds: [...memory.changesAtSeconds, nowSeconds],
      lapsed: memory.lapsed.filter((one) => one !== found),
      written: { revision, ttlSeconds },
    },
    write: null,
    records: recordsOf(change, () => "Applied", {
      reason: "WrittenLate",
      sentence: `Revision ${revision} was written after all, and is on its way again.`,
      inputs: {},
    }),
  };
}

/** Its own document is in place, or pods run its revision before the document is seen. */
function isInForce(
  { document, observation }: PassContext,
  { change, ttlSeconds }: LapsedChange,
): boolean {
  const { revision } = change.inFlight;
  if (document !== null && document.revision > revision) return false;
  if (document?.revision === revision) return Bun.deepEquals(document.ttlSeconds, ttlSeconds);
  return observation.ok && observation.newestRevision === revision;
}

/** No cool-down and no reversal comes of a move that was not made; an acknowledgement since then stays. */
function forgetMoves(
  guards: LoopMemory["guards"],
  { knobsBefore = {}, inFlight }: ChangeOnItsWay,
): LoopMemory["guards"] {
  const knobs = new Map(Object.entries(guards.knobs));
  for (const [name, before] of Object.entries(knobsBefore)) {
    const now = knobs.get(name);
    if (now?.lastMoveSeconds !== inFlight.sinceSeconds) continue;
    if (before === null) knobs.delete(name);
    else if (now.latchedSinceSeconds !== null || before.latchedSinceSeconds === null)
      knobs.set(name, before);
    else knobs.set(name, { ...before, latchedSinceSeconds: null, reversalSeconds: [] });
  }
  return { ...guards, knobs: Object.fromEntries(knobs) };
}
