import { noteRolledBack, noteUnverified, noteVerified, refuseWrite } from "@mestore/laws/guards";
import { decideVerdict, noteAdopted, planRollback, untaintedSlices } from "@mestore/laws/verify";
import type { ChangeOnItsWay, LoopMemory } from "./memory.ts";
import type { ProfileDecision } from "../profile/status.ts";
import { type PassContext, startChange, type Step } from "./step.ts";

type Verdict = ReturnType<typeof decideVerdict>;

/**
 * Takes the change on its way one step further: taken up, verified, rolled back, withdrawn. Runs on
 * every pass, with metrics or without: a roll-back must not wait for them.
 */
export function advanceChange(context: PassContext, memory: LoopMemory): Step {
  const { change } = memory;
  if (change === null) return unchanged(memory);
  const { document } = context;
  if (document === null || document.revision < change.inFlight.revision)
    return forgetUnwritten(context, memory, change);

  const adopted = noteAdoption(context, memory, change);
  if (adopted.change === null || adopted.change.origin === "Restored") return unchanged(adopted);
  const { slices, changesAtSeconds } = adopted;
  const verdict = decideVerdict(
    adopted.change.inFlight,
    {
      slices,
      history: untaintedSlices(slices, changesAtSeconds, context.nowSeconds, context.timing),
      metricsRejected: !context.observation.ok,
    },
    context.nowSeconds,
    context.timing,
  );
  return conclude(context, adopted, adopted.change, verdict);
}

const unchanged = (memory: LoopMemory): Step => ({ memory, write: null, records: [] });

/**
 * The document in force is older than the change: the loop was killed, or the disk full, between
 * saving the intention and writing it; or somebody has put another document in its place.
 */
function forgetUnwritten(context: PassContext, memory: LoopMemory, change: ChangeOnItsWay): Step {
  const { document } = context;
  const { revision, adoptedSeconds } = change.inFlight;
  const because =
    adoptedSeconds === null
      ? { reason: "NeverWritten", sentence: `Revision ${revision} was decided but not written.` }
      : { reason: "Overwritten", sentence: `Revision ${revision} was replaced by an older one.` };
  return {
    memory: {
      ...close(memory, change, "Withdrawn"),
      written:
        document === null ? null : { revision: document.revision, ttlSeconds: document.ttlSeconds },
    },
    write: null,
    records: recordsOf(change, "Withdrawn", { ...because, inputs: {} }),
  };
}

/** From here on the taint runs, and slices count as after the change. */
function noteAdoption(
  { observation, nowSeconds, timing }: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
): LoopMemory {
  const { inFlight, origin } = change;
  if (inFlight.adoptedSeconds !== null || !observation.ok) return memory;
  if (observation.revision < inFlight.revision) return memory;
  return {
    ...memory,
    changesAtSeconds: [...memory.changesAtSeconds, nowSeconds],
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
    memory: { ...close(memory, change, outcome), guards: guardsAfter },
    write: null,
    records: recordsOf(change, outcome, verdict),
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

/** Exactly the previous values again; what may not be written now is kept, or waits for a pause to end. */
function restore(
  context: PassContext,
  memory: LoopMemory,
  change: ChangeOnItsWay,
  verdict: Verdict,
): Step {
  const { nowSeconds, timing, document, profile } = context;
  const isRollback = verdict.outcome === "RollBack";
  const guards = isRollback
    ? noteRolledBack(memory.guards, change.moves, nowSeconds, timing)
    : memory.guards;
  const refusal = refuseWrite("safety", {
    mode: context.mode,
    paused: context.paused,
    frozen: context.freeze.frozen,
  });
  if (refusal === "Paused") return unchanged(memory);
  if (refusal !== null || (isRollback && profile.spec.guardrails.rollbackPolicy === "Disabled"))
    return {
      memory: { ...close(memory, change, "Kept"), guards },
      write: null,
      records: recordsOf(change, "Kept", verdict),
    };

  const outcome = isRollback ? "RolledBack" : "Withdrawn";
  const concluded = { ...close(memory, change, outcome), guards };
  const records = recordsOf(change, outcome, verdict);
  const to = planRollback(change.inFlight, document?.ttlSeconds ?? {});
  if (Object.keys(to).length === 0) return { memory: concluded, write: null, records };
  const restored = startChange(context, concluded, {
    origin: "Restored",
    from: pick(change.inFlight.to, Object.keys(to)),
    to,
    reason: `${verdict.reason}: ${verdict.sentence}`,
    // The way back is an entry of the status; in the log the verdict says it all.
    records: change.moves.map(({ knob, from: before, to: after }) => ({
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

/** The change is over; its entries in the status say how it ended. */
function close(
  memory: LoopMemory,
  change: ChangeOnItsWay,
  verdict: ProfileDecision["verdict"],
): LoopMemory {
  const knobs = new Set(change.moves.map(({ knob }) => knob));
  return {
    ...memory,
    change: null,
    decisions: memory.decisions.map((decision) =>
      decision.time === change.decidedAt && knobs.has(decision.knob)
        ? { ...decision, verdict }
        : decision,
    ),
  };
}

function recordsOf(
  change: ChangeOnItsWay,
  verdict: ProfileDecision["verdict"],
  because: Pick<Verdict, "sentence" | "inputs"> & { readonly reason: string },
): Step["records"] {
  const { reason, sentence, inputs } = because;
  const { revision } = change.inFlight;
  return change.moves.map(({ knob, from, to }) => ({
    knob,
    from,
    to,
    reason,
    verdict,
    sentence,
    inputs,
    revision,
  }));
}

function pick(
  record: Readonly<Record<string, number>>,
  names: readonly string[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.includes(name)));
}
