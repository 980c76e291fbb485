/** The time that one request has, and whoever may give it up before. */
export interface Deadline {
  /** Aborts at the end of the time, or when the caller gives up. */
  readonly signal: AbortSignal;
  isOver(): boolean;
  leftSeconds(): number;
  /** Rejects when the time is over before `work` is done. */
  race<T>(work: Promise<T>): Promise<T>;
  /** The request is done: nothing aborts any more. */
  end(): void;
}

/**
 * Of real time, since it bounds sockets. Not `AbortSignal.any`: the signals of callers live as long as
 * the program, and every request would leave something on them.
 */
export function startDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const endsAt = performance.now() + timeoutMs;
  const controller = new AbortController();
  const { signal } = controller;
  let over = false;
  const timer = setTimeout(() => {
    over = true;
    controller.abort();
  }, timeoutMs);
  const giveUp = () => controller.abort();
  if (outer?.aborted) giveUp();
  else outer?.addEventListener("abort", giveUp);
  return {
    signal,
    isOver: () => over,
    leftSeconds: () => (endsAt - performance.now()) / 1000,
    race: (work) =>
      new Promise((resolve, reject) => {
        const abort = () => reject(new Error(over ? "the time is over" : "given up"));
        if (signal.aborted) return abort();
        signal.addEventListener("abort", abort);
        work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
      }),
    end() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", giveUp);
    },
  };
}
