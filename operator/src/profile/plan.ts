import {
  type TuningDocument,
  tuningDocumentSchema,
  tuningSchemaVersion,
} from "@mestore/contract/tuning-document";

export interface TuningChange {
  /** `namespace/name` of the profile. */
  readonly profile: string;
  /** The document in force, null before the first. */
  readonly previous: TuningDocument | null;
  /** Larger than every revision that was written or is run. */
  readonly revision: number;
  /** New values in seconds, by class; the others keep theirs. */
  readonly ttlSeconds: Readonly<Record<string, number>>;
  readonly reason: string;
  readonly nowSeconds: number;
}

const longestReason = tuningDocumentSchema.shape.reason.maxLength ?? 512;

/** The whole document that makes `change` so. */
export function planTuning(change: TuningChange): TuningDocument {
  const { profile, previous, revision, ttlSeconds, reason, nowSeconds } = change;
  return {
    schemaVersion: tuningSchemaVersion,
    revision,
    profile,
    writtenAt: new Date(nowSeconds * 1000).toISOString(),
    reason: reason.slice(0, longestReason),
    ttlSeconds: { ...previous?.ttlSeconds, ...ttlSeconds },
    ...(previous?.poolSize === undefined ? {} : { poolSize: previous.poolSize }),
  };
}
