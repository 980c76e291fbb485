import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase, latestSeries } from "@mestore/contract/samples";
import { lawMetrics } from "./law-metrics.ts";
import {
  describeMetricsSource,
  type PublishedSeries,
  sourceFaults,
} from "./metrics-source.contract.ts";
import {
  intervalSeconds,
  podName,
  type PrometheusBench,
  type ScrapingPrometheus,
  startScrapingPrometheus,
} from "./prometheus-bench.fixture.ts";
import { createScrapeSource } from "./scrape.ts";

let onePod: ScrapingPrometheus;
let threePods: ScrapingPrometheus;

beforeAll(async () => {
  [onePod, threePods] = await Promise.all([
    startScrapingPrometheus(7 + Object.keys(sourceFaults).length, 1),
    startScrapingPrometheus(3, 3),
  ]);
});
afterAll(() => Promise.all([onePod?.stop(), threePods?.stop()]));

describeMetricsSource("a Prometheus that scrapes the pod", () => onePod.openBench());

/** One series of every metric of the laws, with labels of which laws drop some. */
function exportAll(pod: number, step: number): PublishedSeries[] {
  const edges = ["0.1", "0.5", "+Inf"];
  return [...lawMetrics].flatMap(([name, { labels, counter }], index): PublishedSeries[] => {
    const isOwn = [
      serviceMetrics.collectedAt.name,
      serviceMetrics.processStart.name,
      serviceMetrics.tuningRevision.name,
    ].some((own) => own === name);
    if (isOwn) return [];
    const value = counter ? 1000 * (index + 1) + (pod + 1) * (index + 2) * step : index + 10 * pod;
    const own = (variant: string) =>
      Object.fromEntries(
        labels.map((label) => [label, label === "le" ? "" : `${label}-${variant}`]),
      );
    return ["a", "b"].flatMap((variant) =>
      labels.length === 0 && variant === "b"
        ? []
        : labels.includes("le")
          ? edges.map((le, at) => ({
              name,
              labels: { ...own(variant), le },
              value: value * (at + 1),
            }))
          : [{ name, labels: own(variant), value }],
    );
  });
}

const revision = (value: number): PublishedSeries => ({
  name: serviceMetrics.tuningRevision.name,
  labels: {},
  value,
});

async function withBench(
  world: ScrapingPrometheus,
  use: (bench: PrometheusBench) => Promise<void>,
): Promise<void> {
  const bench = await world.openBench();
  try {
    await use(bench);
  } finally {
    await bench.close();
  }
}

describe("of three pods", () => {
  test("a Prometheus tells what their own pages tell, metric by metric", () =>
    withBench(threePods, async (bench) => {
      const scrape = createScrapeSource({
        pages: () => bench.podPages,
        scrapeSeconds: intervalSeconds,
        longestWindowSeconds: 3600,
        now: bench.nowSeconds,
      });
      const intervals = 6;
      for (let step = 0; step <= intervals; step += 1) {
        for (let pod = 0; pod < 3; pod += 1)
          bench.publishPod(pod, [...exportAll(pod, step), revision(7 + pod)]);
        await bench.advance(intervalSeconds);
        await scrape.window(intervalSeconds);
      }
      const seconds = intervals * intervalSeconds;
      const [direct, told] = [await scrape.window(seconds), await bench.source.window(seconds)];
      if (!direct.ok || !told.ok) throw new Error(JSON.stringify([direct, told]));
      expect(told.pods).toEqual(
        [0, 1, 2].map((pod) => ({ name: podName(pod), revision: 7 + pod })),
      );
      expect(direct.pods.toSorted((a, b) => a.revision - b.revision)).toEqual([...told.pods]);
      for (const [name, { counter }] of lawMetrics) {
        const byLabels = (reading: typeof direct) =>
          latestSeries(reading.window, { metric: name })
            .map(
              ({ labels, value }) =>
                [JSON.stringify(labels, Object.keys(labels).sort()), value] as const,
            )
            .toSorted(([a], [b]) => (a < b ? -1 : 1));
        const [expected, actual] = [byLabels(direct), byLabels(told)];
        expect([name, actual.map(([labels]) => labels)]).toEqual([
          name,
          expected.map(([labels]) => labels),
        ]);
        expected.forEach(([, value], index) => {
          // Both windows begin and end at samples: nothing is extrapolated.
          expect(actual[index]?.[1] ?? Number.NaN).toBeCloseTo(value, counter ? 3 : 6);
        });
        expect(expected.length).toBeGreaterThan(0);
      }
      const requests = { metric: `${serviceMetrics.requestDuration.name}_count` };
      expect(increase(told.window, [requests])).toBeGreaterThan(0);
    }));

  test("one that reports no more is one too few once its figures are old", () =>
    withBench(threePods, async (bench) => {
      bench.publish([]);
      await bench.advance(intervalSeconds);
      bench.publishPod(2, null);
      await bench.advance(60);
      expect(await bench.source.window(300)).toMatchObject({ ok: true });
      await bench.advance(intervalSeconds);
      expect(await bench.source.window(300)).toMatchObject({
        ok: false,
        reason: "TooFewPodsReporting",
        detail: "2 of 3 ready pods report, at least 80 % must",
      });
      const two = bench.open({ expectedPods: () => [podName(0), podName(1)] });
      expect(await two.window(300)).toMatchObject({ ok: true });
    }));

  test("none that reports: stale, then gone", () =>
    withBench(threePods, async (bench) => {
      bench.publish([]);
      await bench.advance(intervalSeconds);
      for (let pod = 0; pod < 3; pod += 1) bench.publishPod(pod, null);
      await bench.advance(75);
      expect(await bench.source.window(300)).toMatchObject({ reason: "MetricsStale" });
      await bench.advance(300);
      expect(await bench.source.window(300)).toMatchObject({ reason: "MetricsEmpty" });
    }));
});

test("two scrapes in a slice are enough, and a slice of fewer says so", () =>
  withBench(onePod, async (bench) => {
    const lookups = { name: serviceMetrics.cacheLookups.name, labels: { outcome: "hit" } };
    const [every30, every15] = [bench.open({ scrapeSeconds: 30 }), bench.source];
    for (let value = 0; value <= 120; value += 30) {
      bench.publish([{ ...lookups, value }]);
      await bench.advance(30);
    }
    const reading = await every30.window(60);
    if (!reading.ok) throw new Error(reading.detail);
    expect(increase(reading.window, [{ metric: lookups.name }])).toBeCloseTo(60, 3);
    expect(reading.window.toSeconds - reading.window.fromSeconds).toBe(60);
    await bench.advance(60);
    const tooFew = await every15.window(60);
    expect(tooFew).toMatchObject({ ok: false, reason: "MetricsInvalid" });
    expect(!tooFew.ok && tooFew.detail).toContain("scrapeIntervalSeconds");
  }));

test("a long window is asked for once while nothing of it could be new", () =>
  withBench(onePod, async (bench) => {
    bench.publish([]);
    await bench.advance(intervalSeconds);
    expect(await bench.source.window(600)).toMatchObject({ ok: true });
    let asked = 0;
    bench.answerWith(() => {
      asked += 1;
      return new Response("no", { status: 503 });
    });
    expect(await bench.source.window(600)).toMatchObject({ ok: true });
    expect(asked).toBe(0);
    expect(await bench.source.window(60)).toMatchObject({ reason: "MetricsUnreachable" });
    expect(asked).toBe(1);
    await bench.advance(2 * intervalSeconds);
    expect(await bench.source.window(600)).toMatchObject({ reason: "MetricsUnreachable" });
  }));

test("one's own PromQL is one number, or why it is none", () =>
  withBench(onePod, async (bench) => {
    bench.publish([revision(5)]);
    await bench.advance(intervalSeconds);
    const ask = (promql: string) => bench.source.query?.(promql);
    const own = `${serviceMetrics.tuningRevision.name}{namespace="${bench.matchers[0]?.value}"}`;
    expect(await ask(`2 * sum(${own})`)).toEqual({ ok: true, value: 10 });
    expect(await ask("1 + 1")).toEqual({ ok: true, value: 2 });
    expect(await ask("absent_metric")).toMatchObject({ reason: "MetricsEmpty" });
    expect(await ask(`${own} or vector(1)`)).toMatchObject({ reason: "MetricsAmbiguous" });
    expect(await ask("sum(vector(0)) / 0")).toMatchObject({ reason: "MetricsNotANumber" });
    expect(await ask("1 / vector(0)")).toMatchObject({ reason: "MetricsNotANumber" });
    const refused = await ask("sum by (");
    expect(refused).toMatchObject({ reason: "MetricsInvalid" });
    expect(refused?.ok === false && refused.detail).toContain("parse error");
    expect(await ask("up[5m]")).toMatchObject({ reason: "MetricsInvalid" });
    expect(await ask('"text"')).toMatchObject({ reason: "MetricsInvalid" });
  }));

test("a Prometheus that hangs is a time-out, one that is gone is unreachable", () =>
  withBench(onePod, async (bench) => {
    const { prometheus } = onePod;
    bench.publish([]);
    await bench.advance(intervalSeconds);
    const source = bench.open({ url: prometheus.url, timeoutSeconds: 0.5 });
    // Of less than 180 s no answer is used again.
    expect(await source.window(150)).toMatchObject({ ok: true });
    await prometheus.kill("SIGSTOP");
    expect(await source.window(150)).toMatchObject({ reason: "MetricsTimeout" });
    await prometheus.kill("SIGCONT");
    const patient = bench.open({ url: prometheus.url });
    expect(await patient.window(150)).toMatchObject({ ok: true });
    await prometheus.kill("SIGKILL");
    expect(await source.window(150)).toMatchObject({ reason: "MetricsUnreachable" });
  }));
