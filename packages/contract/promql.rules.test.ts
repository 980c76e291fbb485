import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startPrometheus, type TestPrometheus } from "@mestore/tools/stack/test-prometheus";
import { measure, type Measured } from "./measure.ts";
import { type FleetFold, type MetricDefinition, serviceMetrics } from "./metrics.ts";
import { formatPromql, formatRange, type IndicatorPromql } from "./promql.ts";
import { collectSamples, type MetricWindow } from "./samples.ts";
import { hitRateIndicator, type Indicator, objectives } from "./sla.ts";

/**
 * The two interpreters of Indicators on the same samples: `measure` on what the pods really counted,
 * PromQL on a real Prometheus that holds their raw counters, resets included.
 *
 * Each window is a whole number of scrapes and one second long, so that it holds the samples at both
 * ends whether the beginning of a range belongs to it (Prometheus 2) or not (Prometheus 3). Then
 * `increase` carries on for that one second: 1 in 300 at most. In a quotient of two increases over the
 * same pods it cancels, but for counters that begin within the window, which are not carried on below
 * zero.
 */
const scrapeSeconds = 15;
const scrapes = 20;
const startSeconds = 1_767_225_600;
const endSeconds = startSeconds + scrapes * scrapeSeconds;
const windowSeconds = scrapes * scrapeSeconds + 1;
const tolerance = 1 / (scrapes * scrapeSeconds) + 1e-6;

/** A fixed sequence (mulberry32), so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Grown {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fold: FleetFold;
  /** What each pod counted in the window, or shows at its end. */
  readonly byPod: number[];
}

interface World {
  readonly namespace: string;
  readonly lines: string[];
  readonly window: MetricWindow;
}

const foldOf = (metric: MetricDefinition): FleetFold => metric.fleet ?? "sum";

function fold(kind: FleetFold, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (kind === "sum") return sum;
  if (kind === "mean") return sum / values.length;
  return kind === "max" ? Math.max(...values) : Math.min(...values);
}

/** Some pods of one namespace: what a Prometheus scraped of them, and what they really counted. */
function createWorld(seed: number): World {
  const random = createRandom(seed);
  const namespace = `world-${seed}`;
  const pods = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, index) => `pod-${index}`);
  const lines: string[] = [];
  const grown = new Map<string, Grown>();

  function note(
    metric: MetricDefinition,
    name: string,
    labels: Record<string, string>,
    amount: number,
  ) {
    const key = `${name}${JSON.stringify(labels)}`;
    const known = grown.get(key) ?? { name, labels, fold: foldOf(metric), byPod: [] };
    known.byPod.push(amount);
    grown.set(key, known);
  }

  function write(
    name: string,
    labels: Record<string, string>,
    pod: string,
    step: number,
    value: number,
  ) {
    const text = Object.entries({ ...labels, namespace, pod })
      .map(([label, own]) => `${label}=${JSON.stringify(own)}`)
      .join(",");
    lines.push(`${name}{${text}} ${value} ${startSeconds + step * scrapeSeconds}`);
  }

  for (const pod of pods) {
    // The scrapes at which the pod's process is another one.
    const restarts = new Set(random() < 0.5 ? [1 + Math.floor(random() * (scrapes - 1))] : []);
    const before = random() * 1e4;
    const counter = (
      metric: MetricDefinition,
      name: string,
      labels: Record<string, string>,
      amounts: readonly number[],
    ) => {
      let raw = Math.floor(before);
      write(name, labels, pod, 0, raw);
      amounts.forEach((amount, index) => {
        // A Prometheus sees a restart by the fall of the counter alone.
        if (restarts.has(index + 1) && amount < raw) raw = 0;
        raw += amount;
        write(name, labels, pod, index + 1, raw);
      });
      note(
        metric,
        name,
        labels,
        amounts.reduce((sum, amount) => sum + amount, 0),
      );
    };
    const amounts = (most: number) =>
      Array.from({ length: scrapes }, () => Math.floor(random() * most));

    for (const code of ["200", "404", "500"]) {
      const metric = serviceMetrics.requestDuration;
      const labels = { http_route: "/products/{id}", http_response_status_code: code };
      const edges = [...metric.buckets, Infinity];
      const perBucket = edges.map(() => amounts(random() < 0.3 ? 0 : 40));
      edges.forEach((edge, bucket) => {
        const cumulative = Array.from({ length: scrapes }, (_, step) =>
          perBucket.slice(0, bucket + 1).reduce((sum, own) => sum + (own[step] ?? 0), 0),
        );
        const le = edge === Infinity ? "+Inf" : String(edge);
        counter(metric, `${metric.name}_bucket`, { ...labels, le }, cumulative);
        if (edge === Infinity) counter(metric, `${metric.name}_count`, labels, cumulative);
      });
      counter(metric, `${metric.name}_sum`, labels, amounts(60));
    }
    for (const cacheClass of ["product", "a.b|c"])
      for (const outcome of ["hit", "stale", "coalesced", "miss", "negative"]) {
        const metric = serviceMetrics.cacheLookups;
        counter(metric, metric.name, { class: cacheClass, outcome }, amounts(500));
      }
    for (const metric of [serviceMetrics.processCpu, serviceMetrics.storeEvictions])
      counter(metric, metric.name, {}, amounts(30));
    for (const metric of [serviceMetrics.processMemory, serviceMetrics.shadowObserved]) {
      const labels: Record<string, string> =
        metric === serviceMetrics.shadowObserved ? { class: "product" } : {};
      const value = Math.floor(random() * 1e9);
      for (let step = 0; step <= scrapes; step += 1) write(metric.name, labels, pod, step, value);
      note(metric, metric.name, labels, value);
    }
  }
  const last = collectSamples(
    [...grown.values()].map(({ name, labels, fold: kind, byPod }) => ({
      name,
      labels,
      value: fold(kind, byPod),
    })),
  );
  const window = { fromSeconds: startSeconds, toSeconds: endSeconds, first: new Map(), last };
  return { namespace, lines, window };
}

const worlds = Array.from({ length: 12 }, (_, index) => createWorld(index + 1));

let prometheus: TestPrometheus;

beforeAll(async () => {
  // The text format wants the samples of one series together, and promtool the older first.
  const seriesOf = (line: string) => line.slice(0, line.lastIndexOf("} "));
  const lines = worlds
    .flatMap(({ lines: own }) => own)
    .sort((a, b) => (seriesOf(a) < seriesOf(b) ? -1 : seriesOf(a) > seriesOf(b) ? 1 : 0));
  prometheus = await startPrometheus({ openMetrics: `${lines.join("\n")}\n# EOF\n` });
});
afterAll(() => prometheus?.stop());

/** One number, or null where the answer is empty. */
async function ask(query: string): Promise<number | null> {
  const response = await fetch(`${prometheus.url}/api/v1/query`, {
    method: "POST",
    body: new URLSearchParams({ query, time: String(endSeconds + 0.5) }),
  });
  const answer = (await response.json()) as {
    error?: string;
    data?: { result: readonly { metric: object; value: readonly [number, string] }[] };
  };
  if (answer.data === undefined) throw new Error(`${answer.error}: ${query}`);
  const { result } = answer.data;
  expect(result.length).toBeLessThan(2);
  const [only] = result;
  if (only === undefined) return null;
  expect(only.metric).toEqual({});
  return Number(only.value[1]);
}

const cases: readonly (readonly [string, Indicator])[] = [
  ...objectives
    // The worlds have no database and no operations on a shared layer: those are asked for below.
    .filter(({ name }) => !name.startsWith("database-") && name !== "cache-operation")
    .map(({ name, indicator }) => [name, indicator] as const),
  ["hit rate of a class whose name is no regular expression", hitRateIndicator(["a.b|c"])],
  [
    "ratio of several counters to several",
    {
      kind: "ratio",
      good: [
        { metric: serviceMetrics.cacheLookups.name, labels: { outcome: ["hit", "stale"] } },
        { metric: serviceMetrics.processCpu.name },
      ],
      total: [
        { metric: serviceMetrics.cacheLookups.name },
        { metric: `${serviceMetrics.requestDuration.name}_count` },
      ],
    },
  ],
  [
    "ratio whose good events are of a metric that is not there",
    {
      kind: "ratio",
      good: [{ metric: serviceMetrics.queryErrors.name }],
      total: [{ metric: serviceMetrics.cacheLookups.name }],
    },
  ],
  [
    "slowest request in the last bucket",
    {
      kind: "overThreshold",
      histogram: { metric: serviceMetrics.requestDuration.name },
      edgeSeconds: 10,
      quantile: 0.999,
    },
  ],
  [
    "rate of a counter of the shared layer",
    { kind: "rate", counter: { metric: serviceMetrics.storeEvictions.name } },
  ],
  [
    "gauge of which the least counts",
    {
      kind: "gauge",
      metric: { metric: serviceMetrics.shadowObserved.name, labels: { class: "product" } },
    },
  ],
];

for (const [name, indicator] of cases)
  describe(name, () => {
    for (const { namespace, window } of worlds)
      test(namespace, async () => {
        const promql = formatPromql(indicator, {
          matchers: [{ name: "namespace", operator: "=", value: namespace }],
          range: formatRange(windowSeconds),
        });
        const measured = measure(indicator, window);
        if (!measured.ok) throw new Error(measured.reason);
        for (const part of ["value", "samples", "shown"] as const) {
          const answer = await ask(promql[part]);
          const expected = measured.measurement[part];
          expect([
            part,
            Math.abs((answer ?? Number.NaN) - expected) <=
              tolerance * Math.max(Math.abs(expected), 1e-3),
            answer,
            expected,
          ]).toEqual([part, true, answer, expected]);
        }
      });
  });

describe("what gives nothing there gives nothing here, never zero", () => {
  const nothing: MetricWindow = {
    fromSeconds: 0,
    toSeconds: 300,
    first: new Map(),
    last: new Map(),
  };
  const absent = [
    ...objectives.map(({ name, indicator }) => [name, indicator] as const),
    ["rate", { kind: "rate", counter: { metric: serviceMetrics.storeEvictions.name } }] as const,
  ];
  for (const [name, indicator] of absent)
    test(name, async () => {
      expect(measure(indicator, nothing)).toEqual({
        ok: false,
        reason: "NoSamples",
      } satisfies Measured);
      const promql: IndicatorPromql = formatPromql(indicator, {
        matchers: [{ name: "namespace", operator: "=", value: "nowhere" }],
        range: formatRange(windowSeconds),
      });
      expect(await ask(promql.value)).toBeNull();
      expect(await ask(promql.samples)).toBeNull();
    });

  test("a threshold that is no bucket", async () => {
    const indicator: Indicator = {
      kind: "overThreshold",
      histogram: { metric: serviceMetrics.requestDuration.name },
      edgeSeconds: 0.123,
      quantile: 0.95,
    };
    const [world] = worlds;
    if (world === undefined) throw new Error("no world");
    expect(measure(indicator, world.window)).toEqual({ ok: false, reason: "ThresholdNotABucket" });
    const { value } = formatPromql(indicator, {
      matchers: [{ name: "namespace", operator: "=", value: world.namespace }],
      range: formatRange(windowSeconds),
    });
    expect(await ask(value)).toBeNull();
  });
});
