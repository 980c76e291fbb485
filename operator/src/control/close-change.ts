import type { ProfileDecision } from "../profile/status.ts";
import type { ChangeOnItsWay, LoopMemory } from "./memory.ts";
import type { Step } from "./step.ts";

export type VerdictOf = (knob: string) => ProfileDecision["verdict"];

/** The change is over; its entries in the status say how it ended. */
export function closeChange(
  memory: LoopMemory,
  change: ChangeOnItsWay,
  verdictOf: VerdictOf,
): LoopMemory {
  const knobs = new Set(change.moves.map(({ knob }) => knob));
  return {
    ...memory,
    change: null,
    decisions: memory.decisions.map((decision) =>
      decision.time === change.decidedAt && knobs.has(decision.knob)
        ? { ...decision, verdict: verdictOf(decision.knob) }
        : decision,
    ),
  };
}

/** One line of the log for each of its moves. */
export function recordsOf(
  change: ChangeOnItsWay,
  verdictOf: VerdictOf,
  because: {
    readonly reason: string;
    readonly sentence: string;
    readonly inputs: Readonly<Record<string, number>>;
  },
): Step["records"] {
  const { reason, sentence, inputs } = because;
  const { revision } = change.inFlight;
  return change.moves.map(({ knob, from, to }) => ({
    knob,
    from,
    to,
    reason,
    verdict: verdictOf(knob),
    sentence,
    inputs,
    revision,
  }));
}
