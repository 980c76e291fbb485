import type { MetricWindow } from "@mestore/contract/samples";
import type { Capture, Registry } from "@mestore/telemetry/registry";

/** The longest window that the history of a process reaches back. */
export const historySeconds = 300;

/** Interval of the readings kept. */
export const historyPeriodSeconds = 5;

/** What this process did in the last minutes, from its own instruments. */
export interface History {
  /** Takes a reading every `historyPeriodSeconds`. The timer keeps no process alive. */
  start(): void;
  stop(): void;
  /** Takes one reading now. */
  sample(): void;
  /**
   * From the oldest reading within the last `seconds` (default and longest: `historySeconds`) to
   * this moment. A younger process gives what it has; the window says from when to when it reaches.
   */
  window(seconds?: number): MetricWindow;
}

interface Taken {
  readonly atSeconds: number;
  readonly capture: Capture;
}

/**
 * Create it after the instruments of the process, so that the first window begins at what they
 * read. Sixty readings of 1,500 series are 0.7 MB.
 * @param now wall clock in milliseconds
 */
export function createHistory(registry: Registry, now: () => number): History {
  let timer: Timer | undefined;
  let kept: readonly Taken[] = [take()];

  function take(): Taken {
    return { atSeconds: now() / 1000, capture: registry.capture() };
  }

  /** A reading may be late by a fraction of the period and still open a window of full length. */
  function reaches(taken: Taken, nowSeconds: number, seconds: number): boolean {
    return taken.atSeconds >= nowSeconds - seconds - historyPeriodSeconds / 2;
  }

  function sample(): void {
    const taken = take();
    kept = [...kept.filter((one) => reaches(one, taken.atSeconds, historySeconds)), taken];
  }

  return {
    sample,
    start() {
      timer ??= setInterval(sample, historyPeriodSeconds * 1000).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
    window(seconds = historySeconds) {
      const last = take();
      const first =
        kept.find((one) => reaches(one, last.atSeconds, seconds)) ?? kept.at(-1) ?? last;
      return {
        fromSeconds: first.atSeconds,
        toSeconds: last.atSeconds,
        first: registry.read(first.capture),
        last: registry.read(last.capture),
      };
    },
  };
}
