import type { Logger } from "@mestore/telemetry/logger";
import { fleetVersion } from "./fleet-batch.ts";
import { openConnection, type RedisConnection } from "./redis-connection.ts";

/**
 * The stream of the fleet's shadow sample and its snapshot, in Redis (6.2 or newer, for NOMKSTREAM) over
 * one connection of its own: `<prefix>:{shadow}:v1:stream`, `…:snapshot` and `…:turn`. None of the calls rejects, and each ends
 * within the deadline; null says that there was no answer, and the connection is given up.
 */
export interface FleetLog {
  /** Opens a connection where there is none. False: there is none to be had now. */
  connect(): Promise<boolean>;
  /** ms of the clock of Redis less those of `monotonic`, measured at each connection and every 10 s. */
  offsetMs(): Promise<number | null>;
  /**
   * Appends one entry to the stream, and cuts that to about `keep` entries. False: it may or may not be
   * there, and is not if there is no stream.
   */
  append(entry: Uint8Array, keep: number): Promise<boolean>;
  /** The same, and makes the stream if there is none: for the entry that says where it begins. */
  begin(entry: Uint8Array, keep: number): Promise<boolean>;
  /** Entries from `from` on, itself included, oldest first; `-` is the oldest there is. */
  read(from: string, count: number): Promise<readonly FleetEntry[] | null>;
  loadSnapshot(): Promise<Uint8Array | "absent" | null>;
  saveSnapshot(bytes: Uint8Array): Promise<boolean>;
  /** True for one process in each `seconds`. */
  takeTurn(seconds: number): Promise<boolean>;
  close(): void;
}

export interface FleetEntry {
  readonly id: string;
  readonly bytes: Uint8Array;
}

export interface RedisFleetLogOptions {
  /** `redis://` or `rediss://`, with a logical database as path. */
  readonly url: string;
  readonly logger: Logger;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
  /** First part of the keys. Default `mestore`, as that of the entries. */
  readonly keyPrefix?: string;
  /** What one command may take, and opening a connection. Default 1 s: no request waits for these. */
  readonly deadlineMs?: number;
}

/** How often the offset of Redis' clock is measured: oscillators drift by less than 1 ms in this time. */
const clockEveryMs = 10_000;

/** The one field of an entry. */
const field = "b";

export function createRedisFleetLog(options: RedisFleetLogOptions): FleetLog {
  const { url, logger, monotonic, keyPrefix = "mestore", deadlineMs = 1000 } = options;
  const base = `${keyPrefix}:{shadow}:v${fleetVersion}`;
  const [stream, snapshot, turn] = [`${base}:stream`, `${base}:snapshot`, `${base}:turn`];
  let connection: RedisConnection | null = null;
  let closed = false;
  let clock: { readonly offsetMs: number; readonly measuredMs: number } | null = null;
  let refusedBefore = false;

  /** A command that timed out may still lie in the queue of the connection, so it goes with it. */
  async function run<T>(command: Parameters<RedisConnection["run"]>[0]): Promise<T | null> {
    const on = connection;
    if (on === null) return null;
    const answer = await on.run(command);
    if (answer === "unavailable" || answer === "timeout") {
      on.close();
      if (connection === on) connection = null;
      return null;
    }
    if (answer === "refused") {
      if (!refusedBefore)
        logger.warn({ stream }, "Redis refuses commands of the fleet's shadow sample");
      refusedBefore = true;
      return null;
    }
    return answer as T;
  }

  return {
    async connect() {
      if (connection?.isOpen() === true) return true;
      connection = null;
      clock = null;
      if (closed) return false;
      const opened = await openConnection({
        url,
        deadlineMs,
        openDeadlineMs: deadlineMs,
        monotonic,
      });
      if (typeof opened === "string") return false;
      if (closed) {
        opened.close();
        return false;
      }
      connection = opened;
      return true;
    },
    async offsetMs() {
      const before = monotonic();
      if (clock !== null && before - clock.measuredMs < clockEveryMs) return clock.offsetMs;
      const answer = await run<readonly number[]>((client) => client.time());
      const [seconds = Number.NaN, microseconds = Number.NaN] = (answer ?? []).map(Number);
      const after = monotonic();
      // The server read its clock about half-way.
      const offsetMs = seconds * 1000 + microseconds / 1000 - (before + after) / 2;
      if (Number.isFinite(offsetMs)) clock = { offsetMs, measuredMs: after };
      return clock?.offsetMs ?? null;
    },
    async append(entry, keep) {
      const id = await run<string>((client) =>
        client.xadd(stream, "NOMKSTREAM", "MAXLEN", "~", keep, "*", field, asBuffer(entry)),
      );
      return id !== null;
    },
    async begin(entry, keep) {
      const id = await run<string>((client) =>
        client.xadd(stream, "MAXLEN", "~", keep, "*", field, asBuffer(entry)),
      );
      return id !== null;
    },
    async read(from, count) {
      const entries = await run<[id: Buffer, fields: Buffer[]][]>((client) =>
        client.xrangeBuffer(stream, from, "+", "COUNT", count),
      );
      return (
        entries?.map(([id, fields]) => ({
          id: id.toString("latin1"),
          bytes: fields[1] ?? Buffer.alloc(0),
        })) ?? null
      );
    },
    async loadSnapshot() {
      const bytes = await run<Buffer | "absent">(
        async (client) => (await client.getBuffer(snapshot)) ?? "absent",
      );
      return bytes;
    },
    async saveSnapshot(bytes) {
      const answer = await run<string>((client) => client.set(snapshot, asBuffer(bytes)));
      return answer === "OK";
    },
    async takeTurn(seconds) {
      const px = Math.max(1, Math.round(seconds * 1000));
      const answer = await run<string>((client) => client.set(turn, "1", "PX", px, "NX"));
      return answer === "OK";
    },
    close() {
      closed = true;
      connection?.close();
      connection = null;
    },
  };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
