import { expect, test } from "bun:test";
import { increase, latestSeries } from "@mestore/contract/samples";
import fc from "fast-check";
import { createSampleHistory, type ReadSeries } from "./history.ts";

const counter = (value: number, labels: Record<string, string> = {}): ReadSeries => ({
  name: "c",
  labels,
  value,
  counter: true,
});
const gauge = (value: number): ReadSeries => ({ name: "g", labels: {}, value, counter: false });

const day = { fineSeconds: 1800, longestSeconds: 12 * 3600, toleranceSeconds: 7.5 };

function grown(history: ReturnType<typeof createSampleHistory>, seconds: number) {
  const window = history.window(seconds);
  if (window === null) throw new Error("nothing recorded");
  return increase(window, [{ metric: "c" }]);
}

test("increases are exact over resets, restarts and series that come and go", () => {
  const amounts = fc.array(fc.nat(1000), { minLength: 2, maxLength: 40 });
  const kind = fc.constantFrom("grow", "reset", "restart", "vanish");
  fc.assert(
    fc.property(amounts, fc.infiniteStream(kind), (grows, kinds) => {
      const history = createSampleHistory(day);
      let raw = 0;
      let total = 0;
      history.record(0, [counter(0)], false);
      grows.forEach((amount, index) => {
        const [happened] = kinds.take(1);
        const at = (index + 1) * 15;
        if (happened === "vanish") {
          raw = 0;
          history.record(at, [gauge(1)], true);
          return;
        }
        // A counter set back to more than it had shows only by the restart of its process.
        const isReset = happened === "reset" && amount < raw;
        if (isReset || happened === "restart") raw = 0;
        raw += amount;
        total += amount;
        history.record(at, [counter(raw)], happened === "restart");
      });
      expect(grown(history, 3600)).toBe(total);
    }),
  );
});

test("a gauge that is gone is absent, a counter keeps what it had counted", () => {
  const history = createSampleHistory(day);
  history.record(0, [counter(5), gauge(1)], false);
  history.record(15, [], true);
  const window = history.window(15);
  expect(window === null ? null : latestSeries(window, { metric: "g" })).toEqual([]);
  expect(window === null ? null : latestSeries(window, { metric: "c" })[0]?.value).toBe(5);
});

test("a series that appears later began at zero", () => {
  const history = createSampleHistory(day);
  history.record(0, [counter(5, { outcome: "hit" })], false);
  history.record(15, [counter(6, { outcome: "hit" }), counter(3, { outcome: "miss" })], false);
  expect(grown(history, 15)).toBe(4);
});

test("twelve hours at 15 s are a few hundred readings, fine where they are young, and no window is over 5 % short", () => {
  const history = createSampleHistory(day);
  for (let at = 0; at <= 24 * 3600; at += 15) history.record(at, [counter(at)], false);
  expect(history.size()).toBeLessThan(300);
  for (const seconds of [15, 60, 300, 1800]) expect(grown(history, seconds)).toBe(seconds);
  for (const seconds of [2400, 3600, 6 * 3600, 12 * 3600]) {
    const reach = grown(history, seconds) ?? 0;
    expect(reach).toBeGreaterThan(0.95 * seconds);
    expect(reach).toBeLessThanOrEqual(seconds + day.toleranceSeconds);
  }
});

test("without a reading there is no window", () => {
  expect(createSampleHistory(day).window(60)).toBeNull();
});
