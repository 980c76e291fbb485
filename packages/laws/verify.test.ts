import { describe, expect, test } from "bun:test";
import { studentThreshold } from "./regression.ts";
import { createTiming } from "./timing.ts";
import {
  decideVerdict,
  type InFlight,
  noteAdopted,
  pickBaseline,
  planRollback,
  type Slice,
  startInFlight,
  untaintedSlices,
} from "./verify.ts";

const timing = createTiming();
const { sliceSeconds } = timing;
const start = 1_000_000;

/** Slices of one minute that end at `from` + 1, 2, … minutes. */
const slices = (
  from: number,
  slowShares: readonly number[],
  over: { requests?: number; errors?: number } = {},
): Slice[] =>
  slowShares.map((share, i) => {
    const requests = over.requests ?? 1000;
    return {
      atSeconds: from + (i + 1) * sliceSeconds,
      seconds: sliceSeconds,
      requests,
      slow: Math.round(share * requests),
      errors: over.errors ?? 0,
    };
  });

const steady = (n: number, share = 0.02) => Array.from({ length: n }, () => share);
const wobble = (n: number, share = 0.02) =>
  Array.from({ length: n }, (_, i) => share + (i % 2 === 0 ? 0.002 : -0.002));

const before = slices(start - 10 * sliceSeconds, wobble(10));
const change: InFlight = startInFlight(
  {
    knob: "ttl",
    from: { product: 60, search: 30 },
    to: { product: 120, search: 60 },
    revision: 7,
    slices: before,
  },
  start,
  timing,
);
const adoptedAt = start + 30;
const adopted = noteAdopted(change, adoptedAt, timing);

const judge = (
  after: readonly Slice[],
  over: { inFlight?: InFlight; now?: number; rejected?: boolean; podHash?: string } = {},
) =>
  decideVerdict(
    over.inFlight ?? adopted,
    {
      slices: [...before, ...after],
      history: before,
      metricsRejected: over.rejected ?? false,
      ...(over.podHash === undefined ? {} : { podHash: over.podHash }),
    },
    over.now ?? after.at(-1)?.atSeconds ?? adoptedAt,
    timing,
  );

describe("adoption", () => {
  test("a change waits for its revision, and is withdrawn after 3 minutes", () => {
    const at = (seconds: number) => judge([], { inFlight: change, now: start + seconds });
    expect(at(179)).toMatchObject({ outcome: "Waiting", reason: "AwaitingAdoption" });
    expect(at(180)).toMatchObject({ outcome: "Withdraw", reason: "RevisionNotAdopted" });
  });

  test("without metrics adoption cannot be seen: not withdrawn, and rolled back 15 minutes later", () => {
    const at = (seconds: number, rejected: boolean) =>
      judge([], { inFlight: change, now: start + seconds, rejected });
    expect(at(180, true)).toMatchObject({ outcome: "Waiting", reason: "AwaitingAdoption" });
    expect(at(180 + 899, true).outcome).toBe("Waiting");
    expect(at(180 + 899, false)).toMatchObject({
      outcome: "Withdraw",
      reason: "RevisionNotAdopted",
    });
    expect(at(180 + 900, true)).toMatchObject({
      outcome: "RollBack",
      reason: "VerificationImpossible",
    });
  });

  test("the record keeps the ten slices before, is plain JSON, and knows its deadline", () => {
    expect(change.baseline).toEqual(before);
    expect(adopted.verifyUntilSeconds).toBe(adoptedAt + 600);
    expect(JSON.parse(JSON.stringify(adopted))).toEqual(adopted);
  });
});

describe("the verdict", () => {
  test("ten slices like those before verify a change; nine wait", () => {
    expect(judge(slices(adoptedAt, wobble(9)))).toMatchObject({
      outcome: "Waiting",
      reason: "AwaitingSlices",
    });
    expect(judge(slices(adoptedAt, wobble(10)))).toMatchObject({
      outcome: "Verified",
      reason: "NoRegression",
    });
  });

  test("slices that began before adoption are not counted", () => {
    const after = slices(adoptedAt - 1, wobble(10));
    expect(judge(after).outcome).toBe("Waiting");
  });

  test("a large rise of slow requests is rolled back at the early look, a small one at the final", () => {
    expect(judge(slices(adoptedAt, wobble(5, 0.08)))).toMatchObject({
      outcome: "RollBack",
      reason: "LatencyRegression",
      sentence: "Slow requests went from 2.0 % to 8.0 %.",
    });
    expect(judge(slices(adoptedAt, wobble(4, 0.08))).outcome).toBe("Waiting");
    expect(judge(slices(adoptedAt, wobble(10, 0.035)))).toMatchObject({
      outcome: "RollBack",
      reason: "LatencyRegression",
    });
  });

  test("under 1 point of slow requests nothing is a regression, however certain", () => {
    expect(judge(slices(adoptedAt, steady(10, 0.029))).outcome).toBe("Verified");
  });

  test("errors are rolled back from 0.2 points on", () => {
    expect(judge(slices(adoptedAt, wobble(10), { errors: 1 })).outcome).toBe("Verified");
    expect(judge(slices(adoptedAt, wobble(5), { errors: 3 }))).toMatchObject({
      outcome: "RollBack",
      reason: "ErrorRegression",
    });
  });

  test("a rise that the noise explains is kept", () => {
    const noisy = [0, 0.1, 0, 0.1, 0, 0.1, 0, 0.1, 0, 0.1];
    const inFlight = { ...adopted, baseline: slices(start - 600, noisy) };
    const louder = noisy.map((share) => share * 1.3);
    expect(judge(slices(adoptedAt, louder), { inFlight }).outcome).toBe("Verified");
  });
});

describe("windows that cannot tell", () => {
  const moved = (n: number) => slices(adoptedAt, wobble(n, 0.2), { requests: 1300 });

  test("a request rate that moved by over 20 % is inconclusive, three windows more, then unverified", () => {
    expect(judge(moved(5)).outcome).toBe("Waiting");
    for (const windows of [1, 2, 3]) {
      const verdict = judge(moved(10 * windows));
      expect(verdict.outcome).toBe("Waiting");
      expect(verdict.inFlight.verifyUntilSeconds).toBe(adoptedAt + (windows + 1) * 600);
    }
    expect(judge(moved(40))).toMatchObject({ outcome: "Unverified", reason: "RequestRateMoved" });
  });

  test("a later window whose rate is back gives the verdict", () => {
    const later = slices(adoptedAt + 600, wobble(10, 0.2));
    expect(judge([...moved(10), ...later])).toMatchObject({
      outcome: "RollBack",
      reason: "LatencyRegression",
    });
    const good = slices(adoptedAt + 600, wobble(10));
    expect(judge([...moved(10), ...good]).outcome).toBe("Verified");
  });

  test("20 % is still comparable", () => {
    expect(judge(slices(adoptedAt, wobble(10), { requests: 1200 })).outcome).toBe("Verified");
  });

  test("other pods, and too few requests, are inconclusive", () => {
    const inFlight = { ...adopted, podHash: "a" };
    const after = slices(adoptedAt, wobble(40, 0.2));
    expect(judge(after, { inFlight, podHash: "b" })).toMatchObject({
      outcome: "Unverified",
      reason: "PodsReplaced",
    });
    const quiet = { ...adopted, baseline: slices(start - 600, wobble(10), { requests: 30 }) };
    expect(
      judge(slices(adoptedAt, steady(40, 0.5), { requests: 30 }), { inFlight: quiet }),
    ).toMatchObject({ outcome: "Unverified", reason: "TooFewRequests" });
    const blind = { ...adopted, baseline: [] };
    expect(judge(after, { inFlight: blind })).toMatchObject({ outcome: "Unverified" });
  });
});

describe("metrics that stay away", () => {
  test("15 minutes past the deadline a change that cannot be verified is rolled back", () => {
    const after = slices(adoptedAt, wobble(4));
    const at = (now: number) => judge(after, { rejected: true, now });
    const deadline = adoptedAt + 600;
    expect(at(deadline + 899).outcome).toBe("Waiting");
    expect(at(deadline + 900)).toMatchObject({
      outcome: "RollBack",
      reason: "VerificationImpossible",
    });
  });

  test("metrics that came back are waited for", () => {
    const late = slices(adoptedAt + 1200, wobble(4));
    expect(judge(late, { now: adoptedAt + 1500 }).outcome).toBe("Waiting");
  });

  test("a rise seen before they went is still rolled back", () => {
    const after = slices(adoptedAt, wobble(5, 0.2));
    expect(judge(after, { rejected: true, now: adoptedAt + 400 }).outcome).toBe("RollBack");
  });
});

test("a roll-back restores the exact previous values, but not what was moved since", () => {
  expect(planRollback(adopted, { product: 120, search: 60, catalog: 5 })).toEqual({
    product: 60,
    search: 30,
  });
  expect(planRollback(adopted, { product: 96, search: 60 })).toEqual({ search: 30 });
});

test("the baseline is recent, and history leaves out what a change has tainted", () => {
  const many = slices(start - 3600, wobble(60));
  expect(pickBaseline(many, start, timing)).toEqual(many.slice(-10));
  expect(pickBaseline(many, start + 900, timing)).toEqual(many.slice(-5));
  expect(pickBaseline(many, start + 7200, timing)).toEqual([]);
  const clean = untaintedSlices(many, [start - 1800], start, timing);
  expect(clean.length).toBe(57);
  expect(clean.some(({ atSeconds }) => atSeconds > start - 1800 && atSeconds <= start - 1620)).toBe(
    false,
  );
  expect(untaintedSlices(many, [], start + 24 * 3600, timing).length).toBe(1);
});

test("the t-interval by hand: independent slices, and neighbours that resemble each other", () => {
  // Residuals +1, -1 alternate: pooled lag-1 autocorrelation is negative, so r = 0 and f = 1.
  const alternating = [1, -1, 1, -1, 1, -1, 1, -1, 1, -1];
  // s^2 = 20 / 18, se = s sqrt(1/10 + 1/10) = 0.4714; t(0.995, 18) = 2.8784.
  const independent = studentThreshold(alternating, alternating, false);
  expect(independent.strength).toBe(18);
  expect(independent.difference).toBeCloseTo(2.87844 * Math.sqrt(20 / 18 / 5), 4);
  const early = studentThreshold(alternating, alternating, true);
  expect(early.difference / independent.difference).toBeCloseTo(3.5 / 2.576, 12);

  // Two blocks of +1 and -1: products 4 - 1 + 4 = 7 of 10 squares, r = 0.7 + 0.1 = 0.8, f = 9.
  const blocks = [1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
  expect(studentThreshold(blocks, blocks, false).strength).toBeCloseTo(2, 12);
  expect(studentThreshold([], [1, 2], false).difference).toBe(Number.POSITIVE_INFINITY);
  expect(studentThreshold(steady(10), steady(10), false).difference).toBeCloseTo(0, 12);
});
