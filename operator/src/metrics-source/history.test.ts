import { expect, test } from "bun:test";
import { increase, latestSeries, seriesKey } from "@mestore/contract/samples";
import type { FleetSeries } from "./fleet-fold.ts";
import { createSampleHistory } from "./history.ts";

const series = (
  name: string,
  value: number,
  counter: boolean,
  labels: Record<string, string> = {},
): FleetSeries => ({ name, labels, value, counter, id: `${name}{${seriesKey(labels)}}` });
const grew = (value: number, labels?: Record<string, string>) => series("c", value, true, labels);
const gauge = (value: number) => series("g", value, false);

const day = { fineSeconds: 1800, longestSeconds: 12 * 3600, toleranceSeconds: 7.5 };

function windowOf(history: ReturnType<typeof createSampleHistory>, seconds: number) {
  const window = history.window(seconds);
  if (window === null) throw new Error("nothing recorded");
  return window;
}

const grown = (history: ReturnType<typeof createSampleHistory>, seconds: number) =>
  increase(windowOf(history, seconds), [{ metric: "c" }]);

test("a window sums what came after the reading that begins it", () => {
  const history = createSampleHistory(day);
  [100, 1, 2, 3, 4].forEach((value, index) => history.record(15 * index, [grew(value)]));
  expect([15, 30, 45, 60, 3600].map((seconds) => grown(history, seconds))).toEqual([
    4, 7, 9, 10, 10,
  ]);
});

test("a gauge that is gone is absent, a counter that is gone has grown by nothing", () => {
  const history = createSampleHistory(day);
  history.record(0, [grew(5), gauge(1)]);
  history.record(15, []);
  expect(latestSeries(windowOf(history, 15), { metric: "g" })).toEqual([]);
  expect(grown(history, 15)).toBe(0);
});

test("a series that appears later began at zero", () => {
  const history = createSampleHistory(day);
  history.record(0, [grew(5, { outcome: "hit" })]);
  history.record(15, [grew(1, { outcome: "hit" }), grew(3, { outcome: "miss" })]);
  expect(grown(history, 15)).toBe(4);
});

test("twelve hours at 15 s are a few hundred readings, fine where they are young, and no window is over 5 % short", () => {
  const history = createSampleHistory(day);
  for (let at = 0; at <= 24 * 3600; at += 15) history.record(at, [grew(15)]);
  expect(history.size()).toBeLessThan(300);
  for (const seconds of [15, 60, 300, 1800]) expect(grown(history, seconds)).toBe(seconds);
  for (const seconds of [2400, 3600, 6 * 3600, 12 * 3600]) {
    const reach = grown(history, seconds) ?? 0;
    expect(reach).toBeGreaterThan(0.95 * seconds);
    expect(reach).toBeLessThanOrEqual(seconds + day.toleranceSeconds);
  }
});

test("labels without a bound begin the history anew instead of filling the memory", () => {
  const history = createSampleHistory(day);
  const strangers = (from: number) =>
    Array.from({ length: 15_000 }, (_, index) => grew(1, { outcome: String(from + index) }));
  [0, 15_000, 30_000].forEach((from, index) => history.record(15 * index, strangers(from)));
  expect(history.size()).toBe(1);
});

test("without a reading there is no window", () => {
  expect(createSampleHistory(day).window(60)).toBeNull();
});
