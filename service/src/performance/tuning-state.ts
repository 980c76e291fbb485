import type { CacheClass } from "@mestore/contract/cache-classes";
import type { TuningDocument } from "@mestore/contract/tuning-document";

/** Settings of a tuning document that no service obeys: a pool cannot be resized yet. */
export const unsupportedSettings = ["poolSize"] as const;

/** The tuning document that this process obeys. */
export interface TuningInForce {
  readonly document: TuningDocument;
  /** TTLs that the document put outside the safe range of their class. */
  readonly clamped: readonly {
    readonly class: CacheClass;
    readonly askedSeconds: number;
    readonly givenSeconds: number;
  }[];
  /** Settings that the document has and this process does not obey. */
  readonly unsupported: readonly (typeof unsupportedSettings)[number][];
}

/** Where the performance API learns what is in force: the watcher of the tuning file knows. */
export interface TuningState {
  /** Of the document in force; 0 before the first. */
  revision(): number;
  /** Null before the first document. */
  inForce(): TuningInForce | null;
}
