import { cacheClasses } from "@mestore/contract/cache-classes";
import { formatFaults } from "@mestore/contract/fault";
import { serviceMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { type AcceptedTuning, readTuning, type TtlSecondsByClass } from "./clamp.ts";
import { type FileContent, loadTuningFile, maxTuningFileBytes } from "./tuning-file.ts";

/** What an accepted document changes. */
export interface TuningChange {
  /** Within the safe range of each class. A class that is absent keeps its TTL. */
  readonly ttlSeconds: TtlSecondsByClass;
}

export interface TuningWatcherOptions {
  readonly path: string;
  /**
   * Default 500: with the time to read and apply, a change is in force within a second. Content is
   * polled and never watched, because a ConfigMap is replaced by a symlink that a watch misses.
   */
  readonly pollMs?: number;
  /** Puts a change in force, at once and wholly. */
  readonly apply: (change: TuningChange) => void;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** The document that a service runs, for its API. */
export interface TuningState {
  /** 0 before the first document. */
  revision(): number;
  /** Null before the first document. */
  inForce(): AcceptedTuning | null;
}

export interface TuningWatcher extends TuningState {
  /** Resolves after the first look, when a document that was there at start is in force. */
  readonly ready: Promise<void>;
  close(): void;
}

/** A service without a tuning file: it runs its initial TTLs. */
export const untuned: TuningState = { revision: () => 0, inForce: () => null };

/**
 * Follows the tuning file. An invalid document leaves the last good one in force, is logged once
 * and counted once however long it stays; a file that goes away changes nothing. Content is the
 * truth: a revision lower than the one in force is obeyed, and logged.
 */
export function watchTuningFile(options: TuningWatcherOptions): TuningWatcher {
  const { path, pollMs = 500, apply, logger } = options;
  const revision = options.registry.cell(serviceMetrics.tuningRevision, {});
  const rejected = options.registry.cell(serviceMetrics.tuningRejected, {});
  revision.set(0);
  let lastSeen: FileContent = { kind: "absent" };
  let inForce: AcceptedTuning | null = null;
  let timer: Timer | undefined;
  let closed = false;

  async function look(): Promise<void> {
    const content = await loadTuningFile(path);
    if (closed) return;
    if (!sameContent(content, lastSeen)) take(content);
    lastSeen = content;
    timer = setTimeout(() => void look(), pollMs);
    timer.unref();
  }

  function take(content: FileContent): void {
    switch (content.kind) {
      case "text":
        takeText(content.text);
        break;
      case "tooLarge":
        refuse(`is larger than ${maxTuningFileBytes} bytes`);
        break;
      case "unreadable":
        refuse(`cannot be read: ${content.code}`);
        break;
      case "absent":
        logger.warn({ path, ...running() }, "tuning file is gone; what it said stays in force");
        break;
    }
  }

  function takeText(text: string): void {
    const read = readTuning(text, cacheClasses);
    if (!read.ok) {
      refuse(formatFaults(read.faults));
      return;
    }
    const { document, ttlSeconds, clamped, unsupported } = read.tuning;
    try {
      apply({ ttlSeconds });
    } catch (error) {
      rejected.add(1);
      logger.error({ path, err: error, ...running() }, "tuning document could not be applied");
      return;
    }
    const before = inForce?.document.revision ?? 0;
    inForce = read.tuning;
    revision.set(document.revision);
    const applied = {
      revision: document.revision,
      profile: document.profile,
      ttlSeconds,
    };
    if (document.revision < before)
      logger.warn({ ...applied, before }, "tuning document of a lower revision applied");
    else logger.info(applied, "tuning document applied");
    if (clamped.length > 0)
      logger.warn({ clamped }, "tuning document asked for TTLs outside the safe range");
    if (unsupported.length > 0)
      logger.warn(
        { revision: document.revision, unsupported },
        "tuning document sets what this service does not obey",
      );
  }

  function refuse(reason: string): void {
    rejected.add(1);
    logger.warn({ path, reason, ...running() }, "tuning document refused; the last one stays");
  }

  const running = () => ({ revision: inForce?.document.revision ?? 0 });

  return {
    revision: () => inForce?.document.revision ?? 0,
    inForce: () => inForce,
    ready: look(),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function sameContent(a: FileContent, b: FileContent): boolean {
  if (a.kind === "text" && b.kind === "text") return a.text === b.text;
  if (a.kind === "unreadable" && b.kind === "unreadable") return a.code === b.code;
  return a.kind === b.kind;
}
