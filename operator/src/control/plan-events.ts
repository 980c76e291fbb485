import type { ConditionReason } from "../profile/conditions.ts";
import { formatDecimal, type ProfileStatus } from "../profile/status.ts";
import type { ProfileEvent } from "./ports.ts";
import type { Release } from "./restore.ts";
import type { DecisionRecord } from "./step.ts";

/** Reasons that end or begin a state which a person should hear of, by condition. */
const toldReasons: Readonly<Partial<Record<string, readonly ConditionReason[]>>> = {
  Ready: ["ProfileInvalid", "TargetClaimed", "TargetNotFound", "NotPermitted"],
  Stalled: ["KnobLatched", "RevisionNotAdopted", "FreezeWindowInvalid"],
  Conflict: ["WrittenByAnother", "ForeignOwner"],
};

/**
 * The events of what changed between two statuses: each of `toldReasons` when it comes up, and metrics
 * when they go or come back. A state that lasts is told once.
 */
export function planFlipEvents(
  before: ProfileStatus,
  after: ProfileStatus,
): readonly ProfileEvent[] {
  return after.conditions.flatMap(({ type, status, reason, message }): ProfileEvent[] => {
    const was = before.conditions.find((one) => one.type === type);
    if (type === "MetricsAvailable") {
      if (status === "False" && was?.status !== "False")
        return [{ type: "Warning", reason: "MetricsLost", message: `${reason}: ${message}` }];
      if (status === "True" && was?.status === "False")
        return [{ type: "Normal", reason: "MetricsAvailable", message }];
      return [];
    }
    const isNew = was?.reason !== reason && toldReasons[type]?.includes(reason) === true;
    return isNew ? [{ type: "Warning", reason, message }] : [];
  });
}

/**
 * The events of what a pass decided: one for all knobs that one decision moved, so that a roll-back
 * of a whole vector is one event. A hold is none.
 */
export function planDecisionEvents(records: readonly DecisionRecord[]): readonly ProfileEvent[] {
  const happenings = new Map<string, DecisionRecord[]>();
  for (const record of records) {
    if (record.verdict === "Held") continue;
    // A recommendation is one of its knob; everything else is one of its document.
    const id = record.verdict === "Recommended" ? record.knob : String(record.revision);
    const happening = `${record.verdict} ${id}`;
    happenings.set(happening, [...(happenings.get(happening) ?? []), record]);
  }
  return [...happenings.values()].flatMap((group): ProfileEvent[] => {
    const [first] = group;
    if (first === undefined || first.verdict === "Held") return [];
    const { verdict, reason } = first;
    const moves = group.map(
      ({ knob, from, to }) => `${knob} ${formatDecimal(from)} s -> ${formatDecimal(to)} s`,
    );
    const sentences = [...new Set(group.map(({ sentence }) => sentence))].join(" ");
    const revision = first.revision === undefined ? "" : ` (revision ${first.revision})`;
    return [
      {
        type: alarming.has(verdict) || reason === "DocumentLost" ? "Warning" : "Normal",
        reason: isToldByReason(first) ? reason : verdict,
        message: `${moves.join(", ")}${revision}. ${reason}: ${sentences}`,
      },
    ];
  });
}

const alarming: ReadonlySet<DecisionRecord["verdict"]> = new Set(["RolledBack", "Withdrawn"]);

/** What somebody other than the law has brought about. */
const isToldByReason = ({ reason, verdict }: DecisionRecord) =>
  reason === "DocumentLost" || (reason === "RevisionNotAdopted" && verdict === "Withdrawn");

/** The end of a deletion; null where there was nothing to put back. */
export function planReleaseEvent(release: Release, sentence: string): ProfileEvent | null {
  switch (release) {
    case "Restored":
      return { type: "Normal", reason: "Restored", message: sentence };
    case "GivenUp":
      return { type: "Warning", reason: "RestoreGivenUp", message: sentence };
    case "NothingToRestore":
      return null;
  }
}
