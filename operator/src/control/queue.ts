/**
 * When which key is due: the part of the loop that decides about time, and is handed the time. Each
 * key is due once an interval, at once when something about it changed, and later after failures; it
 * is never given out twice at once.
 */

/** Least time between the starts of two passes of one key, however often it changes. */
export const leastSpacingSeconds = 1;

/** Failing passes are this much further apart at most. */
export const longestBackoffSeconds = 60;

export interface QueueOptions {
  readonly intervalSeconds: number;
  /** Default `leastSpacingSeconds`. */
  readonly spacingSeconds?: number;
}

export interface DueKey {
  readonly key: string;
  /** How long it was due before it was given out. */
  readonly waitedSeconds: number;
}

export interface Queue {
  /**
   * Keys that are new are due now; those that are gone are given out no more. A key that is given out stays
   * until it is given back, and one that comes back meanwhile is due at once after that.
   */
  sync(keys: readonly string[], nowSeconds: number): void;
  /** Something about the key changed. An unknown key is passed over: the next `sync` brings it. */
  touch(key: string, nowSeconds: number): void;
  /** The key that has been due for longest and is not given out; null: none is. */
  take(nowSeconds: number): DueKey | null;
  /** Takes one key whether it is due or not; false: it is unknown or given out. */
  takeNow(key: string, nowSeconds: number): boolean;
  /** Gives a key back. What changed meanwhile makes it due at once, whatever became of the pass. */
  finish(key: string, isFine: boolean, nowSeconds: number): void;
  /** When the next key that is not given out is due; Infinity: never. */
  nextDueSeconds(): number;
  /** Keys that are due and not given out. */
  depth(nowSeconds: number): number;
}

interface Entry {
  dueSeconds: number;
  startedSeconds: number;
  failures: number;
  running: boolean;
  touched: boolean;
  /** Not listed any more, and forgotten once it is given back. */
  gone: boolean;
}

export function createQueue(options: QueueOptions): Queue {
  const { intervalSeconds, spacingSeconds = leastSpacingSeconds } = options;
  const longestPauseSeconds = Math.max(longestBackoffSeconds, intervalSeconds);
  const entries = new Map<string, Entry>();

  const waiting = () => [...entries].filter(([, { running }]) => !running);

  function start(entry: Entry, nowSeconds: number): void {
    entry.running = true;
    entry.touched = false;
    entry.startedSeconds = nowSeconds;
  }

  return {
    sync(keys, nowSeconds) {
      const listed = new Set(keys);
      for (const [key, entry] of entries) {
        if (listed.has(key)) continue;
        if (entry.running) entry.gone = true;
        else entries.delete(key);
      }
      for (const key of listed) {
        const known = entries.get(key);
        if (known !== undefined) {
          known.touched ||= known.gone;
          known.gone = false;
          continue;
        }
        entries.set(key, {
          dueSeconds: nowSeconds,
          startedSeconds: -Infinity,
          failures: 0,
          running: false,
          touched: false,
          gone: false,
        });
      }
    },

    touch(key, nowSeconds) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entry.touched = true;
      if (entry.running) return;
      const soonest = Math.max(nowSeconds, entry.startedSeconds + spacingSeconds);
      entry.dueSeconds = Math.min(entry.dueSeconds, soonest);
    },

    take(nowSeconds) {
      let first: readonly [string, Entry] | null = null;
      for (const one of waiting())
        if (one[1].dueSeconds < (first?.[1].dueSeconds ?? Infinity)) first = one;
      if (first === null || first[1].dueSeconds > nowSeconds) return null;
      const [key, entry] = first;
      const waitedSeconds = nowSeconds - entry.dueSeconds;
      start(entry, nowSeconds);
      return { key, waitedSeconds };
    },

    takeNow(key, nowSeconds) {
      const entry = entries.get(key);
      if (entry === undefined || entry.running) return false;
      start(entry, nowSeconds);
      return true;
    },

    finish(key, isFine, nowSeconds) {
      const entry = entries.get(key);
      if (entry === undefined || !entry.running) return;
      if (entry.gone) {
        entries.delete(key);
        return;
      }
      entry.running = false;
      entry.failures = isFine ? 0 : entry.failures + 1;
      const pause = Math.min(intervalSeconds * 2 ** entry.failures, longestPauseSeconds);
      const soonest = entry.startedSeconds + spacingSeconds;
      entry.dueSeconds = Math.max(
        nowSeconds,
        entry.touched ? soonest : entry.startedSeconds + pause,
      );
    },

    nextDueSeconds: () =>
      waiting().reduce((least, [, { dueSeconds }]) => Math.min(least, dueSeconds), Infinity),

    depth: (nowSeconds) =>
      waiting().filter(([, { dueSeconds }]) => dueSeconds <= nowSeconds).length,
  };
}
