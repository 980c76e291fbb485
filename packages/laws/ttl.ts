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
  /** False for classes whose TTL is never raised above its start (auth). */
  readonly mayLengthen: boolean;
}

/** Look-ups since the TTL in force began, untainted, in a window grown to the minimum of samples. */
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
}

/** Everything the law looks at for one class. `null`: not enough was seen; the law says so and holds. */
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
}

export interface TtlObservation {
  readonly classes: Readonly<Record<string, TtlClassObservation>>;
  /** Null: the service has no shared layer or it does not answer. */
  readonly store: StoreMemory | null;
}
