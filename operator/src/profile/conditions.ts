import type { ConditionType } from "@mestore/contract/profile-status";

/**
 * The reasons of the conditions of a PerformanceProfile. Types and reasons are part of its interface:
 * people and other programs wait for them.
 */
export const conditionReasons = {
  Ready: [
    "Accepted",
    "ProfileInvalid",
    "TargetClaimed",
    "TargetNotFound",
    /** The platform refuses a read or a write; the message names verb and resource. */
    "NotPermitted",
  ],
  MetricsAvailable: [
    "NotObserved",
    "Observed",
    "MetricsUnreachable",
    "MetricsTimeout",
    "MetricsInvalid",
    "MetricsEmpty",
    "MetricsNotANumber",
    "MetricsStale",
    "MetricsAmbiguous",
    "TooFewPodsReporting",
    "MetricsSourceForbidden",
    "MetricsCredentialsMissing",
  ],
  ObjectivesMet: ["NotObserved", "TooFewSamples", "AllMet", "Missed"],
  Progressing: [
    "Settled",
    "AwaitingAdoption",
    "Verifying",
    "Paused",
    "Disabled",
    /** The profile is being deleted, and what was found before it is being put back. */
    "Restoring",
  ],
  Constrained: ["Unconstrained", "TargetUnreachable", "KnobNotAvailable"],
  Stalled: [
    "Working",
    "ProfileInvalid",
    "TargetClaimed",
    "KnobLatched",
    "RevisionNotAdopted",
    "FreezeWindowInvalid",
  ],
  Degraded: ["Healthy", "MetricsLost"],
  Conflict: ["NoConflict", "WrittenByAnother", "ForeignOwner"],
} as const satisfies Record<ConditionType, readonly string[]>;

export type ConditionReason<T extends ConditionType = ConditionType> =
  (typeof conditionReasons)[T][number];

export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: ConditionReason;
  /** For people; it may change without the condition having changed. */
  readonly message: string;
  readonly observedGeneration: number;
  /** When `status` last changed, in UTC. */
  readonly lastTransitionTime: string;
}

/** A condition as one pass sees it; its time is found by comparison. */
export type ConditionState = {
  readonly [T in ConditionType]: {
    readonly type: T;
    readonly status: Condition["status"];
    readonly reason: ConditionReason<T>;
    readonly message: string;
  };
}[ConditionType];

/** Sets the transition times: now where the status flipped, as before where it did not. */
export function updateConditions(
  previous: readonly Condition[],
  states: readonly ConditionState[],
  observedGeneration: number,
  nowSeconds: number,
): readonly Condition[] {
  const now = new Date(nowSeconds * 1000).toISOString();
  return states.map((state) => {
    const before = previous.find(({ type }) => type === state.type);
    const lastTransitionTime = before?.status === state.status ? before.lastTransitionTime : now;
    return { ...state, observedGeneration, lastTransitionTime };
  });
}
