/** Time as the loop sees it, so that tests pass it in. */
export interface Clock {
  /** Wall-clock seconds since 1970: what status and memory carry over a restart. */
  nowSeconds(): number;
  /** Resolves after `seconds`, or at once when `signal` aborts. Never rejects. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  nowSeconds: () => Date.now() / 1000,
  sleep: (seconds, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.max(0, seconds) * 1000);
      signal.addEventListener("abort", finish);
    }),
};

export interface ManualClock extends Clock {
  /** Moves time on and wakes the sleepers whose time has come, in their order. */
  advance(seconds: number): void;
  /** Sleepers now waiting. */
  sleeping(): number;
}

/** A clock that stands still until it is moved. */
export function createManualClock(startSeconds: number): ManualClock {
  let now = startSeconds;
  const sleepers = new Map<() => void, number>();
  return {
    nowSeconds: () => now,
    sleep: (seconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = () => {
          sleepers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        sleepers.set(wake, now + Math.max(0, seconds));
        signal.addEventListener("abort", wake);
      }),
    advance(seconds) {
      now += seconds;
      const due = [...sleepers].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
      for (const [wake] of due) wake();
    },
    sleeping: () => sleepers.size,
  };
}
