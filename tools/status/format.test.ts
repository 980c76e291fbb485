import { expect, test } from "bun:test";
import type { ProfileStatus } from "@mestore/operator/profile/status";
import { formatStackStatus } from "./format.ts";
import type { StackStatus } from "./observe.ts";

const at = Date.parse("2026-11-24T12:10:00.000Z");
const off = { state: "off", address: null, pid: null, since: null, memoryBytes: null } as const;
const window = { from: "2026-11-24T12:05:00.000Z", to: "2026-11-24T12:10:00.000Z", seconds: 300 };

const nothing: StackStatus = {
  running: false,
  parts: [{ name: "postgres", ...off }],
  objectives: null,
  overview: null,
  cache: null,
  profiles: [],
  problems: [],
};

const operator: ProfileStatus = {
  observedGeneration: 1,
  conditions: [
    {
      type: "MetricsAvailable",
      status: "False",
      reason: "MetricsUnreachable",
      message: "connection refused",
      observedGeneration: 1,
      lastTransitionTime: "2026-11-24T12:09:00.000Z",
    },
    {
      type: "Ready",
      status: "True",
      reason: "Accepted",
      message: "accepted",
      observedGeneration: 1,
      lastTransitionTime: "2026-11-24T12:00:00.000Z",
    },
    {
      type: "Progressing",
      status: "False",
      reason: "Settled",
      message: "product: OnTarget",
      observedGeneration: 1,
      lastTransitionTime: "2026-11-24T12:09:00.000Z",
    },
  ],
  objectives: [{ name: "product-hits", target: "85 %", current: "79.1 %", met: "False" }],
  tuning: { revision: 4, ttlSeconds: [{ name: "product", seconds: "20" }] },
  inFlight: {
    knob: "ttl",
    revision: 4,
    from: [{ name: "product", seconds: "10" }],
    to: [{ name: "product", seconds: "20" }],
    since: "2026-11-24T12:09:40.000Z",
    verifyUntil: "2026-11-24T12:11:00.000Z",
    baselineRequests: 1600,
  },
  decisions: [
    {
      time: "2026-11-24T12:09:40.000Z",
      knob: "ttl/product",
      from: "10",
      to: "20",
      reason: "CurveBelowGoal",
      verdict: "Applied",
      message:
        `Fresh hits 72.4 %; the curve reaches 87.0 % at 52 s. ${"More words. ".repeat(10)}`.trim(),
    },
  ],
};

const busy: StackStatus = {
  ...nothing,
  running: true,
  parts: [
    { name: "postgres", ...off, state: "own", address: "postgres://me:***@db/shop" },
    {
      name: "service",
      state: "running",
      address: "http://127.0.0.1:8000",
      pid: 4242,
      since: "2026-11-24T12:00:00.000Z",
      memoryBytes: 96 * 1024 * 1024,
    },
  ],
  objectives: {
    scope: "pod",
    window,
    objectives: [
      {
        name: "api-p95",
        area: "api",
        title: "API, 95th percentile",
        unit: "seconds",
        better: "below",
        target: 0.5,
        current: 0.0042,
        verdict: "met",
        met: true,
        samples: 120_000,
        minimumSamples: 400,
      },
      {
        name: "cache-hit-rate",
        area: "cache",
        title: "Cache, fresh hits of all pages",
        unit: "ratio",
        better: "above",
        target: 0.85,
        verdict: "inconclusive",
        samples: 0,
        minimumSamples: 5000,
      },
    ],
  },
  profiles: [{ profile: "shop.storefront", mode: "Recommend", status: operator }],
  problems: ["/api/v1/performance/cache/status: the service answered 503"],
};

const show = (status: StackStatus) => Bun.stripANSI(formatStackStatus(status, at));

test("when nothing runs it says what to do", () => {
  expect(show(nothing)).toStartWith("Nothing runs  ./mestore up starts it\n");
});

test("every section says what it knows, in at most 100 columns", () => {
  const text = show(busy);
  expect(text).toMatch(/postgres +your own +postgres:\/\/me:\*\*\*@db\/shop/);
  expect(text).toMatch(/service +running +http:\/\/127\.0\.0\.1:8000 +4242 +10 min +96 MiB/);
  expect(text).toMatch(/API, 95th percentile +< 500 ms +4\.2 ms +met +120,000/);
  expect(text).toMatch(/Cache, fresh hits of all pages +> 85\.0 % +– +too few samples +0/);
  expect(text).toContain(
    "Operator  shop.storefront, mode Recommend: nothing is written, revision 4",
  );
  expect(text).toContain("  holds product: OnTarget\n");
  expect(text).toMatch(/product-hits +79\.1 % of 85 % +missed/);
  expect(text).toContain(
    "in flight: ttl product 10 s -> product 20 s, begun 20 s ago, verified until 12:11:00",
  );
  expect(text).toContain("12:09:40  ttl/product  10 -> 20  Applied  CurveBelowGoal");
  expect(text).toContain("! /api/v1/performance/cache/status: the service answered 503");
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
});

test("conditions that are as they should be are left out", () => {
  const text = show(busy);
  expect(text).toContain("MetricsAvailable=False MetricsUnreachable: connection refused");
  expect(text).not.toContain("Accepted");
});
