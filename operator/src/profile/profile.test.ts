import { describe, expect, test } from "bun:test";
import { parseProfile, type PerformanceProfile } from "@mestore/contract/performance-profile";
import { keptDecisions } from "@mestore/contract/profile-status";
import { objectives as standardObjectives } from "@mestore/contract/sla";
import fc from "fast-check";
import { planClasses } from "./classes.ts";
import { type Condition, type ConditionState, updateConditions } from "./conditions.ts";
import { judgeFreeze } from "./freeze.ts";
import { formatFigure, planObjectives, slowEdgeSeconds } from "./objectives.ts";
import { planTuning } from "./plan.ts";
import {
  addDecision,
  decisionBytes,
  emptyStatus,
  formatDecimal,
  isNews,
  parseStatus,
  type ProfileDecision,
} from "./status.ts";

function profileOf(spec: Record<string, unknown>): PerformanceProfile {
  const parsed = parseProfile({
    apiVersion: "mestore.dev/v1alpha1",
    kind: "PerformanceProfile",
    metadata: { name: "storefront" },
    spec: { targetRef: { name: "mestore" }, ...spec },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

describe("classes", () => {
  const classes = (spec: Record<string, unknown>) => planClasses(profileOf(spec));

  test("only what is listed and not disabled, each under every ceiling", () => {
    const listed = [{ name: "product" }, { name: "search", mode: "Disabled" }];
    const modes = (mode: string, cache: string) =>
      classes({ mode, cache: { mode: cache, classes: listed } }).map((one) => [one.name, one.mode]);
    expect(modes("Auto", "Auto")).toEqual([["product", "Auto"]]);
    expect(modes("Recommend", "Auto")).toEqual([["product", "Recommend"]]);
    expect(modes("Auto", "Recommend")).toEqual([["product", "Recommend"]]);
    expect(modes("Disabled", "Auto")).toEqual([]);
  });

  test("the target is the class's own objective, else the standard one", () => {
    const objectives = [
      { name: "hits", type: "HitRate", hitRate: { class: "product", targetPercent: "92.5" } },
    ];
    const [product, search] = classes({
      objectives,
      cache: { classes: [{ name: "product" }, { name: "search" }] },
    });
    expect(product?.targetHitRate).toBeCloseTo(0.925);
    expect(search?.targetHitRate).toBe(0.85);
  });

  test("bounds narrow the service's safe range, and auth is never lengthened", () => {
    const [auth, foreign] = classes({
      cache: {
        classes: [
          { name: "auth", initialTTLSeconds: 90, maxTTLSeconds: 3600, maxStalePercent: "0.5" },
          { name: "quotes", minTTLSeconds: 10, maxTTLSeconds: 200_000 },
        ],
      },
    });
    expect(auth).toMatchObject({ maxTtlSeconds: 60, initialTtlSeconds: 60, mayLengthen: false });
    expect(auth?.maxStaleShare).toBeCloseTo(0.005);
    expect(foreign).toMatchObject({
      minTtlSeconds: 10,
      maxTtlSeconds: 200_000,
      initialTtlSeconds: null,
      mayLengthen: true,
    });
  });
});

describe("objectives", () => {
  test("absent: the standard set", () => {
    const { judged, queries } = planObjectives(profileOf({}));
    expect(judged).toBe(standardObjectives);
    expect(queries).toEqual([]);
    expect(slowEdgeSeconds(judged)).toBe(0.5);
  });

  test("present: exactly these", () => {
    const { judged, queries } = planObjectives(
      profileOf({
        objectives: [
          {
            name: "p99",
            type: "Latency",
            latency: { thresholdMilliseconds: 750, percentile: "99" },
          },
          { name: "up", type: "Ratio", ratio: { targetPercent: "99.95" } },
          {
            name: "checkout",
            type: "Ratio",
            ratio: { targetPercent: "99.5", good: "g", total: "t" },
          },
        ],
      }),
    );
    expect(judged).toMatchObject([
      {
        name: "p99",
        target: 0.75,
        minimumSamples: 2000,
        indicator: { kind: "overThreshold", edgeSeconds: 0.75, quantile: 0.99 },
      },
      { name: "up", better: "above", unit: "ratio" },
    ]);
    expect(judged[1]?.target).toBeCloseTo(0.9995);
    expect(queries).toEqual([{ name: "checkout", target: 0.995, good: "g", total: "t" }]);
    expect(slowEdgeSeconds(judged)).toBe(0.75);
  });

  test("the samples that a percentile needs grow with it", () => {
    const samples = (percentile: string) =>
      planObjectives(
        profileOf({
          objectives: [
            { name: "l", type: "Latency", latency: { thresholdMilliseconds: 500, percentile } },
          ],
        }),
      ).judged[0]?.minimumSamples;
    expect([samples("95"), samples("99"), samples("99.9")]).toEqual([400, 2000, 20_000]);
  });

  test("figures are shown with their unit and two digits", () => {
    expect(formatFigure(0.867_08, "ratio")).toBe("86.71 %");
    expect(formatFigure(0.1234, "seconds")).toBe("123.4 ms");
    expect(formatFigure(512 * 1024 ** 2, "bytes")).toBe("512 MiB");
    expect(formatFigure(0.7, "cores")).toBe("0.7 cores");
  });
});

describe("freeze windows", () => {
  const at = (time: string) => Date.parse(time) / 1000;
  const friday = { schedule: "0 18 * * 5", durationMinutes: 3600, timeZone: "Europe/Madrid" };

  test.each([
    ["2026-11-20T16:59:59Z", false],
    ["2026-11-20T17:00:01Z", true],
    ["2026-11-23T04:59:00Z", true],
    ["2026-11-23T05:00:01Z", false],
    // Summer time: 18:00 in Madrid is 16:00 in UTC.
    ["2026-07-03T16:00:01Z", true],
  ])("at %s frozen is %p", (time, frozen) => {
    expect(judgeFreeze([friday], at(time))).toEqual({ frozen, fault: null });
  });

  test("one that cannot be read freezes and names its path", () => {
    const windows = [friday, { ...friday, timeZone: "Europe/Nowhere" }];
    expect(judgeFreeze(windows, at("2026-11-24T12:00:00Z"))).toMatchObject({
      frozen: true,
      fault: { path: "spec.guardrails.freezeWindows[1]" },
    });
    expect(judgeFreeze([{ ...friday, schedule: "0 0 18 * * 5" }], 0).fault).not.toBeNull();
  });
});

test("a tuning document keeps what the change does not touch", () => {
  const change = { profile: "shop/a", reason: "r".repeat(600), nowSeconds: 1_800_000_000 };
  const first = planTuning({ ...change, previous: null, revision: 1, ttlSeconds: { product: 5 } });
  expect(first).toMatchObject({
    schemaVersion: 1,
    revision: 1,
    writtenAt: "2027-01-15T08:00:00.000Z",
    ttlSeconds: { product: 5 },
  });
  expect(first.reason).toHaveLength(512);
  const previous = { ...first, poolSize: 7 };
  const second = planTuning({ ...change, previous, revision: 2, ttlSeconds: { search: 60 } });
  expect(second).toMatchObject({ ttlSeconds: { product: 5, search: 60 }, poolSize: 7 });
});

describe("conditions", () => {
  const ready = (status: Condition["status"], message = ""): ConditionState => ({
    type: "Ready",
    status,
    reason: status === "True" ? "Accepted" : "ProfileInvalid",
    message,
  });

  test("the transition time changes with a flip only", () => {
    let conditions: readonly Condition[] = [];
    const times = (
      [
        ["True", "", 0],
        ["True", "another message", 60],
        ["False", "", 120],
        ["False", "", 180],
        ["True", "", 240],
      ] as const
    ).map(([status, message, seconds]) => {
      conditions = updateConditions(conditions, [ready(status, message)], 2, seconds);
      return Date.parse(conditions[0]?.lastTransitionTime ?? "") / 1000;
    });
    expect(times).toEqual([0, 0, 120, 120, 240]);
    expect(conditions[0]?.observedGeneration).toBe(2);
  });
});

describe("status", () => {
  const decision: ProfileDecision = {
    time: "2027-01-15T08:00:00.000Z",
    knob: "ttl/product",
    from: "5",
    to: "10",
    reason: "CurveBelowGoal",
    verdict: "Applied",
    message: "",
  };

  test("the last ten decisions, newest first, none over 512 bytes, whatever they say", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary", maxLength: 2000 }), { minLength: 1 }),
        (messages) => {
          let decisions: readonly ProfileDecision[] = [];
          for (const message of messages)
            decisions = addDecision(decisions, { ...decision, message });
          expect(decisions).toHaveLength(Math.min(messages.length, keptDecisions));
          expect(messages.at(-1)).toStartWith(decisions[0]?.message ?? "");
          for (const one of decisions)
            expect(Buffer.byteLength(JSON.stringify(one))).toBeLessThanOrEqual(decisionBytes);
        },
      ),
    );
  });

  test("figures alone are no news; flips, decisions and changes are", () => {
    const objective = { name: "hits", target: "85 %", current: "86 %", met: "True" as const };
    const status = { ...emptyStatus, objectives: [objective] };
    const with_ = (change: Partial<typeof status>) => isNews(status, { ...status, ...change });
    expect(with_({})).toBeFalse();
    expect(with_({ objectives: [{ ...objective, current: "87 %" }] })).toBeFalse();
    expect(with_({ objectives: [{ ...objective, met: "True" }] })).toBeFalse();
    expect(isNews(status, { ...status, objectives: [{ ...objective, met: "False" }] })).toBeTrue();
    expect(isNews(status, { ...status, decisions: [decision] })).toBeTrue();
    expect(isNews(status, { ...status, observedGeneration: 1 })).toBeTrue();
  });

  test("what is no status is none", () => {
    expect(parseStatus(emptyStatus)).toEqual(emptyStatus);
    expect(parseStatus({ ...emptyStatus, surprise: 1 })).toBeNull();
    expect(parseStatus(null)).toBeNull();
  });

  test("decimals have no exponent", () => {
    expect([50, 49.7, 0.1 + 0.2, 86_400].map(formatDecimal)).toEqual([
      "50",
      "49.7",
      "0.3",
      "86400",
    ]);
  });
});
