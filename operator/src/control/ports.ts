import type { FieldFault } from "@mestore/contract/fault";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { MetricWindow } from "@mestore/contract/samples";
import type { TuningDocument } from "@mestore/contract/tuning-document";

/**
 * What the control loop needs from the world. Each port has adapters for files and for Kubernetes;
 * one contract suite runs on all of them.
 */

/** Why an observation is not trusted. Each is a reason of its own: none is zero, none is a step. */
export type MetricsRejection =
  | "MetricsUnreachable"
  | "MetricsTimeout"
  | "MetricsInvalid"
  | "MetricsEmpty"
  | "MetricsNotANumber"
  | "MetricsStale"
  | "MetricsAmbiguous"
  | "TooFewPodsReporting";

export type Reading =
  | { readonly ok: true; readonly window: MetricWindow }
  | { readonly ok: false; readonly reason: MetricsRejection; readonly detail: string };

export interface MetricsSource {
  /**
   * Increases and latest values over the `seconds` that end now. A source with a shorter history
   * gives what it has: the window says from when to when it reaches. Never throws.
   */
  window(seconds: number): Promise<Reading>;
}

/** One version of one profile as its author wrote it. */
export type ProfileState =
  | { readonly key: string; readonly profile: PerformanceProfile; readonly faults: readonly [] }
  /** The newest text is refused; `profile` is the last good one, null if there never was one. */
  | {
      readonly key: string;
      readonly profile: PerformanceProfile | null;
      readonly faults: readonly FieldFault[];
    };

export interface ProfileSource {
  /** All profiles as they stand. `key` is `namespace/name`, or the file's name where that cannot be read. */
  list(): Promise<readonly ProfileState[]>;
}

export interface TuningDelivery {
  /** The document in force for a profile, null before the first. */
  read(key: string): Promise<TuningDocument | null>;
  /** Replaces the document whole: a reader sees the old text or the new, never a part. */
  write(key: string, document: TuningDocument): Promise<void>;
}

/** Where status and the loop's memory live, so that both survive a restart. */
export interface StatusStore<Status, Memory> {
  /** What was last saved; null what was never saved or cannot be read, and the loop starts it afresh. */
  load(key: string): Promise<{ readonly status: Status | null; readonly memory: Memory | null }>;
  /** Resolves once both would survive a crash. */
  save(key: string, status: Status, memory: Memory): Promise<void>;
  /** The profile is gone. Its memory may stay: an editor replaces a file by removing it first. */
  remove(key: string): Promise<void>;
}
