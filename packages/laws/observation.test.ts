import { expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { collectSamples, type MetricWindow } from "@mestore/contract/samples";
import { shadowTtlLabels } from "@mestore/contract/shadow-curve";
import { type Objective, objectives } from "@mestore/contract/sla";
import {
  curveSuffices,
  growingWindows,
  judgeObjective,
  rateSuffices,
  readBytesPerHit,
  readRateSample,
  readShadowWindow,
  readSlice,
  readStoreMemory,
  readTtlInForce,
  readUpdateSample,
  updatesSuffice,
  windowsUpTo,
  wilsonInterval,
} from "./observation.ts";
import { createTiming } from "./timing.ts";

type Reading = readonly [string, number, Record<string, string>?];

/** A window of 100 s in which every counter began at zero. */
const windowOf = (...readings: readonly Reading[]): MetricWindow => ({
  fromSeconds: 1000,
  toSeconds: 1100,
  first: collectSamples([]),
  last: collectSamples(readings.map(([name, value, labels = {}]) => ({ name, value, labels }))),
});

const objective = (name: string): Objective => {
  const found = objectives.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no objective ${name}`);
  return found;
};

const durations = serviceMetrics.requestDuration.name;
const requests = (total: number, upToHalf: number, errors = 0): Reading[] => [
  [`${durations}_bucket`, upToHalf, { le: "0.5" }],
  [`${durations}_bucket`, total, { le: "1" }],
  [`${durations}_bucket`, total, { le: "+Inf" }],
  [`${durations}_count`, total - errors, { http_response_status_code: "200" }],
  [`${durations}_count`, errors, { http_response_status_code: "503" }],
];

test("Wilson's interval: published values, edges and nothing seen", () => {
  // Newcombe 1998, table I, method 3: 81/263 is 0.2553 to 0.3662; 0/20 is 0 to 0.1611.
  const known = wilsonInterval(81, 263, 1.959964);
  expect(known.low).toBeCloseTo(0.2553, 4);
  expect(known.high).toBeCloseTo(0.3662, 4);
  expect(wilsonInterval(0, 20, 1.959964).low).toBe(0);
  expect(wilsonInterval(0, 20, 1.959964).high).toBeCloseTo(0.1611, 4);
  expect(wilsonInterval(20, 20, 1.959964).high).toBe(1);
  for (const [successes, total] of [
    [0, 0],
    [Number.NaN, 10],
    [1, Number.POSITIVE_INFINITY],
    [1, Number.NaN],
  ] as const)
    expect(wilsonInterval(successes, total, 2)).toEqual({ low: 0, high: 1 });
});

test("a P95 is judged by the share above its edge, with an interval", () => {
  const judge = (total: number, upToHalf: number) =>
    judgeObjective(objective("api-p95"), windowOf(...requests(total, upToHalf)));
  // 3 % of 1,000: 2.1 to 4.3 %, all below 5 %. 8 %: 6.5 to 9.9 %. 5.5 %: 4.2 to 7.1 % holds 5 %.
  expect(judge(1000, 970)).toMatchObject({ verdict: "Met", samples: 1000 });
  expect(judge(1000, 920)).toMatchObject({ verdict: "Violated" });
  expect(judge(1000, 945)).toMatchObject({ verdict: "Inconclusive", reason: "TooClose" });
  expect(judge(399, 399)).toMatchObject({ verdict: "Inconclusive", reason: "TooFewSamples" });
});

test("a quantile in the +Inf bucket is violated, not missing", () => {
  const judged = judgeObjective(
    objective("api-p95"),
    windowOf(
      [`${durations}_bucket`, 100, { le: "0.5" }],
      [`${durations}_bucket`, 1000, { le: "+Inf" }],
    ),
  );
  expect(judged).toMatchObject({ verdict: "Violated", current: 0.5 });
});

test("no samples, and a threshold that is no bucket edge, have reasons of their own", () => {
  expect(judgeObjective(objective("api-p95"), windowOf())).toEqual({
    name: "api-p95",
    target: 0.5,
    current: null,
    verdict: "Inconclusive",
    samples: 0,
    reason: "NoSamples",
  });
  expect(
    judgeObjective(
      objective("api-p95"),
      windowOf(
        [`${durations}_bucket`, 900, { le: "0.4" }],
        [`${durations}_bucket`, 1000, { le: "+Inf" }],
      ),
    ),
  ).toMatchObject({ verdict: "Inconclusive", reason: "ThresholdNotABucket" });
});

test("ratios are judged by their interval on the side that is better", () => {
  const judge = (name: string, total: number, errors: number) =>
    judgeObjective(objective(name), windowOf(...requests(total, total, errors))).verdict;
  // Wilson's lower bound of n successes in n is n / (n + z^2): 0.999 needs 3,838.
  expect(judge("availability", 3837, 0)).toBe("Inconclusive");
  expect(judge("availability", 3838, 0)).toBe("Met");
  expect(judge("availability", 3838, 20)).toBe("Violated");
  expect(judge("error-rate", 1000, 1)).toBe("Met");
  expect(judge("error-rate", 1000, 30)).toBe("Violated");
});

test("means and gauges are compared as they are; NaN is no verdict", () => {
  const memory = (value: number) =>
    judgeObjective(objective("memory"), windowOf([serviceMetrics.processMemory.name, value]));
  expect(memory(1e8)).toMatchObject({ verdict: "Met", current: 1e8 });
  expect(memory(1e9)).toMatchObject({ verdict: "Violated" });
  expect(memory(Number.NaN)).toMatchObject({
    verdict: "Inconclusive",
    reason: "NotANumber",
    current: null,
  });
});

const product = { class: "product" };

test("the readings of one class come from its own series", () => {
  const window = windowOf(
    [serviceMetrics.cacheLookups.name, 80, { ...product, outcome: "hit" }],
    [serviceMetrics.cacheLookups.name, 15, { ...product, outcome: "miss" }],
    [serviceMetrics.cacheLookups.name, 5, { ...product, outcome: "stale" }],
    [serviceMetrics.cacheLookups.name, 50, { ...product, outcome: "negative" }],
    [serviceMetrics.cacheLookups.name, 999, { class: "search", outcome: "hit" }],
    [serviceMetrics.refillsChanged.name, 3, product],
    [serviceMetrics.refillChangedHits.name, 12, product],
    [serviceMetrics.refillAgeHits.name, 600, product],
    [serviceMetrics.cacheTtl.name, 60, product],
    [serviceMetrics.shadowBytes.name, 4000, { ...product, ttl_seconds: "64" }],
    [serviceMetrics.cacheBytes.name, 800, product],
  );
  expect(readRateSample(window, "product")).toEqual({ lookups: 100, hits: 80, seconds: 100 });
  expect(readUpdateSample(window, "product")).toEqual({
    changedRefills: 3,
    changedHits: 12,
    ageHitsSeconds: 600,
    seconds: 100,
  });
  expect(readTtlInForce(window, "product")).toBe(60);
  expect(readBytesPerHit(window, "product")).toBe(50);
  expect(readRateSample(window, "catalog")).toBeNull();
  expect(readUpdateSample(window, "search")).toBeNull();
  expect(readTtlInForce(window, "search")).toBeNull();
  expect(readShadowWindow(window, "product")).toBeNull();
});

test("pods that do not agree on a TTL have none in force", () => {
  const window = windowOf(
    [serviceMetrics.cacheTtl.name, 60, { ...product, pod: "a" }],
    [serviceMetrics.cacheTtl.name, 30, { ...product, pod: "b" }],
  );
  expect(readTtlInForce(window, "product")).toBeNull();
});

test("the shadow curve of a window, and how far it is valid", () => {
  const window = windowOf(
    [serviceMetrics.shadowLookups.name, 1000, product],
    [serviceMetrics.shadowSampled.name, 400, product],
    [serviceMetrics.shadowObserved.name, 10, product],
    ...shadowTtlLabels.map((ttl, i): Reading => [
      serviceMetrics.shadowMisses.name,
      500 - i * 20,
      { ...product, ttl_seconds: ttl },
    ]),
  );
  const curve = readShadowWindow(window, "product");
  expect(curve).toMatchObject({ lookups: 1000, sampled: 400, seconds: 100 });
  expect(curve?.points.map(({ hitRate }) => hitRate)[2]).toBeCloseTo(0.54, 12);
  expect(curve?.points.filter(({ valid }) => valid).map(({ ttlSeconds }) => ttlSeconds)).toEqual([
    1, 2, 4,
  ]);
});

const shadowReadings = (observedSeconds: number, fleet?: number, processes?: number): Reading[] => [
  [serviceMetrics.shadowLookups.name, 1000, product],
  [serviceMetrics.shadowSampled.name, 400, product],
  [serviceMetrics.shadowObserved.name, observedSeconds, product],
  ...(fleet === undefined ? [] : [[serviceMetrics.shadowFleet.name, fleet, product] as const]),
  ...(processes === undefined ? [] : [[serviceMetrics.shadowProcesses.name, processes] as const]),
  ...shadowTtlLabels.map((ttl, i): Reading => [
    serviceMetrics.shadowMisses.name,
    500 - i * 20,
    { ...product, ttl_seconds: ttl },
  ]),
];

test("processes that each count by themselves are read at P x T, valid after 2 P T", () => {
  const alone = readShadowWindow(windowOf(...shadowReadings(16, 0, 4)), "product");
  expect(alone?.aloneProcesses).toBe(4);
  // A quarter of the look-ups at 16 s is what all of them are at 4 s.
  expect(alone?.points[4]).toMatchObject({ ttlSeconds: 4, valid: false });
  expect(alone?.points[4]?.hitRate).toBeCloseTo(0.58, 12);
  expect(alone?.points.filter(({ valid }) => valid).map(({ ttlSeconds }) => ttlSeconds)).toEqual([
    0.25, 0.5, 1, 2,
  ]);
  const long = { lookups: 5000, sampled: 2000, points: [], aloneProcesses: 4 };
  expect(curveSuffices({ ...long, seconds: 240 }, 60)).toBe(true);
  expect(curveSuffices({ ...long, seconds: 239 }, 60)).toBe(false);
});

test("processes that follow the fleet, one that is alone by nature, and one that says nothing are read at T", () => {
  for (const readings of [shadowReadings(16, 1, 4), shadowReadings(16, 0, 1), shadowReadings(16)]) {
    const curve = readShadowWindow(windowOf(...readings), "product");
    expect(curve?.aloneProcesses).toBeUndefined();
    expect(curve?.points[4]).toMatchObject({ ttlSeconds: 16 });
  }
});

test("counters of which some are of the fleet and some of one process are no curve", () => {
  expect(readShadowWindow(windowOf(...shadowReadings(16, 0.75, 4)), "product")).toBeNull();
  const before = (fleet: number): MetricWindow => ({
    ...windowOf(...shadowReadings(16, 1, 4)),
    first: windowOf(...shadowReadings(0, fleet, 4)).last,
  });
  expect(readShadowWindow(before(0), "product")).toBeNull();
  expect(readShadowWindow(before(1), "product")).not.toBeNull();
});

test("a store without a known limit, one that is down, and no store are three things", () => {
  const store = (up: number, limit: number): Reading[] => [
    [serviceMetrics.storeUp.name, up],
    [serviceMetrics.storeMemoryUsed.name, 100],
    [serviceMetrics.storeMemoryLimit.name, limit],
    [serviceMetrics.storeEvictionPolicy.name, 1],
    [serviceMetrics.storeEvictions.name, 7],
    [serviceMetrics.cacheLookups.name, 80, { ...product, outcome: "hit" }],
  ];
  expect(readStoreMemory(windowOf(...store(1, 256)))).toEqual({
    usedBytes: 100,
    limitBytes: 256,
    evicts: true,
    evictions: 7,
    lookups: 80,
  });
  expect(readStoreMemory(windowOf(...store(1, 0)))?.limitBytes).toBeNull();
  expect(readStoreMemory(windowOf(...store(0, 256)))?.limitBytes).toBeNull();
  expect(readStoreMemory(windowOf())).toBeNull();
});

test("a slice counts requests, slow ones and server errors", () => {
  expect(readSlice(windowOf(...requests(500, 480, 4)), 0.5)).toEqual({
    atSeconds: 1100,
    seconds: 100,
    requests: 500,
    slow: 20,
    errors: 4,
  });
  expect(readSlice(windowOf(...requests(500, 480)), 0.3)).toBeNull();
  expect(readSlice(windowOf(), 0.5)).toBeNull();
});

test("windows grow until their minimum is reached", () => {
  const timing = createTiming();
  expect(rateSuffices({ lookups: 5000, hits: 1, seconds: 300 }, 600, timing)).toBe(true);
  expect(rateSuffices({ lookups: 4999, hits: 1, seconds: 300 }, 600, timing)).toBe(false);
  expect(rateSuffices({ lookups: 5000, hits: 1, seconds: 299 }, 600, timing)).toBe(false);
  const twelveHours = { lookups: 5000, hits: 1, seconds: 12 * 3600 };
  expect(rateSuffices(twelveHours, 30 * 24 * 3600, timing)).toBe(true);

  const curve = { lookups: 5000, sampled: 2000, seconds: 60, points: [] };
  expect(curveSuffices(curve, 60)).toBe(true);
  expect(curveSuffices({ ...curve, sampled: 1999 }, 60)).toBe(false);
  expect(curveSuffices({ ...curve, lookups: 4999 }, 60)).toBe(false);
  expect(curveSuffices(curve, 61)).toBe(false);

  const updates = { changedRefills: 4000, changedHits: 0, ageHitsSeconds: 1, seconds: 60 };
  expect(updatesSuffice(updates, timing)).toBe(true);
  expect(updatesSuffice({ ...updates, changedRefills: 3999 }, timing)).toBe(false);
  expect(updatesSuffice({ ...updates, changedRefills: 0, seconds: 6 * 3600 }, timing)).toBe(true);
});

test("windows to try: doubled up to 12 h, or up to where one may look back", () => {
  const timing = createTiming(15);
  expect(growingWindows(500, timing)).toEqual([500, 1000, 2000, 2880]);
  expect(growingWindows(9999, timing)).toEqual([2880]);
  expect(growingWindows(Number.NaN, timing)).toEqual([2880]);
  expect(windowsUpTo(100, 350, timing)).toEqual([100, 200, 350]);
  expect(windowsUpTo(100, 60, timing)).toEqual([60]);
  expect(windowsUpTo(100, 0, timing)).toEqual([]);
  expect(windowsUpTo(2000, 9999, timing)).toEqual([2000, 2880]);
});
