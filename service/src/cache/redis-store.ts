import type { Logger } from "@mestore/telemetry/logger";
import { decideProbeDelayMs } from "./breaker.ts";
import { openConnection, type RedisConnection } from "./redis-connection.ts";
import type { CacheStore, StoreFailure, StoreInfo } from "./store.ts";

export interface RedisStoreOptions {
  /** `redis://` or `rediss://`, with a logical database as path. */
  readonly url: string;
  readonly logger: Logger;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
  /** What one command may take. Default 40 ms. */
  readonly deadlineMs?: number;
}

/** The shared layer on Redis or Valkey. */
export interface RedisStore extends CacheStore {
  /** Whether the first attempt to connect, which begins at creation, succeeded. Later ones go on by themselves. */
  connected(): Promise<boolean>;
}

/** How often the offset of Redis' clock is measured: oscillators drift by less than 1 ms in this time. */
const clockEveryMs = 10_000;

/** A connection that lasted this long was sound: the next probe begins again with the shortest pause. */
const soundAfterMs = 10_000;

/**
 * Connects at once and stays at it: while there is no connection every operation is `unavailable`
 * without being tried, and probes with growing pauses open the next one.
 */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { url, logger, monotonic, deadlineMs = 40 } = options;
  let connection: RedisConnection | null = null;
  let attempt = 0;
  let offsetMs: number | null = null;
  let closed = false;
  let away = false;
  let probeTimer: Timer | undefined;

  const run: RedisConnection["run"] = (command) =>
    connection === null ? Promise.resolve("unavailable" as const) : connection.run(command);

  /** The offset of the server's clock to the monotonic one; a string says why there is none. */
  async function measureOffsetMs(on: RedisConnection): Promise<number | string> {
    const before = monotonic();
    const answer = await on.run((client) => client.time());
    if (typeof answer === "string") return answer;
    const [seconds = Number.NaN, microseconds = Number.NaN] = answer.map(Number);
    // The server read its clock about half-way.
    const measured = seconds * 1000 + microseconds / 1000 - (before + monotonic()) / 2;
    return Number.isFinite(measured) ? measured : "no time";
  }

  /** One that fails leaves the last offset: Redis' clock has hardly moved against it. */
  async function renewOffset(on: RedisConnection): Promise<void> {
    const measured = await measureOffsetMs(on);
    if (typeof measured === "number" && connection === on) offsetMs = measured;
  }

  function scheduleProbe(reason: string): void {
    if (closed) return;
    if (!away) {
      away = true;
      logger.warn({ reason }, "the shared cache layer is away; going on without it");
    }
    probeTimer = setTimeout(() => void probe(), decideProbeDelayMs(attempt++, Math.random));
    probeTimer.unref();
  }

  async function probe(): Promise<boolean> {
    const opened = await openConnection({ url, deadlineMs, monotonic });
    if (typeof opened === "string") {
      scheduleProbe(opened);
      return false;
    }
    // Entries carry Redis' time: without it none can be dated, and another server has another clock.
    const measured = await measureOffsetMs(opened);
    if (closed || typeof measured === "string") {
      opened.close();
      scheduleProbe(`TIME: ${measured}`);
      return false;
    }
    offsetMs = measured;
    connection = opened;
    void followLoss(opened, monotonic());
    if (away) logger.info("the shared cache layer is back");
    away = false;
    return true;
  }

  async function followLoss(lasting: RedisConnection, sinceMs: number): Promise<void> {
    const reason = await lasting.lost;
    connection = null;
    if (monotonic() - sinceMs > soundAfterMs) attempt = 0;
    scheduleProbe(reason);
  }

  const firstProbe = probe();
  const clockTimer = setInterval(() => {
    if (connection !== null) void renewOffset(connection);
  }, clockEveryMs);
  clockTimer.unref();

  return {
    connected: () => firstProbe,
    getBuffer: (key) => run((client) => client.getBuffer(key)),
    set: (key, value, expirySeconds) =>
      run((client) =>
        client.set(
          key,
          Buffer.from(value.buffer, value.byteOffset, value.byteLength),
          "EX",
          expirySeconds,
        ),
      ).then(orFailure),
    async info() {
      const text = await run((client) => client.info());
      return isFailure(text) ? text : parseInfo(text);
    },
    isUp: () => connection?.isOpen() ?? false,
    clockOffsetMs: () => offsetMs,
    async close() {
      closed = true;
      clearTimeout(probeTimer);
      clearInterval(clockTimer);
      connection?.close();
      connection = null;
    },
  };
}

function isFailure(answer: string): answer is StoreFailure {
  return answer === "unavailable" || answer === "timeout" || answer === "refused";
}

/** `OK` and its like are all "ok". */
function orFailure(answer: string | null): "ok" | StoreFailure {
  return answer !== null && isFailure(answer) ? answer : "ok";
}

/** Reads the answer of INFO. A field that is missing counts as 0; a server that does not say how it evicts is taken to refuse writes. */
export function parseInfo(text: string): StoreInfo {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const read = (name: string) => Number(fields.get(name) ?? 0) || 0;
  return {
    usedMemoryBytes: read("used_memory"),
    maxMemoryBytes: read("maxmemory"),
    evicts: (fields.get("maxmemory_policy") ?? "noeviction") !== "noeviction",
    evictedKeys: read("evicted_keys"),
  };
}
