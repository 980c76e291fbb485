import type { CacheClass } from "@mestore/contract/cache-classes";
import type { Logger } from "@mestore/telemetry/logger";
import { type ClassSection, encodeBatch } from "./fleet-batch.ts";
import { ClassShadow } from "./fleet-class.ts";
import { createFleetFollower } from "./fleet-follower.ts";
import type { FleetLog } from "./fleet-log.ts";
import { createShadowTotals } from "./shadow-sample.ts";
import { contractSizes, type Shadow, type ShadowScope } from "./shadow.ts";

/**
 * One process's part in the shadow sample of the fleet (docs/adr/0007-fleet-shadow-sample.md). Every
 * process folds the references of all into the same sample and counts what its own came to.
 */
export interface FleetShadow {
  /** The shadow of one class. The same one at each call. */
  of(cacheClass: CacheClass): Shadow;
  scope(): ShadowScope;
  /** Processes that share the layer, as last known; at least 1. */
  processes(): number;
  /** Tells the fleet what happened since the last call, and reads what the others told. Never rejects. */
  tick(): Promise<void>;
  /** Tells what there is left, and that this process leaves. */
  close(): Promise<void>;
}

export interface FleetShadowOptions {
  /** Closed with the shadow. */
  readonly log: FleetLog;
  readonly logger: Logger;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
  /** Ticks by itself at this interval. Default 1000; null: only when told. */
  readonly everyMs?: number | null;
  /** Default 30. */
  readonly snapshotSeconds?: number;
  /** Names this process among the others. Default: 52 random bits. */
  readonly process?: number;
}

/** Batches that are kept while the stream is away: after a minute the process's own sample serves. */
const maxQueuedBatches = 60;

/** The same in bytes, for a process whose batches are large. */
const maxQueuedBytes = 4 * 1024 * 1024;

/**
 * Entries that the stream keeps for each process: two minutes, four times what a snapshot is old, so
 * that whoever comes late finds what follows the last one.
 */
const keptEntriesPerProcess = 120;

interface QueuedBatch {
  readonly bytes: Uint8Array;
}

export function createFleetShadow(options: FleetShadowOptions): FleetShadow {
  const { log, logger, monotonic } = options;
  const { everyMs = 1000, snapshotSeconds = 30, process = drawProcess() } = options;
  const classes = new Map<string, ClassShadow>();
  const follower = createFleetFollower({
    log,
    logger,
    process,
    // A class that only others look up is of no interest to this process's counters.
    totalsOf: (name) => classes.get(name)?.totals ?? createShadowTotals(columns),
  });
  const standing = { scope: () => scope, state: () => follower.state() };
  let scope: ShadowScope = "alone";
  let startMs = monotonic();
  /** Of the clock of Redis; known before the first batch is told. */
  let offsetMs = 0;
  let sequence = 0;
  let queue: QueuedBatch[] = [];
  let exchanging: Promise<void> | null = null;
  let closed = false;

  /** Ends the batches of all classes and puts them in the queue, where there is a fleet to tell. */
  function flush(kind: "batch" | "last"): void {
    const nowMs = monotonic();
    const sections: ClassSection[] = [];
    for (const shadow of classes.values()) {
      const section = shadow.seal(startMs, nowMs);
      if (section !== null) sections.push(section);
    }
    if (scope === "fleet") {
      queue.push({ bytes: encodeNow(kind, sections, nowMs) });
      const bytes = queue.reduce((total, one) => total + one.bytes.byteLength, 0);
      if (queue.length > maxQueuedBatches || bytes > maxQueuedBytes) goAlone();
    }
    startMs = nowMs;
  }

  function encodeNow(
    kind: "batch" | "last",
    sections: readonly ClassSection[],
    nowMs: number,
  ): Uint8Array {
    return encodeBatch({
      kind,
      process,
      sequence: ++sequence,
      startMs: Math.round(startMs + offsetMs),
      spanMs: Math.round(nowMs - startMs),
      sections,
    });
  }

  function goAlone(): void {
    scope = "alone";
    queue = [];
    logger.warn("the fleet's shadow sample is away; this process's own serves");
  }

  /** In one pipeline: what is queued, then what there is to read, so that own batches come back at once. */
  async function exchange(): Promise<void> {
    if (!(await log.connect())) return;
    const measured = await log.offsetMs();
    if (measured === null) return;
    offsetMs = measured;
    const told = tell();
    const following = follower.follow(monotonic() + offsetMs);
    const turn = scope === "fleet" && log.takeTurn(snapshotSeconds);
    const [isJoined, isMyTurn] = await Promise.all([following, turn, told]);
    if (!isJoined || (scope === "alone" && !(await enter()))) return;
    for (const shadow of classes.values()) shadow.lowerThreshold();
    const snapshot = isMyTurn ? follower.snapshot() : null;
    if (snapshot !== null) await log.saveSnapshot(snapshot);
  }

  /** A stream that can be read may still refuse to be written to, as a full Redis does. */
  async function enter(): Promise<boolean> {
    if (!(await log.append(encodeNow("batch", [], monotonic()), keep()))) return false;
    scope = "fleet";
    logger.info({ processes: processes() }, "following the fleet's shadow sample");
    return true;
  }

  /** What was not confirmed stays: a batch that arrives twice counts once. */
  async function tell(): Promise<void> {
    const sent = queue;
    const arrived = await Promise.all(sent.map(({ bytes }) => log.append(bytes, keep())));
    const done = new Set(sent.filter((_, i) => arrived[i]));
    queue = queue.filter((one) => !done.has(one));
  }

  const keep = (): number => keptEntriesPerProcess * Math.max(1, follower.state()?.writers ?? 1);
  const processes = (): number => Math.max(1, follower.state()?.processes ?? 1);

  async function tick(): Promise<void> {
    if (closed) return;
    flush("batch");
    if (exchanging !== null) return;
    exchanging = exchange().catch((error: unknown) => {
      // Requests are answered without a curve.
      logger.error({ err: error }, "the fleet's shadow sample could not be followed");
    });
    await exchanging;
    exchanging = null;
  }

  const timer = everyMs === null ? undefined : setInterval(() => void tick(), everyMs);
  timer?.unref();
  if (timer !== undefined) void tick();

  return {
    of(cacheClass) {
      let shadow = classes.get(cacheClass);
      if (shadow === undefined) {
        shadow = new ClassShadow(cacheClass, startMs, monotonic(), standing);
        classes.set(cacheClass, shadow);
      }
      return shadow;
    },
    scope: () => scope,
    processes,
    tick,
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await exchanging;
      flush("last");
      await tell();
      log.close();
    },
  };
}

const columns = contractSizes.ttlsSeconds.length;

function drawProcess(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high % 2 ** 20) * 2 ** 32 + low;
}
