/**
 * Decides when a layer that does not answer is given up. A hung server accepts commands and never
 * replies, so time-outs are the only sign of it.
 */
export interface Breaker {
  /** Notes a time-out; true: give up. */
  timedOut(atMs: number): boolean;
  /** Notes that the layer answered, be it with an error. */
  answered(): void;
}

/** Time-outs that open the breaker, and within what time. */
export const breakerTimeouts = 5;
export const breakerWindowMs = 100;

/**
 * Opens at `breakerTimeouts` within `breakerWindowMs`. The same number in a row with no answer in
 * between opens it however far apart they are: under little traffic they are seldom 100 ms apart,
 * and each costs a request its deadline.
 */
export function createBreaker(): Breaker {
  const times = new Float64Array(breakerTimeouts).fill(-Infinity);
  let next = 0;
  let inRow = 0;
  return {
    timedOut(atMs) {
      times[next] = atMs;
      next = (next + 1) % breakerTimeouts;
      inRow++;
      const oldest = times[next] ?? -Infinity;
      return inRow >= breakerTimeouts || atMs - oldest <= breakerWindowMs;
    },
    answered() {
      inRow = 0;
    },
  };
}

/** The first probe of a lost layer comes after this; each failed one doubles it, up to the longest. */
const firstProbeMs = 50;
const longestProbeMs = 1000;

/** Pause before probe number `attempt` (from 0), up to a fifth shorter so that a fleet does not probe in step. */
export function decideProbeDelayMs(attempt: number, random: () => number): number {
  return Math.min(longestProbeMs, firstProbeMs * 2 ** attempt) * (1 - 0.2 * random());
}
