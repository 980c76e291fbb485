import type { Slice } from "./slices.ts";
import { studentQuantile } from "./student-t.ts";
import { earlyLookSlices, type Timing, verificationSlices } from "./timing.ts";

/** How large a difference between slices before and after a change has to be, to be its doing. */

export type Share = (slice: Slice) => number;

/** NaN for a slice without requests: it says nothing. */
export const slowShare: Share = ({ slow, requests }) => slow / requests;
export const errorShare: Share = ({ errors, requests }) => errors / requests;

/** Placebo quantiles of the final and the early look (docs/tuning.md, "Verify and roll back"). */
export const finalQuantile = 0.99;
export const earlyQuantile = 0.998;
/** z of the two-sided 99 % interval, and of the early look, which must not add false alarms. */
export const finalZ = 2.576;
export const earlyZ = 3.5;

/** Largest autocorrelation that is reckoned with. */
export const largestAutocorrelation = 0.9;

export interface Threshold {
  readonly method: "Placebo" | "StudentT";
  /** A difference above it is not chance. */
  readonly difference: number;
  /** Placebo differences, or degrees of freedom. */
  readonly strength: number;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Without a copy: the placebo takes thousands of these. */
function meanBetween(values: readonly number[], from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i] ?? 0;
  return sum / (to - from);
}

export function sharesOf(slices: readonly Slice[], share: Share): readonly number[] {
  return slices.map(share).filter(Number.isFinite);
}

/**
 * The threshold for the mean of `after` less the mean of `before`: from `history` when it holds 12 h
 * of slices and enough placebo differences for the quantile to be more than its largest, else from
 * a t-interval.
 */
export function regressionThreshold(
  before: readonly Slice[],
  after: readonly Slice[],
  history: readonly Slice[],
  share: Share,
  timing: Timing,
): Threshold {
  const isEarly = after.length <= earlyLookSlices;
  const quantile = isEarly ? earlyQuantile : finalQuantile;
  if (history.length * timing.sliceSeconds >= timing.placeboMinimumSeconds) {
    const placebo = placeboDifferences(history, after.length, share, timing);
    if (placebo.length * (1 - quantile) >= 1) {
      const sorted = placebo.toSorted((a, b) => a - b);
      const difference = sorted[Math.ceil(quantile * sorted.length) - 1] ?? 0;
      return { method: "Placebo", difference, strength: sorted.length };
    }
  }
  return studentThreshold(sharesOf(before, share), sharesOf(after, share), isEarly);
}

/**
 * The same difference where nothing had changed: at each slice of the history, the mean of the next
 * `length` slices less that of the ten before, over slices that follow each other without a gap.
 */
export function placeboDifferences(
  history: readonly Slice[],
  length: number,
  share: Share,
  timing: Timing,
): readonly number[] {
  const differences: number[] = [];
  let begin = 0;
  for (let i = 0; i <= history.length; i++) {
    const [slice, previous] = [history[i], history[i - 1]];
    const follows =
      slice !== undefined &&
      previous !== undefined &&
      slice.atSeconds - slice.seconds - previous.atSeconds <= timing.sliceSeconds / 2;
    if (i === 0 || follows) continue;
    const run = history.slice(begin, i).map(share);
    for (let at = verificationSlices; at + length <= run.length; at++) {
      const difference =
        meanBetween(run, at, at + length) - meanBetween(run, at - verificationSlices, at);
      if (Number.isFinite(difference)) differences.push(difference);
    }
    begin = i;
  }
  return differences;
}

/**
 * Half the width of the 99 % t-interval (one side of it: regressions only go up) of a difference of
 * means with pooled variance. Neighbouring slices resemble each other, so the variance grows by
 * f = (1 + r) / (1 - r) and the n - 2 degrees of freedom shrink by it; r is the pooled lag-1
 * autocorrelation of the residuals, raised by 2/n against its bias.
 */
export function studentThreshold(
  before: readonly number[],
  after: readonly number[],
  isEarly: boolean,
): Threshold {
  const n = before.length + after.length;
  const groups = [before, after].map((values) => {
    const mean = meanOf(values);
    return values.map((value) => value - mean);
  });
  const squares = groups.flat().reduce((sum, residual) => sum + residual * residual, 0);
  const products = groups.reduce(
    (sum, residuals) =>
      sum +
      residuals.reduce(
        (own, residual, i) => own + (i === 0 ? 0 : residual * (residuals[i - 1] ?? 0)),
        0,
      ),
    0,
  );
  if (n <= 2 || before.length === 0 || after.length === 0)
    return { method: "StudentT", difference: Number.POSITIVE_INFINITY, strength: 0 };
  const raw = squares > 0 ? products / squares : 0;
  const r = Math.min(largestAutocorrelation, Math.max(0, raw + 2 / n));
  const f = (1 + r) / (1 - r);
  const degreesOfFreedom = (n - 2) / f;
  const standardError = Math.sqrt((squares / (n - 2)) * (1 / before.length + 1 / after.length) * f);
  const t = studentQuantile((1 + finalQuantile) / 2, degreesOfFreedom);
  return {
    method: "StudentT",
    difference: standardError * t * (isEarly ? earlyZ / finalZ : 1),
    strength: degreesOfFreedom,
  };
}
