/**
 * Every period, window and cooldown of the laws, in seconds. `timeScale` divides them all, never
 * sample minima, TTLs, ages or the HPA's own period (docs/tuning.md).
 */
export interface Timing {
  /** Interval of the metrics that the loop reads, and of its passes. */
  readonly scrapeSeconds: number;
  /** Length of the slices that verification compares. */
  readonly sliceSeconds: number;
  /** Least time between two looks of the TTL law at a class, and between moves that are no lengthening. */
  readonly ttlPeriodSeconds: number;
  /** After a scale event, rollout or knob change, samples are no law input for this long. */
  readonly taintSeconds: number;
  /** Longest window that may grow to reach its minimum of samples. */
  readonly longestWindowSeconds: number;
  /** The "6 h" of the TTL law: floor for shortening, update rate, pause after a staleness cut. */
  readonly sixHoursSeconds: number;
  /** A direction that was rolled back is barred for this long, doubling up to `longestBarSeconds`. */
  readonly barSeconds: number;
  readonly longestBarSeconds: number;
  /** How long slices are kept for the placebo distribution. */
  readonly placeboSeconds: number;
  /** Placebo thresholds need this much history, else a t-interval decides. */
  readonly placeboMinimumSeconds: number;
  /** A direction whose change could not be verified rests this long. */
  readonly unverifiedRestSeconds: number;
  /** A change that no service has taken up by then is withdrawn. */
  readonly adoptionSeconds: number;
  /** Metrics lost for longer than this degrade the loop; also how long past its deadline a verification may wait for metrics. */
  readonly metricsLostSeconds: number;
}

export const verificationSlices = 10;
export const earlyLookSlices = 5;

const minute = 60;
const hour = 60 * minute;

/** @param timeScale at least 1; above 1 only with the file source and in the simulator. */
export function createTiming(timeScale = 1): Timing {
  const scaled = (seconds: number) => seconds / timeScale;
  return {
    scrapeSeconds: scaled(15),
    sliceSeconds: scaled(minute),
    ttlPeriodSeconds: scaled(10 * minute),
    taintSeconds: scaled(180),
    longestWindowSeconds: scaled(12 * hour),
    sixHoursSeconds: scaled(6 * hour),
    barSeconds: scaled(30 * minute),
    longestBarSeconds: scaled(24 * hour),
    placeboSeconds: scaled(24 * hour),
    placeboMinimumSeconds: scaled(12 * hour),
    unverifiedRestSeconds: scaled(hour),
    adoptionSeconds: scaled(3 * minute),
    metricsLostSeconds: scaled(15 * minute),
  };
}
