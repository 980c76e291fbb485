import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase, latestSeries } from "@mestore/contract/samples";
import type { MetricsRejection, MetricsSource } from "../control/ports.ts";

export interface PublishedSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Ways in which the world behind a source fails, each with the reason that it must lead to. */
export const sourceFaults = {
  unreachable: "MetricsUnreachable",
  serverError: "MetricsUnreachable",
  timeout: "MetricsTimeout",
  invalid: "MetricsInvalid",
  empty: "MetricsEmpty",
  notANumber: "MetricsNotANumber",
  infinite: "MetricsNotANumber",
  stale: "MetricsStale",
  ambiguous: "MetricsAmbiguous",
} as const satisfies Record<string, MetricsRejection>;
export type SourceFault = keyof typeof sourceFaults;

/** A source together with the world that it reads. */
export interface MetricsSourceBench {
  readonly source: MetricsSource;
  /** The service now exports exactly these, beside the time and the process's start. */
  publish(series: readonly PublishedSeries[]): void;
  /** From now on the world fails in this way, until the next `publish`. */
  fail(fault: SourceFault): void;
  /** The service's process is another one. */
  restart(): void;
  /** Lets time pass; a source that collects by itself has collected by then. */
  advance(seconds: number): void | Promise<void>;
  /** Seconds between two readings. */
  readonly intervalSeconds: number;
  /** Readings that the shortest window spans. */
  readonly leastIntervals: number;
  /**
   * What an increase may be off by, as a share of what is counted in one interval: a Prometheus
   * carries on for half an interval where a window begins before the first sample.
   */
  readonly slack: number;
  close(): void | Promise<void>;
}

const lookups = (value: number, outcome = "hit"): PublishedSeries => ({
  name: serviceMetrics.cacheLookups.name,
  labels: { class: "product", outcome },
  value,
});
const ttl = (value: number): PublishedSeries => ({
  name: serviceMetrics.cacheTtl.name,
  labels: { class: "product" },
  value,
});
const all = { metric: serviceMetrics.cacheLookups.name, labels: { class: "product" } };

/** What every MetricsSource does. */
export function describeMetricsSource(
  name: string,
  createBench: () => MetricsSourceBench | Promise<MetricsSourceBench>,
): void {
  describe(name, () => {
    async function withBench(use: (bench: MetricsSourceBench) => Promise<void>): Promise<void> {
      const bench = await createBench();
      try {
        await use(bench);
      } finally {
        await bench.close();
      }
    }

    async function windowOf({ source }: MetricsSourceBench, seconds: number) {
      const reading = await source.window(seconds);
      if (!reading.ok) throw new Error(`${reading.reason}: ${reading.detail}`);
      return reading.window;
    }

    /** Publishes, lets the source read, and lets an interval pass. */
    async function read(bench: MetricsSourceBench, series: readonly PublishedSeries[]) {
      bench.publish(series);
      await bench.advance(bench.intervalSeconds);
      return windowOf(bench, bench.leastIntervals * bench.intervalSeconds);
    }

    function expectIncrease(
      bench: MetricsSourceBench,
      actual: number | undefined,
      expected: number,
      perInterval: number,
    ) {
      const off = Math.abs((actual ?? Number.NaN) - expected);
      expect([off <= bench.slack * perInterval + 1e-6, actual, expected]).toEqual([
        true,
        actual,
        expected,
      ]);
    }

    test("gives the increases between the readings that span the window", () =>
      withBench(async (bench) => {
        const { intervalSeconds: interval, leastIntervals } = bench;
        let value = 100;
        const grows = [30, 50, 70, 10, 20, 40, 60, 5, 15, 11];
        for (const amount of [0, ...grows]) {
          value += amount;
          await read(bench, [lookups(value), lookups(value / 10, "miss"), ttl(60 + amount)]);
        }
        const sumOf = (count: number) =>
          grows.slice(-count).reduce((total, amount) => total + amount, 0);
        for (const count of [leastIntervals, leastIntervals + 2, grows.length]) {
          const window = await windowOf(bench, count * interval);
          expectIncrease(bench, increase(window, [all]), 1.1 * sumOf(count), 77);
          expectIncrease(
            bench,
            increase(window, [{ ...all, labels: { outcome: "miss" } }]),
            sumOf(count) / 10,
            7,
          );
          expect(window.toSeconds - window.fromSeconds).toBeCloseTo(count * interval, 1);
          const [inForce] = latestSeries(window, { metric: serviceMetrics.cacheTtl.name });
          expect(inForce?.value).toBe(71);
        }
      }));

    test("a history shorter than the window gives what it has, and says from when", () =>
      withBench(async (bench) => {
        for (const value of [1000, 1015, 1030]) await read(bench, [lookups(value)]);
        const window = await windowOf(bench, 3600);
        expectIncrease(bench, increase(window, [all]), 30, 15);
        const intervals = (window.toSeconds - window.fromSeconds) / bench.intervalSeconds;
        expect(intervals).toBeGreaterThan(1.99);
        expect(intervals).toBeLessThan(2.01 + bench.slack);
      }));

    test("a counter that begins anew goes on growing", () =>
      withBench(async (bench) => {
        await read(bench, [lookups(1000)]);
        bench.restart();
        await read(bench, [lookups(40)]);
        expectIncrease(bench, increase(await windowOf(bench, 3600), [all]), 40, 40);
      }));

    for (const [fault, reason] of Object.entries(sourceFaults) as [SourceFault, MetricsRejection][])
      test(`${fault}: rejected as ${reason}, and trusted again once it is out of the window`, () =>
        withBench(async (bench) => {
          const { intervalSeconds: interval, leastIntervals } = bench;
          await read(bench, [lookups(10), ttl(60)]);
          bench.fail(fault);
          await bench.advance(interval);
          const reading = await bench.source.window(3600);
          expect(reading).toMatchObject({ ok: false, reason });
          if (!reading.ok) expect(reading.detail).not.toBe("");
          for (let passed = 0; passed <= leastIntervals; passed += 1) {
            bench.publish([lookups(30 + 10 * passed), ttl(60)]);
            await bench.advance(interval);
            await bench.source.window(leastIntervals * interval);
          }
          const window = await windowOf(bench, leastIntervals * interval);
          expectIncrease(bench, increase(window, [all]), 10 * leastIntervals, 10);
        }));
  });
}
