import { createBackoff } from "./backoff.ts";
import { createTally, type Tally } from "./tally.ts";

export interface DriverOptions {
  /** Where the paths are asked: `http://127.0.0.1:8000`. */
  readonly origin: string;
  readonly nextPath: () => string;
  /** When the next request is due, in milliseconds after the start. */
  readonly nextArrivalMs: () => number;
  readonly durationMs: number;
  /** The driver ends when nobody has answered for so long; never unless said otherwise. */
  readonly maxSilenceMs?: number;
  readonly maxInFlight?: number;
  readonly timeoutMs?: number;
}

export interface Driver {
  readonly tally: Tally;
  inFlight(): number;
  /** No new requests from now on. */
  stop(): void;
  /** Settles after the last request of the duration, or of the time before it ended, was answered. */
  readonly finished: Promise<void>;
}

/** Bun's client runs this many requests at once; more would wait in its queue and look like latency. */
const defaultMaxInFlight = 256;
/** A shopper does not wait longer. */
const defaultTimeoutMs = 10_000;

/**
 * Sends requests when they are due, whatever became of the earlier ones (open model). What cannot be
 * sent is dropped and counted; nothing queues. Latency counts from the time a request was due, so
 * that a late driver does not flatter the server. Never throws: failures are in the tally.
 */
export function startDriver(options: DriverOptions): Driver {
  const { origin, nextPath, nextArrivalMs, durationMs } = options;
  const { maxSilenceMs = Number.POSITIVE_INFINITY } = options;
  const { maxInFlight = defaultMaxInFlight, timeoutMs = defaultTimeoutMs } = options;
  const tally = createTally();
  const backoff = createBackoff();
  const startMs = performance.now();
  const elapsedMs = () => performance.now() - startMs;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();

  let inFlight = 0;
  let ended = false;
  let timer: Timer | undefined;
  let dueMs = nextArrivalMs();
  // Counted from a failure, not from the last answer: a machine that slept has asked nobody.
  let silentSinceMs: number | null = null;

  function noteSilence(): void {
    silentSinceMs ??= elapsedMs();
    if (elapsedMs() - silentSinceMs >= maxSilenceMs) end();
  }

  async function request(path: string, requestDueMs: number): Promise<void> {
    try {
      // A redirect could lead to a machine that nobody allowed.
      const response = await fetch(origin + path, {
        redirect: "manual",
        decompress: false,
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.arrayBuffer();
      tally.countAnswer(response.status, elapsedMs() - requestDueMs);
      backoff.noteSuccess();
      silentSinceMs = null;
    } catch (error) {
      const code = errorCode(error);
      tally.countFailure(code);
      // Whoever lets us wait is there: the bound on requests in flight is the answer to that.
      if (code !== timeoutCode) backoff.noteFailure(elapsedMs());
      noteSilence();
    }
    inFlight -= 1;
    if (ended && inFlight === 0) finish();
  }

  function arrive(): void {
    if (inFlight >= maxInFlight || !backoff.allows(elapsedMs())) {
      tally.countDropped();
      return;
    }
    inFlight += 1;
    tally.countSent();
    void request(nextPath(), dueMs);
  }

  function end(): void {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    if (inFlight === 0) finish();
  }

  function sendDue(): void {
    const nowMs = elapsedMs();
    for (; dueMs <= nowMs && dueMs < durationMs; dueMs = nextArrivalMs()) arrive();
    if (dueMs >= durationMs) end();
    else if (!ended) timer = setTimeout(sendDue, Math.max(0, dueMs - elapsedMs()));
  }

  timer = setTimeout(sendDue, dueMs);
  return { tally, inFlight: () => inFlight, stop: end, finished };
}

const timeoutCode = "TimeoutError";

/** `ConnectionRefused`, `ECONNRESET`, `TimeoutError`…: what tells failures of a request apart. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "Unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
