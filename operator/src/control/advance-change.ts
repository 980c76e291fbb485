import { noteRolledBack, noteUnverified, noteVerified, refuseWrite } from "@mestore/laws/guards";
import { decideVerdict, noteAdopted, planRollback, untaintedSlices } from "@mestore/laws/verify";
import { closeChange, recordsOf } from "./close-change.ts";
import { noteLapsed, reinstateLapsed } from "./lapsed-change.ts";
import type { ChangeOnItsWay, LoopMemory } from "./memory.ts";
import type { ProfileDecision } from "../profile/status.ts";
import { type PassContext, pick, planDocument, startChange, type Step, ttlKnob } from "./step.ts";
import { isRunBy } from "./target-pods.ts";

type Verdict = ReturnType<typeof decideVerdict>;

/**
 * Takes the change on its way one step further: taken up, verified, rolled back, withdrawn. Runs on
 * every pass, with metrics or without: a roll-back must not wait for them.
 */
export function advanceChange(context: PassContext, memory: LoopMemory): Step {
  const { change } = memory;
  if (change === null) return reinstateLapsed(context, memory) ?? unchanged(memory);
  if (isOutOfForce(context, change)) {
    const replanned = replan(context, memory, change);
    const reinstated =
      replanned.memory.change === null ? reinstateLapsed(context, replanned.memory) : null;
    return reinstated === null
      ? replanned
      : { ...reinstated, records: [...replanned.records, ...reinstated.records] };
  }

  const adopted = noteAdoption(context, memory, change);
  if (adopted.change === null || adopted.change.origin === "Restored") return unchanged(adopted);
  // Only a move of the law is verified: without metrics the others have nothing to wait for but them.
  if (adopted.change.origin !== "Law" && !context.observation.ok) return unchanged(adopted);
  const { slices, changesAtSeconds, podHash } = adopted;
  const { target, observation } = context;
  const verdict = decideVerdict(
    adopted.change.inFlight,
    {
      slices,
      history: untaintedSlices(slices, changesAtSeconds, context.nowSeconds, context.timing),
      // Which pods there are is needed to tell whether all of them took the change up.
      metricsRejected: !observation.ok || !target.ok,
      ...(podHash === null ? {} : { podHash }),
      // What a safety move relieves may well be what makes pods restart.
      ...(target.ok && adopted.change.origin === "Law" ? { health: target.state } : {}),
    },
    context.nowSeconds,
    context.timing,
  );
  return conclude(context, adopted, adopted.change, verdict);
}

const unchanged = (memory: LoopMemory): Step => ({ memory, write: null, records: [] });

/**
 * Whether the change is known not to run. What the service exports decides: a file that is damaged or
 * gone while the service runs its revision leaves the change to be verified. Without metrics an older
 * document tells only that a change which never arrived will not.
 */
function isOutOfForce(
  { document, observation }: PassContext,
  { inFlight, origin }: ChangeOnItsWay,
): boolean {
  const { revision, adoptedSeconds } = inFlight;
  if (document !== null && document.revision >= revision) return false;
  if (observation.ok && observation.newestRevision >= revision) return false;
  // No document, and once taken up: the service keeps its last good one. To write a way back twice
  // does no harm, to leave it unwritten does.
  if (document === null)
    return adoptedSeconds === null && (observation.ok || origin === "Restored");
  return adoptedSeconds === null || observation.ok;
}

/**
 * The loop was killed, or the disk full, between saving the intention and writing it; or somebody has
 * put an older document in its place. A way back is written again, every other change is forgotten.
 */
function replan(context: PassContext, memory: LoopMemory, change: ChangeOnItsWay): Step {
  const { document } = context;
  const { revision, adoptedSeconds, from, to } = change.inFlight;
  if (change.origin === "Restored") {
    const lost = Object.keys(to).filter(
      (name) => document === null || document.ttlSeconds[name] === from[name],
    );
    const { writable, isStopped } = judgeModes(context, lost);
    if (isStopped) return unchanged(memory);
    if (writable.length > 0) {
      const reason = `Revision ${revision} was decided but not written, and is written again.`;
      const again = { revision, to: pick(to, writable), reason };
      return { memory, write: planDocument(context, memory, again), records: [] };
    }
  }
  const because =
    adoptedSeconds === null
      ? { reason: "NeverWritten", sentence: `Revision ${revision} was decided but not written.` }
      : { reason: "Overwritten", sentence: `Revision ${revision} was replaced by an older one.` };
  const written = memory.written?.ttlSeconds ?? {};
  const closed = closeChange(memory, change, () => "Withdrawn");
  return {
    memory: {
      ...(adoptedSeconds === null ? noteLapsed(context, closed, change) : closed),
      // With no document left the number stays taken: a service may yet turn out to run it.
      written:
        document === null
          ? { revision, ttlSeconds: { ...written, ...planRollback(change.inFlight, written) } }
          : { revision: document.revision, ttlSeconds: document.ttlSeconds },
    },
    write: null,
    records: recordsOf(change, () => "Withdrawn", { ...because, inputs: {} }),
  };
}

/**
 * Every ready pod runs it: from here on the taint runs, and slices count as after the change. Values that
 * were only written again taint nothing.
 */
function noteAdoption(
  context: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
): LoopMemory {
  const { nowSeconds, timing } = context;
  const { inFlight, origin } = change;
  if (inFlight.adoptedSeconds !== null) return memory;
  if (!isRunBy(context, (revision) => revision >= inFlight.revision)) return memory;
  const hasMoved = change.moves.some(({ from, to }) => from !== to);
  return {
    ...memory,
    changesAtSeconds: hasMoved ? [...memory.changesAtSeconds, nowSeconds] : memory.changesAtSeconds,
    change:
      origin === "Law" ? { ...change, inFlight: noteAdopted(inFlight, nowSeconds, timing) } : null,
  };
}

function conclude(
  context: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
  verdict: Verdict,
): Step {
  const { nowSeconds, timing } = context;
  const { guards } = memory;
  const finish = (
    guardsAfter: LoopMemory["guards"],
    outcome: ProfileDecision["verdict"],
  ): Step => ({
    memory: { ...closeChange(memory, change, () => outcome), guards: guardsAfter },
    write: null,
    records: recordsOf(change, () => outcome, verdict),
  });
  switch (verdict.outcome) {
    case "Waiting":
      return unchanged({ ...memory, change: { ...change, inFlight: verdict.inFlight } });
    case "Verified":
      return finish(noteVerified(guards, change.moves), "Verified");
    case "Unverified":
      return finish(noteUnverified(guards, change.moves, nowSeconds, timing), "Unverified");
    case "RollBack":
    case "Withdraw":
      return restore(context, memory, change, verdict);
  }
}

/**
 * Exactly the previous values again, of the classes that may be written now. The others keep what
 * they have; the end of a pause is waited for, and that a foreign owner goes.
 */
function restore(
  context: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
  verdict: Verdict,
): Step {
  const { nowSeconds, timing, document, profile } = context;
  const { inFlight } = change;
  const isRollback = verdict.outcome === "RollBack";
  const { writable, isStopped } = judgeModes(context, Object.keys(inFlight.from));
  if (isStopped) return unchanged(memory);

  const keepsAll = isRollback && profile.spec.guardrails.rollbackPolicy === "Disabled";
  const names = keepsAll ? [] : writable;
  const knobs = new Set(names.map(ttlKnob));
  const verdictOf = (knob: string) => {
    if (!knobs.has(knob)) return "Kept";
    return isRollback ? "RolledBack" : "Withdrawn";
  };
  const guards = isRollback
    ? noteRolledBack(memory.guards, change.moves, nowSeconds, timing)
    : memory.guards;
  const concluded = { ...closeChange(memory, change, verdictOf), guards };
  const records = recordsOf(change, verdictOf, verdict);
  // A file that is damaged or gone: the service runs what was written last.
  const inForce = document?.ttlSeconds ?? memory.written?.ttlSeconds ?? {};
  const to = pick(planRollback(inFlight, inForce), names);
  if (Object.keys(to).length === 0) return { memory: concluded, write: null, records };
  const moved = new Set(Object.keys(to).map(ttlKnob));
  const restored = startChange(context, concluded, {
    origin: "Restored",
    from: pick(inFlight.to, Object.keys(to)),
    to,
    reason: `${verdict.reason}: ${verdict.sentence}`,
    // The way back is an entry of the status; in the log the verdict says it all.
    records: change.moves
      .filter(({ knob }) => moved.has(knob))
      .map(({ knob, from: before, to: after }) => ({
        knob,
        from: after,
        to: before,
        reason: verdict.reason,
        sentence: verdict.sentence,
        inputs: verdict.inputs,
      })),
  });
  return { ...restored, records };
}

/**
 * Which classes may be written by what is no move of the law: those whose own mode is Auto. A class not
 * listed is Disabled.
 */
export function judgeModes(context: PassContext, names: readonly string[]) {
  const { classes, paused, freeze } = context;
  const foreign = context.foreignOwner !== null;
  const refusals = names.map((name) => {
    const mode = classes.find((one) => one.name === name)?.mode ?? "Disabled";
    return {
      name,
      refusal: refuseWrite("safety", { mode, paused, foreign, frozen: freeze.frozen }),
    };
  });
  return {
    writable: refusals.flatMap(({ name, refusal }) => (refusal === null ? [name] : [])),
    isStopped: refusals.some(({ refusal }) => refusal === "Paused" || refusal === "ForeignOwner"),
  };
}
