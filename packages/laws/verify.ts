import { minimumSamples } from "@mestore/contract/sla";
import { finiteInputs, formatCount, formatDuration, formatShare } from "./figures.ts";
import {
  errorShare,
  meanOf,
  regressionThreshold,
  type Share,
  sharesOf,
  slowShare,
} from "./regression.ts";
import { pickBaseline, type Slice } from "./slices.ts";
import { earlyLookSlices, type Timing, verificationSlices } from "./timing.ts";

export { pickBaseline, type Slice, untaintedSlices } from "./slices.ts";

/**
 * Whether a change that was made is kept or taken back (docs/tuning.md, "Verify and roll back").
 */

/**
 * The change that is being verified. Plain JSON: it lives in status, so that it survives a restart.
 */
export interface InFlight {
  readonly knob: string;
  /** Values before, by name: exactly these are restored. */
  readonly from: Readonly<Record<string, number>>;
  readonly to: Readonly<Record<string, number>>;
  readonly revision: number;
  readonly sinceSeconds: number;
  /** When every ready pod exported the revision; null until then. */
  readonly adoptedSeconds: number | null;
  readonly verifyUntilSeconds: number | null;
  /** The slices before the change, oldest first. */
  readonly baseline: readonly Slice[];
  /** Pod template hash that the baseline was measured on. */
  readonly podHash?: string;
}

export type VerdictReason =
  | "AwaitingAdoption"
  | "AwaitingSlices"
  | "RequestRateMoved"
  | "PodsReplaced"
  | "TooFewRequests"
  | "NoRegression"
  | "LatencyRegression"
  | "ErrorRegression"
  | "RevisionNotAdopted"
  | "VerificationImpossible";

/**
 * `Unverified`: kept, but no further move that way for an hour. `RollBack`: restore and bar the
 * direction. `Withdraw`: restore what no pod has taken up, and bar nothing.
 */
export interface Verdict {
  readonly outcome: "Waiting" | "Verified" | "Unverified" | "RollBack" | "Withdraw";
  readonly reason: VerdictReason;
  readonly sentence: string;
  readonly inputs: Readonly<Record<string, number>>;
  /** To be kept while waiting: `verifyUntilSeconds` moves with each inconclusive window. */
  readonly inFlight: InFlight;
}

export interface VerificationEvidence {
  /** All slices seen, oldest first, tainted ones too; those after adoption are picked from them. */
  readonly slices: readonly Slice[];
  /** Untainted slices, oldest first (`untaintedSlices`); those of the 24 h before the change count. */
  readonly history: readonly Slice[];
  /** Whether the newest observation was rejected. */
  readonly metricsRejected: boolean;
  /** Pod template hash as it is now. */
  readonly podHash?: string;
}

/** The least rises that are a regression: of the slow share, and of the error share. */
export const slowRegression = 0.01;
export const errorRegression = 0.002;
/** Beyond this the request rate has moved, and slices before and after are no longer comparable. */
export const requestRateTolerance = 0.2;
/** Windows that may follow the first one while all are inconclusive. */
export const furtherWindows = 3;

/** The record of a change, to be saved before the change itself is written. */
export function startInFlight(
  change: Pick<InFlight, "knob" | "from" | "to" | "revision" | "podHash"> & {
    readonly slices: readonly Slice[];
  },
  nowSeconds: number,
  timing: Timing,
): InFlight {
  const { slices, ...rest } = change;
  return {
    ...rest,
    sinceSeconds: nowSeconds,
    adoptedSeconds: null,
    verifyUntilSeconds: null,
    baseline: pickBaseline(slices, nowSeconds, timing),
  };
}

/** Every ready pod exports the revision: verification starts. */
export function noteAdopted(inFlight: InFlight, nowSeconds: number, timing: Timing): InFlight {
  return {
    ...inFlight,
    adoptedSeconds: nowSeconds,
    verifyUntilSeconds: nowSeconds + verificationSlices * timing.sliceSeconds,
  };
}

/**
 * Compares the ten slices after adoption with the ten before, with one early look at five. Windows
 * that cannot tell (request rate moved, other pods, too few requests) are followed by up to three
 * more. Call it on every pass; the same evidence gives the same verdict.
 */
export function decideVerdict(
  inFlight: InFlight,
  evidence: VerificationEvidence,
  nowSeconds: number,
  timing: Timing,
): Verdict {
  const { adoptedSeconds, sinceSeconds } = inFlight;
  if (adoptedSeconds === null) {
    return awaitAdoption(inFlight, evidence.metricsRejected, nowSeconds - sinceSeconds, timing);
  }

  const after = evidence.slices.filter(
    ({ atSeconds, seconds }) => atSeconds - seconds >= adoptedSeconds - 1e-6,
  );
  const history = evidence.history.filter(
    ({ atSeconds }) =>
      atSeconds <= sinceSeconds && sinceSeconds - atSeconds <= timing.placeboSeconds,
  );
  const replaced = inFlight.podHash !== evidence.podHash;
  const compare = (slices: readonly Slice[]) =>
    compareSlices(inFlight.baseline, slices, history, replaced, timing);

  if (after.length >= earlyLookSlices && after.length < verificationSlices) {
    const early = compare(after.slice(0, earlyLookSlices));
    const { outcome } = early;
    if (outcome === "RollBack") return { ...early, outcome, inFlight };
  }
  for (let window = 0; window <= furtherWindows; window++) {
    const from = window * verificationSlices;
    const slices = after.slice(from, from + verificationSlices);
    const extended = {
      ...inFlight,
      verifyUntilSeconds: adoptedSeconds + (window + 1) * verificationSlices * timing.sliceSeconds,
    };
    if (slices.length < verificationSlices)
      return awaitSlices(extended, after, evidence.metricsRejected, nowSeconds, timing);
    const compared = compare(slices);
    const { outcome } = compared;
    if (outcome !== "Inconclusive") return { ...compared, outcome, inFlight: extended };
    if (window === furtherWindows)
      return { ...compared, outcome: "Unverified", inFlight: extended };
  }
  return awaitSlices(inFlight, after, evidence.metricsRejected, nowSeconds, timing);
}

/**
 * Only metrics can tell whether a revision was taken up: without them it is not withdrawn in time.
 */
function awaitAdoption(
  inFlight: InFlight,
  metricsRejected: boolean,
  waitedSeconds: number,
  timing: Timing,
): Verdict {
  const { adoptionSeconds, metricsLostSeconds } = timing;
  const inputs = { waitedSeconds, adoptionSeconds };
  if (metricsRejected && waitedSeconds >= adoptionSeconds + metricsLostSeconds)
    return {
      outcome: "RollBack",
      reason: "VerificationImpossible",
      sentence: `There are no metrics to see revision ${inFlight.revision} by, ${formatDuration(metricsLostSeconds)} after it was due.`,
      inputs,
      inFlight,
    };
  if (!metricsRejected && waitedSeconds >= adoptionSeconds)
    return {
      outcome: "Withdraw",
      reason: "RevisionNotAdopted",
      sentence: `Revision ${inFlight.revision} was not taken up within ${formatDuration(adoptionSeconds)}.`,
      inputs,
      inFlight,
    };
  return {
    outcome: "Waiting",
    reason: "AwaitingAdoption",
    sentence: `Revision ${inFlight.revision} is not in force everywhere yet.`,
    inputs,
    inFlight,
  };
}

/** Metrics that stay away for 15 min past the deadline: what cannot be verified is taken back. */
function awaitSlices(
  inFlight: InFlight,
  after: readonly Slice[],
  metricsRejected: boolean,
  nowSeconds: number,
  timing: Timing,
): Verdict {
  const until = inFlight.verifyUntilSeconds ?? nowSeconds;
  const lastSeen = after.at(-1)?.atSeconds ?? inFlight.adoptedSeconds ?? nowSeconds;
  const isBlind = metricsRejected || nowSeconds - lastSeen >= timing.metricsLostSeconds;
  const inputs = { slices: after.length, verifyUntilSeconds: until };
  return isBlind && nowSeconds - until >= timing.metricsLostSeconds
    ? {
        outcome: "RollBack",
        reason: "VerificationImpossible",
        sentence: `There are no metrics to verify by, ${formatDuration(timing.metricsLostSeconds)} after the deadline.`,
        inputs,
        inFlight,
      }
    : {
        outcome: "Waiting",
        reason: "AwaitingSlices",
        sentence: `${after.length} slices since the change took effect; ${verificationSlices} make a window.`,
        inputs,
        inFlight,
      };
}

type Comparison = Pick<Verdict, "reason" | "sentence" | "inputs"> & {
  readonly outcome: "Verified" | "RollBack" | "Inconclusive";
};

function compareSlices(
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
  const inconclusive = (reason: VerdictReason, sentence: string): Comparison => ({
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

/**
 * What a roll-back writes: the exact previous value of whatever the tuning document still holds as
 * the change put it. A value that a safety move has changed since stays.
 */
export function planRollback(
  inFlight: InFlight,
  written: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(inFlight.from).filter(([name]) => written[name] === inFlight.to[name]),
  );
}
