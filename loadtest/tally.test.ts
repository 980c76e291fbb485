import { describe, expect, test } from "bun:test";
import { describeTraffic } from "./report.ts";
import { createTally } from "./tally.ts";

describe("tally", () => {
  test("an interval begins anew, the total does not", () => {
    const tally = createTally();
    tally.countSent();
    tally.countAnswer(200, 4);
    tally.countDropped();
    expect(tally.takeInterval()).toMatchObject({ sent: 1, dropped: 1, errors: {} });
    tally.countSent();
    tally.countAnswer(503, 1);
    tally.countSent();
    tally.countFailure("ECONNRESET");
    const errors = { "503": 1, ECONNRESET: 1 };
    expect(tally.takeInterval()).toMatchObject({ sent: 2, dropped: 0, errors });
    expect(tally.total()).toMatchObject({ sent: 3, dropped: 1, errors });
  });

  test("redirects and 304 are answers, 404 and 429 are errors", () => {
    const tally = createTally();
    for (const status of [200, 302, 304, 404, 429, 429]) tally.countAnswer(status, 1);
    expect(tally.total().errors).toEqual({ "404": 1, "429": 2 });
  });

  test("the 95th percentile is within its three digits", () => {
    const tally = createTally();
    expect(tally.total().p95Ms).toBeNull();
    for (let ms = 1; ms <= 1000; ms += 1) tally.countAnswer(200, ms);
    expect(tally.total().p95Ms).toBeCloseTo(950, -1);
  });

  test("a report gives rates, and survives a stretch of no time", () => {
    const tally = { sent: 4000, dropped: 1, errors: {}, p95Ms: 1.23456 };
    expect(describeTraffic(tally, 10, 800_000)).toEqual({
      ...tally,
      p95Ms: 1.23,
      seconds: 10,
      sentPerSecond: 400,
      cores: 0.08,
    });
    expect(describeTraffic(tally, 0, 0)).toMatchObject({ sentPerSecond: 0, cores: 0 });
  });
});
