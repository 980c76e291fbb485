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
  advance(seconds: number): void;
  /** Seconds between two readings. */
  readonly intervalSeconds: number;
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

    test("gives the increases between the readings that span the window", () =>
      withBench(async (bench) => {
        const { intervalSeconds: interval } = bench;
        for (const value of [100, 130, 180, 250]) {
          bench.publish([lookups(value), lookups(value / 10, "miss"), ttl(60)]);
          await windowOf(bench, interval);
          bench.advance(interval);
        }
        bench.publish([lookups(260), lookups(26, "miss"), ttl(120)]);
        const last = await windowOf(bench, interval);
        expect(increase(last, [all])).toBeCloseTo(11);
        expect(last.toSeconds - last.fromSeconds).toBeCloseTo(interval, 1);
        const three = await windowOf(bench, 3 * interval);
        expect(increase(three, [all])).toBeCloseTo(143);
        expect(increase(three, [{ ...all, labels: { outcome: "miss" } }])).toBeCloseTo(13);
        expect(latestSeries(three, { metric: serviceMetrics.cacheTtl.name })[0]?.value).toBe(120);
      }));

    test("a history shorter than the window gives what it has, and says from when", () =>
      withBench(async (bench) => {
        bench.publish([lookups(10)]);
        await windowOf(bench, 3600);
        bench.advance(bench.intervalSeconds);
        bench.publish([lookups(25)]);
        const window = await windowOf(bench, 3600);
        expect(increase(window, [all])).toBeCloseTo(15);
        expect(window.toSeconds - window.fromSeconds).toBeCloseTo(bench.intervalSeconds, 1);
      }));

    test("a counter that begins anew goes on growing", () =>
      withBench(async (bench) => {
        bench.publish([lookups(1000)]);
        await windowOf(bench, 3600);
        bench.advance(bench.intervalSeconds);
        bench.restart();
        bench.publish([lookups(40)]);
        const window = await windowOf(bench, 3600);
        expect(increase(window, [all])).toBeCloseTo(40);
      }));

    for (const [fault, reason] of Object.entries(sourceFaults) as [SourceFault, MetricsRejection][])
      test(`${fault}: rejected as ${reason}, and trusted again afterwards`, () =>
        withBench(async (bench) => {
          bench.publish([lookups(10), ttl(60)]);
          await windowOf(bench, 3600);
          bench.advance(bench.intervalSeconds);
          bench.fail(fault);
          const reading = await bench.source.window(3600);
          expect(reading).toMatchObject({ ok: false, reason });
          if (!reading.ok) expect(reading.detail).not.toBe("");
          bench.advance(bench.intervalSeconds);
          bench.publish([lookups(30), ttl(60)]);
          const window = await windowOf(bench, 3600);
          expect(increase(window, [all])).toBeCloseTo(20);
        }));
  });
}
