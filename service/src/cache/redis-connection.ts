import { Redis } from "ioredis";
import { createBreaker } from "./breaker.ts";
import type { StoreFailure } from "./store.ts";

/**
 * One connection to Redis for as long as it answers. It is never mended: `commandTimeout` of ioredis
 * rejects a command and still leaves it queued for a server that hangs, and its reconnection sends
 * what was queued. Here a connection that is given up is closed, its queues go with it, and whoever
 * wants another opens one.
 */
export interface RedisConnection {
  /**
   * Runs one command. Never rejects, and ends within the deadline whatever the server does. Commands
   * of one turn of the event loop go out as one pipeline.
   */
  run<T>(command: (client: Redis) => Promise<T>): Promise<T | StoreFailure>;
  /** False from the moment it is given up. */
  isOpen(): boolean;
  /** Resolves, with the reason, when the connection broke or its breaker opened; never after `close`. */
  readonly lost: Promise<string>;
  /** Gives it up: commands under way end as `unavailable`. */
  close(): void;
}

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with a logical database as path. */
  readonly url: string;
  readonly deadlineMs: number;
  /** TCP, TLS, HELLO and AUTH together. Default 1 s: a hung server accepts a connection and says nothing. */
  readonly openDeadlineMs?: number;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
}

/**
 * After the deadline, time for one more look at the socket: when it was the event loop that was held
 * up, the timer is due and the reply lies there unread. One turn by `setImmediate` does not read it
 * (measured on Bun 1.4: 15 of 15 replies missed); a timer does.
 */
const graceMs = 2;

/** How long a server may take to close its side before the socket is destroyed. */
const disconnectTimeoutMs = 100;

/** Opens a connection and proves it by a PING within the deadline; a string says why there is none. */
export async function openConnection(
  options: ConnectionOptions,
): Promise<RedisConnection | string> {
  const { openDeadlineMs = 1000 } = options;
  const client = new Redis(options.url, {
    lazyConnect: true,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // The PING below is the check: a server that still loads its data answers it with an error.
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: openDeadlineMs,
    disconnectTimeout: disconnectTimeoutMs,
  });
  let fault = "the connection was closed or not made in time";
  client.on("error", (error) => {
    fault = describe(error);
  });
  const opened = await Promise.race([connect(client), after(openDeadlineMs)]);
  if (!opened) {
    client.disconnect();
    return fault;
  }

  const connection = superviseConnection(client, options, () => fault);
  const answer = await connection.run((redis) => redis.ping());
  if (answer === "PONG") return connection;
  connection.close();
  return `PING: ${answer}`;
}

/** Why it failed comes as an error event. */
async function connect(client: Redis): Promise<boolean> {
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}

function superviseConnection(
  client: Redis,
  { deadlineMs, monotonic }: ConnectionOptions,
  fault: () => string,
): RedisConnection {
  const breaker = createBreaker();
  const waiting = new Set<(answer: StoreFailure) => void>();
  const { promise: lost, resolve: tellLost } = Promise.withResolvers<string>();
  let open = true;

  function giveUp(): void {
    open = false;
    for (const settle of waiting) settle("unavailable");
    client.disconnect();
  }

  function lose(reason: string): void {
    if (!open) return;
    giveUp();
    tellLost(reason);
  }

  async function perform<T>(
    command: (redis: Redis) => Promise<T>,
    settle: (answer: T | StoreFailure) => boolean,
  ): Promise<void> {
    try {
      if (settle(await command(client))) breaker.answered();
    } catch (error) {
      const refused = error instanceof Error && error.name === "ReplyError";
      if (settle(refused ? "refused" : "unavailable") && refused) breaker.answered();
    }
  }

  client.once("close", () => lose(fault()));

  return {
    isOpen: () => open,
    lost,
    run<T>(command: (redis: Redis) => Promise<T>): Promise<T | StoreFailure> {
      if (!open) return Promise.resolve("unavailable");
      return new Promise((resolve) => {
        const settle = (answer: T | StoreFailure): boolean => {
          if (!waiting.delete(settle)) return false;
          clearTimeout(timer);
          resolve(answer);
          return true;
        };
        const giveUpOn = (): void => {
          if (settle("timeout") && breaker.timedOut(monotonic())) lose("it does not answer");
        };
        let timer = setTimeout(() => {
          timer = setTimeout(giveUpOn, graceMs);
        }, deadlineMs);
        waiting.add(settle);
        void perform(command, settle);
      });
    },
    close: () => {
      if (open) giveUp();
    },
  };
}

/** Connection errors of several addresses come with an empty message. */
function describe(error: Error & { readonly code?: string }): string {
  return error.message || error.code || error.name;
}
