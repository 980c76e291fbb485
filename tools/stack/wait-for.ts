export interface WaitOptions {
  /** Deadline in milliseconds; 10 s unless said otherwise. */
  readonly timeoutMs?: number;
  /** Pause between two looks in milliseconds; 20 ms unless said otherwise. */
  readonly intervalMs?: number;
  /** What is waited for, for the message of the failure: "the service to answer". */
  readonly what?: string;
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | "">;

/**
 * Polls `condition` until it gives something truthy, and answers with that. A condition that throws
 * is one that does not hold yet; one that hangs does not outlive the deadline.
 * @throws an Error that says what was waited for, for how long, and what the last look came to.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Truthy<T>> {
  const { timeoutMs = 10_000, intervalMs = 20, what = "a condition" } = options;
  const deadline = performance.now() + timeoutMs;
  let last = "it never held";
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0) throw new Error(`waited ${timeoutMs} ms for ${what}: ${last}`);
    try {
      const value = await withDeadline(condition, left);
      if (value) return value as Truthy<T>;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await Bun.sleep(Math.min(intervalMs, Math.max(0, deadline - performance.now())));
  }
}

async function withDeadline<T>(condition: () => T | Promise<T>, leftMs: number): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the last look did not end in time")), leftMs);
  });
  try {
    return await Promise.race([Promise.resolve(condition()), late]);
  } finally {
    clearTimeout(timer);
  }
}
