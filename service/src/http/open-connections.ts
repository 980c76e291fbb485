export interface OpenConnectionsOptions {
  /** One cheap statement on whatever connection is free; opens one where none is. */
  readonly ask: () => Promise<unknown>;
  /** How many are to be open. */
  readonly connections: number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A database that gives no more connections than a few keeps nobody from serving on those. */
const openWithinMs = 10_000;

/** While a connection cannot be made others are refused for 100 ms at a time (`database.ts`, `probePauseMs`). */
const pauseMs = 200;

/**
 * Opens all connections to a database before there are requests. Opened for a request, a connection costs it
 * the handshake, both sides the hashing of a password, and on a busy machine one that takes too long
 * has the database taken for unreachable: a new process then answered 503 in its first seconds.
 * @returns whether all are open; false after `openWithinMs` and the statements of the last attempt. Never rejects.
 */
export async function openConnections(options: OpenConnectionsOptions): Promise<boolean> {
  const { ask, connections, monotonicMs, sleep } = options;
  const startedMs = monotonicMs();
  for (;;) {
    // At once, so that each needs a connection of its own.
    const asked = await Promise.allSettled(Array.from({ length: connections }, ask));
    if (asked.every(({ status }) => status === "fulfilled")) return true;
    if (monotonicMs() - startedMs >= openWithinMs) return false;
    await sleep(pauseMs);
  }
}
