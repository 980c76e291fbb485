import type { Clock } from "./clock.ts";

/** Sleep that may be cut short, also before it begins. */
export interface Nap {
  /** Resolves at `seconds` of the clock, when woken, or when the signal aborts. */
  until(seconds: number): Promise<void>;
  /** Ends the sleep there is, else the next one at once. */
  wake(): void;
}

export function createNap(clock: Clock, signal: AbortSignal): Nap {
  let sleeping: AbortController | null = null;
  let isWoken = false;
  const wake = () => {
    isWoken = true;
    sleeping?.abort();
  };
  signal.addEventListener("abort", wake, { once: true });
  return {
    wake,
    async until(seconds) {
      if (!isWoken && !signal.aborted) {
        sleeping = new AbortController();
        await clock.sleep(seconds - clock.nowSeconds(), sleeping.signal);
        sleeping = null;
      }
      isWoken = false;
    },
  };
}
