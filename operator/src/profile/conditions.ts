/**
 * The conditions of a PerformanceProfile. Types and reasons are part of its interface: people and
 * other programs wait for them.
 */
export const conditionTypes = [
  /** Accepted, its target its own. Depends on no metrics and on no objective. */
  "Ready",
  /** The newest observation is trusted. */
  "MetricsAvailable",
  "ObjectivesMet",
  /** A change is on its way: being taken up or being verified. */
  "Progressing",
  /** The loop cannot do all that it is asked for. */
  "Constrained",
  /** A person is needed. */
  "Stalled",
  /** The loop has been without metrics for long. */
  "Degraded",
  /** Something else writes what this profile writes. */
  "Conflict",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const conditionReasons = {
  Ready: ["Accepted", "ProfileInvalid", "TargetClaimed"],
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
  ],
  ObjectivesMet: ["NotObserved", "TooFewSamples", "AllMet", "Missed"],
  Progressing: ["Settled", "AwaitingAdoption", "Verifying", "Paused", "Disabled"],
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
  Conflict: ["NoConflict", "WrittenByAnother"],
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
