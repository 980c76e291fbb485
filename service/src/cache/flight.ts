/**
 * One run of some work for all who want its result at the same time, key by key. A failure is a
 * result too: all who wait get it, and for a short while it is remembered, so that a broken source
 * is not asked once a request.
 */
export interface Flight<T> {
  /** What is under way for `key`. */
  running(key: string): Promise<T> | undefined;
  /** The failure that `key` came to a moment ago: better handed on than tried again. */
  recentFailure(key: string): { readonly reason: unknown } | undefined;
  /**
   * Runs `work`; `keep` makes what all get of a result that came in time, before any of them goes
   * on. To be called only where nothing is running.
   */
  start<R>(key: string, work: () => Promise<R>, keep: (result: R) => T): Promise<T>;
}

export interface FlightOptions {
  /** Work that takes longer fails with `LoadTimeoutError`; what it comes to later is dropped. */
  readonly timeoutMs: number;
  /** For how long a failure is remembered. */
  readonly backOffMs: number;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
}

/** A load that did not end in time. */
export class LoadTimeoutError extends Error {
  readonly code = "LOAD_TIMEOUT";
  override readonly name = "LoadTimeoutError";

  constructor(timeoutMs: number) {
    super(`the load did not end within ${timeoutMs} ms`);
  }
}

/** Failures remembered at once; the oldest goes first. They live for a fraction of a second. */
const failuresKept = 10_000;

export function createFlight<T>({ timeoutMs, backOffMs, monotonic }: FlightOptions): Flight<T> {
  const underWay = new Map<string, Promise<T>>();
  const failures = new Map<string, { readonly reason: unknown; readonly untilMs: number }>();

  function noteFailure(key: string, reason: unknown): void {
    const oldest = failures.keys().next();
    if (failures.size >= failuresKept && oldest.done !== true) failures.delete(oldest.value);
    failures.set(key, { reason, untilMs: monotonic() + backOffMs });
  }

  return {
    running: (key) => underWay.get(key),
    recentFailure(key) {
      if (failures.size === 0) return undefined;
      const failure = failures.get(key);
      if (failure === undefined || monotonic() < failure.untilMs) return failure;
      failures.delete(key);
      return undefined;
    },
    start(key, work, keep) {
      const result = endWithin(timeoutMs, work).then(
        (value) => {
          underWay.delete(key);
          return keep(value);
        },
        (reason: unknown) => {
          underWay.delete(key);
          noteFailure(key, reason);
          throw reason;
        },
      );
      underWay.set(key, result);
      return result;
    },
  };
}

function endWithin<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new LoadTimeoutError(timeoutMs)), timeoutMs);
    const settled = (settle: () => void) => {
      clearTimeout(timer);
      settle();
    };
    // In a promise of its own, since `work` may throw before it returns one.
    new Promise<T>((started) => started(work())).then(
      (value) => settled(() => resolve(value)),
      (reason: unknown) => settled(() => reject(reason)),
    );
  });
}
