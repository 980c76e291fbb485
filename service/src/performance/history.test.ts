import { afterEach, describe, expect, jest, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase } from "@mestore/contract/samples";
import { createRegistry } from "@mestore/telemetry/registry";
import { createHistory } from "./history.ts";

const lookups = { metric: serviceMetrics.cacheLookups.name };

function run() {
  const clock = { seconds: 1000 };
  const registry = createRegistry();
  const hits = registry.cell(serviceMetrics.cacheLookups, { class: "product", outcome: "hit" });
  const history = createHistory(registry, () => clock.seconds * 1000);
  /** Ten look-ups and a reading every 5 s. */
  const live = (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 5) {
      clock.seconds += 5;
      hits.add(10);
      history.sample();
    }
  };
  return { clock, hits, history, live, registry };
}

describe("history", () => {
  test("a young process gives what it has, and the window says since when", () => {
    const { clock, history, hits } = run();
    hits.add(7);
    clock.seconds += 2;
    const window = history.window();
    expect([window.fromSeconds, window.toSeconds]).toEqual([1000, 1002]);
    expect(increase(window, [lookups])).toBe(7);
  });

  test("a window ends at this moment, not at the last reading", () => {
    const { clock, history, hits, live } = run();
    live(10);
    hits.add(1);
    clock.seconds += 1;
    expect(increase(history.window(), [lookups])).toBe(21);
  });

  test("an old process gives the last five minutes", () => {
    const { history, live } = run();
    live(3600);
    const window = history.window();
    expect(window.toSeconds - window.fromSeconds).toBe(300);
    expect(increase(window, [lookups])).toBe(600);
  });

  test("a shorter window can be asked for", () => {
    const { history, live } = run();
    live(300);
    const window = history.window(60);
    expect(window.toSeconds - window.fromSeconds).toBe(60);
    expect(increase(window, [lookups])).toBe(120);
  });

  test("readings that came late shorten the window by less than half a period, not by one", () => {
    const { clock, history, live } = run();
    live(400);
    clock.seconds += 1;
    const window = history.window();
    expect(window.toSeconds - window.fromSeconds).toBe(301);
  });

  test("after a long pause the window begins at the last reading before it", () => {
    const { clock, history, hits, live } = run();
    live(100);
    clock.seconds += 7200;
    hits.add(3);
    const window = history.window();
    expect([window.fromSeconds, window.toSeconds]).toEqual([1100, 8300]);
    expect(increase(window, [lookups])).toBe(3);
  });

  test("a series born inside the window counts from zero", () => {
    const { clock, history, live, registry } = run();
    live(10);
    registry.cell(serviceMetrics.tuningRejected, {}).add(2);
    clock.seconds += 1;
    expect(increase(history.window(), [{ metric: serviceMetrics.tuningRejected.name }])).toBe(2);
  });
});

describe("timer", () => {
  afterEach(() => jest.useRealTimers());

  test("takes a reading every five seconds from start to stop, however often it is started", () => {
    jest.useFakeTimers();
    const registry = createRegistry();
    let readings = 0;
    registry.beforeCollect(() => readings++);
    const history = createHistory(registry, () => readings * 5000);
    expect(readings).toBe(1);
    jest.advanceTimersByTime(60_000);
    expect(readings).toBe(1);
    history.start();
    history.start();
    jest.advanceTimersByTime(60_000);
    expect(readings).toBe(13);
    history.stop();
    jest.advanceTimersByTime(60_000);
    expect(readings).toBe(13);
    history.start();
    jest.advanceTimersByTime(5000);
    expect(readings).toBe(14);
  });
});
