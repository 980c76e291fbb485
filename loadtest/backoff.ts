/** The first pause after a run of failures; each further failure doubles it. */
const firstPauseMs = 100;
/** So long at most, so that a service that came back has its shoppers within seconds. */
const longestPauseMs = 2000;
/** One lost connection is an accident; this many in a row mean that nobody is there. */
const failuresUntilAway = 5;

export interface Backoff {
  /** Whether an attempt may be made now. */
  allows(nowMs: number): boolean;
  noteSuccess(): void;
  noteFailure(nowMs: number): void;
}

/** Keeps a driver from hammering at a service that is away; one attempt after each pause probes. */
export function createBackoff(): Backoff {
  let failures = 0;
  let pauseMs = firstPauseMs;
  let awayUntilMs = Number.NEGATIVE_INFINITY;
  return {
    allows: (nowMs) => nowMs >= awayUntilMs,
    noteSuccess() {
      failures = 0;
      pauseMs = firstPauseMs;
      awayUntilMs = Number.NEGATIVE_INFINITY;
    },
    noteFailure(nowMs) {
      failures += 1;
      // Requests that were in flight together fail together: they are one failure of the pause.
      if (failures < failuresUntilAway || nowMs < awayUntilMs) return;
      awayUntilMs = nowMs + pauseMs;
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    },
  };
}
