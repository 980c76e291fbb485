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
  | "TooFewPodsReporting"
  /** The address, or what it redirects or resolves to, is none that the operator may call. */
  | "MetricsSourceForbidden"
  /** A Secret that the source names is missing, unlabelled or incomplete. */
  | "MetricsCredentialsMissing";

export interface RejectedReading {
  readonly ok: false;
  readonly reason: MetricsRejection;
  readonly detail: string;
}

/** The revision of the tuning document that one pod exports. */
export interface PodRevision {
  readonly name: string;
  readonly revision: number;
}

export type Reading =
  | {
      readonly ok: true;
      /** Of all pods together, folded as the contract says metric by metric. */
      readonly window: MetricWindow;
      /** Of every pod that reports; empty where the source knows no pods. */
      readonly pods: readonly PodRevision[];
    }
  | RejectedReading;

export type QueryReading = { readonly ok: true; readonly value: number } | RejectedReading;

export interface MetricsSource {
  /**
   * Increases and latest values over the `seconds` that end now, or up to 1/24 of them ago. A source with a shorter history
   * gives what it has: the window says from when to when it reaches. Never throws.
   */
  window(seconds: number): Promise<Reading>;
  /** One's own PromQL as one number; absent where the source understands none. Never throws. */
  readonly query?: (promql: string) => Promise<QueryReading>;
}

/** The workload as its platform sees it at this moment. */
export interface TargetState {
  /** Another value is another release of the workload; absent where the platform has none. */
  readonly podHash?: string;
  /** Pods that are ready and not going: each is expected to report. */
  readonly readyPods: readonly string[];
  /** Pods that should serve and do not. */
  readonly unavailable: number;
  /** Restarts of the container, summed over the pods. */
  readonly restarts: number;
  /** A rollout or a change of the number of pods is under way. */
  readonly inTransition: boolean;
}

export type TargetReading =
  | { readonly ok: true; readonly state: TargetState }
  | {
      readonly ok: false;
      readonly reason: "TargetNotFound" | "NotPermitted";
      readonly detail: string;
    };

/** The target of one profile. */
export interface Target {
  readonly metrics: MetricsSource;
  /** Never throws. */
  read(): Promise<TargetReading>;
}

export interface Targets {
  /** The same Target as long as the profile says the same about it, its history with it. */
  open(key: string, profile: PerformanceProfile): Target;
  /** The profile is gone, or another one has its target. */
  close(key: string): void;
  /** Two profiles with the same identity tune the same thing, which is one too many. */
  identify(profile: PerformanceProfile): string;
}

/** One version of one profile as its author wrote it. */
export type ProfileState = {
  readonly key: string;
  /** Another value under the same key is another profile; absent where the platform has none. */
  readonly uid?: string;
  /** Of the newest text, also of one that is refused; absent where the platform counts none. */
  readonly generation?: number;
  /** Of everything that its author can change, opaque; absent where `ProfileSource.versionOf` is. */
  readonly version?: string;
  /** It is being deleted, and waits for `Finalizer.release`. */
  readonly deleting?: { readonly sinceSeconds: number };
} & (
  | { readonly profile: PerformanceProfile; readonly faults: readonly [] }
  /** The newest text is refused; `profile` is the last good one, null if there never was one. */
  | { readonly profile: PerformanceProfile | null; readonly faults: readonly FieldFault[] }
);

export interface ProfileSource {
  /**
   * All profiles as they stand; where two have one target, the first has it. `key` is
   * `namespace/name`, or the file's name where that cannot be read.
   */
  list(): Promise<readonly ProfileState[]>;
  /** `ProfileState.version` as it is at this moment; null: the profile is gone. */
  readonly versionOf?: (key: string) => string | null;
  /** Told of the key of a profile that changed, or whose target did. Absent: whoever lists will see. */
  readonly onChange?: (listener: (key: string) => void) => void;
}

/** A deletion waits from `hold` to `release`. Both may be repeated. */
export interface Finalizer {
  /** @throws StaleWriteError, NotPermittedError */
  hold(key: string): Promise<void>;
  /** @throws StaleWriteError, NotPermittedError */
  release(key: string): Promise<void>;
}

export interface Delivered {
  /** In force for a profile, null before the first. */
  readonly document: TuningDocument | null;
  /** TTLs in seconds, by class, that the target ran before the first document; null: unknown. */
  readonly adopted: Readonly<Record<string, number>> | null;
  /** Who else owns the place of the document: nothing is written while somebody does. */
  readonly foreignOwner: string | null;
}

export interface TuningDelivery {
  read(key: string): Promise<Delivered>;
  /**
   * Replaces the document whole: a reader sees the old text or the new, never a part.
   * @throws StaleWriteError, NotPermittedError
   */
  write(
    key: string,
    document: TuningDocument,
    adopted: Readonly<Record<string, number>> | null,
  ): Promise<void>;
}

/** What was last saved; null what was never saved or cannot be read, and the loop starts it afresh. */
export interface Stored<Status, Memory> {
  readonly status: Status | null;
  readonly memory: Memory | null;
  /** Who else owns the place of the memory: nothing is written there, nor to the target, while somebody does. */
  readonly foreignOwner: string | null;
}

/** Where status and the loop's memory live, so that both survive a restart. */
export interface StatusStore<Status, Memory> {
  load(key: string): Promise<Stored<Status, Memory>>;
  /**
   * Resolves once both would survive a crash; of a place with a foreign owner, once the status would.
   * @throws StaleWriteError, NotPermittedError
   */
  save(key: string, status: Status, memory: Memory): Promise<void>;
  /** The profile is gone. Its memory may stay: an editor replaces a file by removing it first. */
  remove(key: string): Promise<void>;
}

/** For the people who run `kubectl describe`. */
export interface ProfileEvent {
  readonly type: "Normal" | "Warning";
  /** `RolledBack`, `TtlApplied`, `MetricsLost`. */
  readonly reason: string;
  readonly message: string;
}

export interface EventSink {
  /** Returns at once; an event that cannot be told is lost. */
  publish(key: string, event: ProfileEvent): void;
}

/** Somebody else wrote since the last look: look and decide again. */
export class StaleWriteError extends Error {
  override readonly name: string = "StaleWriteError";
}

/** The platform refuses; the message names the verb and the resource. */
export class NotPermittedError extends Error {
  override readonly name = "NotPermittedError";
}

/**
 * Why `Loop.run` is told to end where another process leads now: nothing more may be written, while
 * any other reason lets running passes end and saves what is unsaved.
 */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}
