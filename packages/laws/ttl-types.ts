import type { ShadowCurve } from "@mestore/contract/shadow-curve";

/** What a profile asks of one cache class. */
export interface TtlClassSettings {
  readonly name: string;
  /** Fresh-hit rate to reach, 0 to 1. */
  readonly targetHitRate: number;
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /** Share of answers that may serve changed content, 0 to 1. */
  readonly maxStaleShare: number;
  /** False for classes whose TTL is never raised (auth: a longer TTL delays a revocation). */
  readonly mayLengthen: boolean;
}

/**
 * Look-ups since the TTL in force began, untainted, in a window grown to the minimum of samples.
 */
export interface RateSample {
  readonly lookups: number;
  readonly hits: number;
  readonly seconds: number;
}

/** What the refills of a window say about how fast content changes that no tag moved. */
export interface UpdateSample {
  readonly changedRefills: number;
  /** Sum over refills of hits x changed. */
  readonly changedHits: number;
  /** Sum over refills of hits x age in seconds. */
  readonly ageHitsSeconds: number;
  readonly seconds: number;
}

/**
 * Everything the law looks at for one class. `null`: not enough was seen; the law says so and
 * holds.
 */
export interface TtlClassObservation {
  /** TTL in force as the service exports it. */
  readonly ttlSeconds: number;
  readonly measured: RateSample | null;
  readonly curve: ShadowCurve | null;
  readonly updates: UpdateSample | null;
  /** Bytes held per hit served: which class gives memory back first. */
  readonly bytesPerHit: number | null;
}

/** Memory of the shared layer. `limitBytes` null: unknown, raises are frozen. */
export interface StoreMemory {
  readonly usedBytes: number;
  readonly limitBytes: number | null;
  readonly evicts: boolean;
  /** Evictions within the last period. */
  readonly evictions: number;
  /** Look-ups of all classes within the same period: what evictions are weighed against. */
  readonly lookups: number;
}

export interface TtlObservation {
  readonly classes: Readonly<Record<string, TtlClassObservation>>;
  /**
   * Null: the service has no shared layer, so that its memory is bounded by the processes' own
   * caches. A layer that is there but does not answer is one with an unknown limit.
   */
  readonly store: StoreMemory | null;
}

/**
 * What a move is for (docs/tuning.md, "Corrective and economising moves").
 * `corrective`: predicted to improve a violated indicator;
 * `economising`: gives back what is not needed; `safety`: passes every guard but pause and mode.
 */
export type MoveKind = "corrective" | "economising" | "safety";

export const ttlMoveReasons = [
  /** The curve puts the goal at another TTL. */
  "CurveBelowGoal",
  "CurveAboveGoal",
  /** No point of the curve that can be trusted reaches the goal: go as far as it can be trusted. */
  "CurveEndsBelowGoal",
  /** No usable curve: a step in proportion to the error. */
  "MeasuredBelowGoal",
  "MeasuredAboveGoal",
  /** Content changes so fast that this TTL would serve more changed content than allowed. */
  "StalenessBound",
  /** The shared layer runs out of memory, or evicts. */
  "MemoryPressure",
  /** The TTL in force lies outside the bounds of the profile. */
  "OutOfBounds",
] as const;
export type TtlMoveReason = (typeof ttlMoveReasons)[number];

export const ttlHoldReasons = [
  /** Looked at less than a period ago. Nothing to report. */
  "PeriodNotOver",
  /** A figure was NaN, infinite, negative or absurd. */
  "ObservationInvalid",
  /** The class is not among those that the service reports. */
  "ClassNotReported",
  /** Inconclusive: the window has not reached its minimum of look-ups or of time. */
  "TooFewLookups",
  "OnTarget",
  /** The next move would be under 10 %. */
  "StepTooSmall",
  /** The last move is less than max(10 min, TTL) ago. */
  "SettlingAfterMove",
  /** No shortening in the first 6 h. */
  "TooEarlyToShorten",
  /** The largest TTL that was wanted within the last 6 h is not below the one in force. */
  "WantedRecently",
  /** Curve and measurement contradict each other about a shortening. */
  "EvidenceDisagrees",
  /** Content changes too fast for a longer TTL, or did within the last 6 h. */
  "StalenessBound",
  "MemoryLimitUnknown",
  "MemoryAlmostFull",
  "MemoryEvicting",
  /** A class whose TTL is never raised. */
  "NeverLengthened",
  "AtMinimum",
  "AtMaximum",
  /** Even the maximum misses the target. */
  "TargetUnreachable",
] as const;
export type TtlHoldReason = (typeof ttlHoldReasons)[number];

export interface TtlMove {
  /** Cache class. */
  readonly name: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly kind: MoveKind;
  readonly reason: TtlMoveReason;
  /** For a person: what was seen and what follows from it. */
  readonly sentence: string;
  /** The figures behind it, by name, units in the names. */
  readonly inputs: Readonly<Record<string, number>>;
}

export interface TtlHold {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly reason: TtlHoldReason;
  readonly sentence: string;
  readonly inputs: Readonly<Record<string, number>>;
}

/**
 * One look of the law. Its moves are one change: they are applied, verified and rolled back
 * together.
 */
export interface TtlDecision {
  readonly moves: readonly TtlMove[];
  /** One for each class that does not move. */
  readonly holds: readonly TtlHold[];
  /** To be kept, whether or not the moves are applied. */
  readonly memory: TtlMemory;
}

/** What the law remembers of a class. Plain JSON; times are Unix seconds. */
export interface TtlClassMemory {
  readonly firstSeenSeconds: number;
  /** TTL in force at the last look, and since when. */
  readonly ttlSeconds: number;
  readonly sinceSeconds: number;
  readonly lastLookSeconds: number | null;
  readonly lastMoveSeconds: number | null;
  readonly lastStalenessCutSeconds: number | null;
  readonly lastReliefSeconds: number | null;
  /** Measured hit rate less the curve's at the TTL in force, once that had stood. */
  readonly anchor: number | null;
  /** T* of the last 6 h: those that no later one exceeds, in the order of time. */
  readonly wanted: readonly { readonly atSeconds: number; readonly ttlSeconds: number }[];
}

export interface TtlMemory {
  readonly classes: Readonly<Record<string, TtlClassMemory>>;
}
