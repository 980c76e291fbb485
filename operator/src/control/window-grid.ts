import type { Timing } from "@mestore/laws/timing";

/**
 * The lengths that windows have: the period of the TTL law times powers of the square root of two
 * (…, 75, 106, 150, 212, 300, 424, 600, … s). Classes and objectives that look about as far back ask
 * for the same windows then, and ask for them again on the next pass instead of for ever new ones.
 */
const stepsPerDoubling = 2;

/** What a length may be off the grid by rounding alone, in steps. */
const sameStep = 1e-9;

/** The least length of the grid that is no shorter. */
export function roundWindowUp(seconds: number, timing: Timing): number {
  return lengthAt(Math.ceil(stepOf(seconds, timing) - sameStep), timing);
}

/**
 * The greatest length of the grid that is no longer; below a slice the length itself, which grows out
 * of it within a few passes.
 */
export function roundWindowDown(seconds: number, timing: Timing): number {
  const rounded = lengthAt(Math.floor(stepOf(seconds, timing) + sameStep), timing);
  return rounded < timing.sliceSeconds ? seconds : rounded;
}

function stepOf(seconds: number, { ttlPeriodSeconds }: Timing): number {
  return stepsPerDoubling * Math.log2(seconds / ttlPeriodSeconds);
}

function lengthAt(step: number, { ttlPeriodSeconds }: Timing): number {
  return ttlPeriodSeconds * 2 ** (step / stepsPerDoubling);
}
