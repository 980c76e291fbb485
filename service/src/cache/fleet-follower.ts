import type { Logger } from "@mestore/telemetry/logger";
import { decodeBatch, encodeBatch, type FleetBatch } from "./fleet-batch.ts";
import type { FleetEntry, FleetLog } from "./fleet-log.ts";
import { decodeSnapshot, encodeSnapshot } from "./fleet-snapshot.ts";
import { beginEveryMs, FleetState } from "./fleet-state.ts";
import type { ShadowTotals } from "./shadow-sample.ts";

/** Keeps a state of the fleet in step with the stream. */
export interface FleetFollower {
  /** As last known; null before it was ever known. */
  state(): FleetState | null;
  /**
   * Reads up to the end of the stream; where that cannot be continued, takes the state from the
   * snapshot, or begins anew. True: the state is that of the fleet at this moment.
   */
  follow(fleetNowMs: number): Promise<boolean>;
  /** For a process that comes later; null before the state was ever known. */
  snapshot(): Uint8Array | null;
}

export interface FleetFollowerOptions {
  readonly log: FleetLog;
  readonly logger: Logger;
  /** Whose batches are its own. */
  readonly process: number;
  /** Counts what its own batches come to. */
  readonly totalsOf: (cacheClass: string) => ShadowTotals;
}

/** Entries in one answer, so that the event loop is free in between. */
const pageEntries = 200;

/** A fleet that nobody wrote to for this long has ended: its samples are not continued. */
const endedMs = 600_000;

/** Of what came before a begin, for those that have not read it yet. */
const keptEntries = 1000;

/** How long to wait for a snapshot of a stream whose begin was cut away; one is due every 30 s. */
const snapshotPatienceMs = 45_000;

interface Position {
  readonly state: FleetState;
  lastId: string;
}

export function createFleetFollower(options: FleetFollowerOptions): FleetFollower {
  const { log, logger, process, totalsOf } = options;
  let position: Position | null = null;
  let isJoined = false;
  /** Own batches up to this one are counted. */
  let countedSequence = 0;
  let waitingSinceMs: number | null = null;

  function fold(to: Position, { id, bytes }: FleetEntry): void {
    to.lastId = id;
    const batch = decodeBatch(bytes);
    if (batch === null) return;
    const counts = batch.process === process && batch.sequence > countedSequence;
    if (counts) countedSequence = batch.sequence;
    to.state.fold(batch, counts ? totalsOf : null);
  }

  /**
   * Folds what follows. Reading begins with the entry that is known: if it is no longer the first of
   * the answer, entries were cut away, or this is another stream.
   */
  async function readOn(from: Position): Promise<"end" | "gap" | "away"> {
    for (;;) {
      const entries = await log.read(from.lastId, pageEntries);
      if (entries === null) return "away";
      if (entries[0]?.id !== from.lastId) return "gap";
      for (const entry of entries.slice(1)) fold(from, entry);
      if (entries.length < pageEntries) return "end";
    }
  }

  /** The first begin that is left in the stream; else the newest batch, or null where there is none. */
  async function findBegin(): Promise<Position | FleetBatch | null | "away"> {
    let newest: FleetBatch | null = null;
    let from = "-";
    for (;;) {
      const entries = await log.read(from, pageEntries);
      if (entries === null) return "away";
      for (const { id, bytes } of entries) {
        const batch = decodeBatch(bytes);
        if (batch?.kind === "begin") return { state: new FleetState(batch.startMs), lastId: id };
        newest = batch ?? newest;
      }
      const last = entries.at(-1);
      if (last === undefined || last.id === from || entries.length < pageEntries) return newest;
      from = last.id;
    }
  }

  async function join(fleetNowMs: number): Promise<boolean> {
    const saved = await log.loadSnapshot();
    if (saved === null) return false;
    const snapshot = saved === "absent" ? null : decodeSnapshot(saved);
    if (snapshot !== null) {
      const candidate = { state: snapshot.state, lastId: snapshot.lastId };
      const read = await readOn(candidate);
      if (read === "away") return false;
      if (read === "end") return adopt(candidate, fleetNowMs);
    }
    const found = await findBegin();
    if (found === "away") return false;
    if (found !== null && "state" in found)
      return (await readOn(found)) === "end" && adopt(found, fleetNowMs);
    waitingSinceMs ??= fleetNowMs;
    const mayCome =
      found !== null &&
      fleetNowMs - found.startMs < endedMs &&
      fleetNowMs - waitingSinceMs < snapshotPatienceMs;
    if (!mayCome) await begin(fleetNowMs);
    return false;
  }

  /** Takes up a state, unless it is that of a fleet which has ended, or of another clock. */
  async function adopt(candidate: Position, fleetNowMs: number): Promise<boolean> {
    if (fleetNowMs - candidate.state.newestMs > endedMs || isAhead(candidate, fleetNowMs)) {
      await begin(fleetNowMs);
      return false;
    }
    position = candidate;
    waitingSinceMs = null;
    return true;
  }

  /** The clock of Redis was set back, or another server took over. */
  function isAhead({ state }: Position, fleetNowMs: number): boolean {
    return state.newestMs - fleetNowMs > beginEveryMs;
  }

  async function begin(fleetNowMs: number): Promise<void> {
    logger.info("the fleet's shadow sample begins anew");
    const startMs = Math.round(fleetNowMs);
    const batch = {
      kind: "begin",
      process,
      sequence: 0,
      startMs,
      spanMs: 0,
      sections: [],
    } as const;
    await log.begin(encodeBatch(batch), keptEntries);
  }

  return {
    state: () => position?.state ?? null,
    async follow(fleetNowMs) {
      if (position !== null && isJoined) {
        const read = await readOn(position);
        if (read === "away") return false;
        if (read === "gap") isJoined = false;
        else if (isAhead(position, fleetNowMs)) await begin(fleetNowMs);
      }
      // The second time after it began anew.
      for (let attempt = 0; attempt < 2 && !isJoined; attempt++) isJoined = await join(fleetNowMs);
      return isJoined;
    },
    snapshot: () => (position === null ? null : encodeSnapshot(position)),
  };
}
