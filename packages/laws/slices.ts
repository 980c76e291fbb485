import { type Timing, verificationSlices } from "./timing.ts";

/** What shoppers got during one slice of time. */
export interface Slice {
  /** Its end. */
  readonly atSeconds: number;
  readonly seconds: number;
  readonly requests: number;
  /** Requests above the latency threshold. */
  readonly slow: number;
  readonly errors: number;
}

/** The ten slices before a change; fewer when the last twenty slices of time do not hold ten. */
export function pickBaseline(
  slices: readonly Slice[],
  nowSeconds: number,
  timing: Timing,
): readonly Slice[] {
  const oldest = nowSeconds - 2 * verificationSlices * timing.sliceSeconds;
  return slices
    .filter(({ atSeconds }) => atSeconds > oldest && atSeconds <= nowSeconds)
    .slice(-verificationSlices);
}

/** Slices of the last 24 h that no change (move, roll-back, rollout, scale event) has tainted. */
export function untaintedSlices(
  slices: readonly Slice[],
  changesAtSeconds: readonly number[],
  nowSeconds: number,
  timing: Timing,
): readonly Slice[] {
  return slices.filter(
    ({ atSeconds, seconds }) =>
      nowSeconds - atSeconds <= timing.placeboSeconds &&
      !changesAtSeconds.some(
        (change) => atSeconds > change && atSeconds - seconds < change + timing.taintSeconds,
      ),
  );
}
