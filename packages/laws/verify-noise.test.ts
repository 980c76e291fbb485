import { expect, test } from "bun:test";
import { createTiming } from "./timing.ts";
import { decideVerdict, type InFlight, noteAdopted, type Slice, startInFlight } from "./verify.ts";

/** How often verification is wrong on noise, and how often it sees a true regression. Seeded. */

const timing = createTiming();

function createNormal(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  // Box and Muller's transform.
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Slices whose slow share is 5 % plus AR(1) noise of standard deviation `sd`. */
function createTraffic(seed: number, sd: number, autocorrelation: number) {
  const normal = createNormal(seed);
  let noise = sd * normal();
  return (from: number, count: number, shift = 0): Slice[] =>
    Array.from({ length: count }, (_, i) => {
      noise = autocorrelation * noise + sd * Math.sqrt(1 - autocorrelation ** 2) * normal();
      const requests = 24_000;
      return {
        atSeconds: from + (i + 1) * timing.sliceSeconds,
        seconds: timing.sliceSeconds,
        requests,
        slow: Math.max(0, Math.round((0.05 + noise + shift) * requests)),
        errors: 0,
      };
    });
}

interface Trial {
  readonly sd: number;
  readonly autocorrelation: number;
  readonly historySlices: number;
  readonly shift: number;
}

/** Share of runs that end in a roll-back, with the early look at five slices taken as it comes. */
function rollbackShare(runs: number, trial: Trial): number {
  let rolledBack = 0;
  for (let run = 0; run < runs; run++) {
    const traffic = createTraffic(1000 + run, trial.sd, trial.autocorrelation);
    const history = traffic(0, trial.historySlices);
    const now = history.length * timing.sliceSeconds;
    const change = { knob: "ttl", from: { product: 60 }, to: { product: 120 }, revision: 1 };
    const inFlight = noteAdopted(
      startInFlight({ ...change, slices: history }, now, timing),
      now,
      timing,
    );
    const after = traffic(now, 10, trial.shift);
    if ([5, 10].some((seen) => isRolledBack(inFlight, history, after.slice(0, seen))))
      rolledBack += 1;
  }
  return rolledBack / runs;
}

function isRolledBack(
  inFlight: InFlight,
  history: readonly Slice[],
  after: readonly Slice[],
): boolean {
  const now = after.at(-1)?.atSeconds ?? 0;
  const evidence = { slices: [...history, ...after], history, metricsRejected: false };
  return decideVerdict(inFlight, evidence, now, timing).outcome === "RollBack";
}

const hours = (count: number) => (count * 3600) / timing.sliceSeconds;

test.each([0, 0.7, 0.9])(
  "with a day of history at most 2 %% are rolled back falsely (autocorrelation %d)",
  (autocorrelation) => {
    // At 0.7 the difference of two means of ten slices has a standard deviation of 1.1 points.
    const trial = { sd: 0.015, autocorrelation, historySlices: hours(24), shift: 0 };
    expect(rollbackShare(400, trial)).toBeLessThanOrEqual(0.02);
  },
);

test.each([0, 0.3])(
  "with an hour of history at most 2 %% are, on noise that is little correlated (%d)",
  (autocorrelation) => {
    // Measured beyond that: 2.2 % at 0.5, 3.2 % at 0.7, 5.4 % at 0.9. Twenty slices cannot tell more.
    const trial = { sd: 0.015, autocorrelation, historySlices: hours(1), shift: 0 };
    expect(rollbackShare(500, trial)).toBeLessThanOrEqual(0.02);
  },
);

test.each([
  [1, 0],
  [24, 0],
  [24, 0.6],
])(
  "a regression of 3 points at an sd of 0.6 is seen in 99 %% of cases (%d h of history, autocorrelation %d)",
  (historyHours, autocorrelation) => {
    const trial = {
      sd: 0.006,
      autocorrelation,
      historySlices: hours(historyHours),
      shift: 0.03,
    };
    expect(rollbackShare(300, trial)).toBeGreaterThanOrEqual(0.99);
  },
);
