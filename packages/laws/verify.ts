import { compareSlices } from "./compare-slices.ts";
import { formatDuration } from "./figures.ts";
import { type HealthBaseline, judgeHealth, noteHealth, type PodHealth } from "./pod-health.ts";
import { pickBaseline, type Slice } from "./slices.ts";
import { earlyLookSlices, type Timing, verificationSlices } from "./timing.ts";

export { errorRegression, requestRateTolerance, slowRegression } from "./compare-slices.ts";
export { type HealthBaseline, type PodHealth, startHealth } from "./pod-health.ts";
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
  /** Health of the pods as the change found them; absent where the platform tells none. */
  readonly health?: HealthBaseline;
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
  | "PodsUnhealthy"
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
  /** Health of the pods now; absent where it cannot be seen. */
  readonly health?: PodHealth;
}

/** Windows that may follow the first one while all are inconclusive. */
export const furtherWindows = 3;

/** The record of a change, to be saved before the change itself is written. */
export function startInFlight(
  change: Pick<InFlight, "knob" | "from" | "to" | "revision" | "podHash" | "health"> & {
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
 * more. Pods of the same release that restart or stay unavailable end it at once, with metrics or
 * without. Call it on every pass; the same evidence gives the same verdict.
 */
export function decideVerdict(
  change: InFlight,
  evidence: VerificationEvidence,
  nowSeconds: number,
  timing: Timing,
): Verdict {
  const inFlight = noteChangeHealth(change, evidence, nowSeconds);
  const unhealthy =
    evidence.health === undefined || inFlight.health === undefined || isReplaced(change, evidence)
      ? null
      : judgeHealth(inFlight.health, evidence.health, nowSeconds, timing);
  if (unhealthy !== null)
    return { outcome: "RollBack", reason: "PodsUnhealthy", ...unhealthy, inFlight };
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
  const replaced = isReplaced(inFlight, evidence);
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
 * Another release of the workload: what became of its pods and figures is not the change's doing. Where
 * the change does not say which release it found, nothing speaks for another one.
 */
function isReplaced(change: InFlight, evidence: VerificationEvidence): boolean {
  return change.podHash !== undefined && change.podHash !== evidence.podHash;
}

function noteChangeHealth(
  change: InFlight,
  evidence: VerificationEvidence,
  nowSeconds: number,
): InFlight {
  const { health } = evidence;
  if (health === undefined || isReplaced(change, evidence)) return change;
  return { ...change, health: noteHealth(change.health, health, nowSeconds) };
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
