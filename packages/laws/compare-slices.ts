import { minimumSamples } from "@mestore/contract/sla";
import { finiteInputs, formatCount, formatShare } from "./figures.ts";
import {
  errorShare,
  meanOf,
  regressionThreshold,
  type Share,
  sharesOf,
  slowShare,
} from "./regression.ts";
import type { Slice } from "./slices.ts";
import type { Timing } from "./timing.ts";

/** The least rises that are a regression: of the slow share, and of the error share. */
export const slowRegression = 0.01;
export const errorRegression = 0.002;
/** Beyond this the request rate has moved, and slices before and after are no longer comparable. */
export const requestRateTolerance = 0.2;
export interface Comparison {
  readonly outcome: "Verified" | "RollBack" | "Inconclusive";
  readonly reason:
    | "RequestRateMoved"
    | "PodsReplaced"
    | "TooFewRequests"
    | "NoRegression"
    | "LatencyRegression"
    | "ErrorRegression";
  readonly sentence: string;
  readonly inputs: Readonly<Record<string, number>>;
}

/**
 * One window of slices after a change against those before it. `replaced`: they are of another release.
 */
export function compareSlices(
  before: readonly Slice[],
  after: readonly Slice[],
  history: readonly Slice[],
  replaced: boolean,
  timing: Timing,
): Comparison {
  const [requestsBefore, requestsAfter] = [total(before, "requests"), total(after, "requests")];
  const rateBefore = requestsBefore / total(before, "seconds");
  const rateAfter = requestsAfter / total(after, "seconds");
  const inputs: Record<string, number> = { requestsBefore, requestsAfter };
  const inconclusive = (reason: Comparison["reason"], sentence: string): Comparison => ({
    outcome: "Inconclusive",
    reason,
    sentence,
    inputs: finiteInputs({ ...inputs, rateBefore, rateAfter }),
  });
  if (replaced) return inconclusive("PodsReplaced", "The pods are not those of the baseline.");
  if (!(Math.min(requestsBefore, requestsAfter) >= minimumSamples.p95))
    return inconclusive(
      "TooFewRequests",
      `${formatCount(requestsBefore)} requests before and ${formatCount(requestsAfter)} after are too few to compare.`,
    );
  if (!(Math.abs(rateAfter / rateBefore - 1) <= requestRateTolerance))
    return inconclusive(
      "RequestRateMoved",
      `Requests went from ${rateBefore.toFixed(1)} to ${rateAfter.toFixed(1)} a second.`,
    );

  const rise = (name: string, share: Share, least: number) => {
    const [was, is] = [meanOf(sharesOf(before, share)), meanOf(sharesOf(after, share))];
    const threshold = regressionThreshold(before, after, history, share, timing);
    inputs[`${name}Before`] = was;
    inputs[`${name}After`] = is;
    inputs[`${name}Threshold`] = threshold.difference;
    return { was, is, regressed: is - was >= least && is - was > threshold.difference };
  };
  const slow = rise("slowShare", slowShare, slowRegression);
  const errors = rise("errorShare", errorShare, errorRegression);
  const finite = finiteInputs(inputs);
  const from = (one: { was: number; is: number }) =>
    `${formatShare(one.was)} to ${formatShare(one.is)}`;
  if (slow.regressed)
    return {
      outcome: "RollBack",
      reason: "LatencyRegression",
      sentence: `Slow requests went from ${from(slow)}.`,
      inputs: finite,
    };
  if (errors.regressed)
    return {
      outcome: "RollBack",
      reason: "ErrorRegression",
      sentence: `Failed requests went from ${from(errors)}.`,
      inputs: finite,
    };
  return {
    outcome: "Verified",
    reason: "NoRegression",
    sentence: `Slow requests ${from(slow)}, failed ones ${from(errors)}: no regression.`,
    inputs: finite,
  };
}

function total(slices: readonly Slice[], field: "requests" | "seconds"): number {
  return slices.reduce((sum, slice) => sum + slice[field], 0);
}
