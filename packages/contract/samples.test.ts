import { describe, expect, test } from "bun:test";
import { collectSamples, increase, latestSeries, type MetricWindow, seriesKey } from "./samples.ts";

const reading = (name: string, labels: Record<string, string>, value: number) => ({
  name,
  labels,
  value,
});

function window(
  first: Parameters<typeof collectSamples>[0],
  last: Parameters<typeof collectSamples>[0],
): MetricWindow {
  return {
    fromSeconds: 0,
    toSeconds: 60,
    first: collectSamples(first),
    last: collectSamples(last),
  };
}

describe("seriesKey", () => {
  test("does not depend on the order of labels, and confuses no two sets of them", () => {
    expect(seriesKey({ a: "1", b: "2" })).toBe(seriesKey({ b: "2", a: "1" }));
    expect(seriesKey({ a: '1",b="2' })).not.toBe(seriesKey({ a: "1", b: "2" }));
    expect(seriesKey({ a: "1,b=2" })).not.toBe(seriesKey({ a: "1", b: "2" }));
    expect(seriesKey({})).toBe("");
  });
});

describe("increase", () => {
  const lookups = window(
    [
      reading("n", { class: "a", outcome: "hit" }, 10),
      reading("n", { class: "b", outcome: "hit" }, 5),
    ],
    [
      reading("n", { outcome: "hit", class: "a" }, 16),
      reading("n", { class: "b", outcome: "hit" }, 5),
      reading("n", { class: "b", outcome: "miss" }, 3),
    ],
  );

  test("sums over the selected series; one born in the window began at zero", () => {
    expect(increase(lookups, [{ metric: "n" }])).toBe(9);
    expect(increase(lookups, [{ metric: "n", labels: { class: "b" } }])).toBe(3);
    expect(
      increase(lookups, [{ metric: "n", labels: { class: ["a", "b"], outcome: "hit" } }]),
    ).toBe(6);
  });

  test("no increase is zero, no series is undefined", () => {
    expect(increase(lookups, [{ metric: "n", labels: { class: "b", outcome: "hit" } }])).toBe(0);
    expect(increase(lookups, [{ metric: "n", labels: { class: "c" } }])).toBeUndefined();
    expect(increase(lookups, [{ metric: "m" }])).toBeUndefined();
    expect(increase(lookups, [{ metric: "m" }, { metric: "n" }])).toBe(9);
  });

  test("a series that ended before the last reading is no decrease", () => {
    const ended = window([reading("n", { pod: "old" }, 100)], [reading("n", { pod: "new" }, 4)]);
    expect(increase(ended, [{ metric: "n" }])).toBe(4);
  });

  test("excepted labels are left out, also where a series lacks them", () => {
    const requests = window(
      [],
      [reading("r", { code: "200" }, 90), reading("r", { code: "503" }, 7), reading("r", {}, 1)],
    );
    expect(increase(requests, [{ metric: "r", except: { code: ["503"] } }])).toBe(91);
    expect(increase(requests, [{ metric: "r", labels: { code: "200" } }])).toBe(90);
  });
});

test("latestSeries gives what the last reading has, and nothing for an unknown metric", () => {
  const gauges = window([reading("g", {}, 1)], [reading("g", { class: "a" }, 2)]);
  expect(latestSeries(gauges, { metric: "g" })).toEqual([{ labels: { class: "a" }, value: 2 }]);
  expect(latestSeries(gauges, { metric: "h" })).toEqual([]);
});
