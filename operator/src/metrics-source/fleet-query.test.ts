import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase, latestSeries } from "@mestore/contract/samples";
import {
  type FleetQueryContext,
  formatFleetQuery,
  readFleetAnswer,
  type VectorElement,
} from "./fleet-query.ts";

const query = {
  matchers: [
    { name: "namespace", operator: "=", value: "shop" },
    { name: "pod", operator: "=~", value: "mestore-[a-z0-9]{1,10}-[a-z0-9]{5}" },
  ],
  seconds: 300,
  scrapeSeconds: 15,
} as const;

test("the query of a window, word for word", () => {
  const m = 'namespace="shop",pod=~"mestore-[a-z0-9]{1,10}-[a-z0-9]{5}"';
  const grown = (fold: string, name: string) =>
    `label_replace(${fold} (increase(${name}{${m}}[300s])), "part", "${name}", "", "")`;
  const latest = (fold: string, name: string) =>
    `label_replace(${fold} (${name}{${m}}), "part", "${name}", "", "")`;
  const request = "http_server_request_duration_seconds";
  const statement = "db_client_operation_duration_seconds";
  const operation = "mestore_cache_operation_duration_seconds";
  const revision = `mestore_tuning_revision{${m}}`;
  expect(formatFleetQuery(query).split("\nor ")).toEqual([
    grown("sum by (http_response_status_code, le)", `${request}_bucket`),
    grown("sum by (http_response_status_code)", `${request}_sum`),
    grown("sum by (http_response_status_code)", `${request}_count`),
    grown("sum by (mestore_query_class, le)", `${statement}_bucket`),
    grown("sum by (mestore_query_class)", `${statement}_sum`),
    grown("sum by (mestore_query_class)", `${statement}_count`),
    grown("sum by (class, outcome)", "mestore_cache_lookups_total"),
    grown("sum by (le)", `${operation}_bucket`),
    grown("sum", `${operation}_sum`),
    grown("sum", `${operation}_count`),
    latest("sum by (class)", "mestore_cache_l1_bytes"),
    latest("max by (class)", "mestore_cache_ttl_seconds"),
    grown("sum by (class, ttl_seconds)", "mestore_cache_shadow_misses_total"),
    grown("sum by (class, ttl_seconds)", "mestore_cache_shadow_stale_total"),
    latest("max by (class, ttl_seconds)", "mestore_cache_shadow_bytes"),
    grown("sum by (class)", "mestore_cache_shadow_lookups_total"),
    grown("sum by (class)", "mestore_cache_shadow_sampled_total"),
    latest("min by (class)", "mestore_cache_shadow_observed_seconds"),
    latest("avg by (class)", "mestore_cache_shadow_fleet"),
    latest("max", "mestore_cache_shadow_processes"),
    grown("sum by (class)", "mestore_cache_refills_changed_total"),
    grown("sum by (class)", "mestore_cache_refill_changed_hits_total"),
    grown("sum by (class)", "mestore_cache_refill_age_hits_seconds_total"),
    latest("min", "mestore_cache_store_up"),
    latest("max", "mestore_cache_store_memory_bytes"),
    latest("max", "mestore_cache_store_memory_limit_bytes"),
    latest("max", "mestore_cache_store_evicts"),
    grown("max", "mestore_cache_store_evictions_total"),
    latest("min", "mestore_tuning_revision"),
    latest("min", "mestore_metrics_collected_timestamp_seconds"),
    grown("avg", "process_cpu_seconds_total"),
    latest("max", "process_resident_memory_bytes"),
    latest("max", "process_start_time_seconds"),
    `label_replace(min by (pod) (${revision}), "part", "pod_revision", "", "")`,
    `label_replace(count by (pod) (${revision}), "part", "pod_series", "", "")`,
    `label_replace(min by (pod) (time() - timestamp(${revision})), "part", "pod_age_seconds", "", "")`,
    `label_replace(max by (pod) (time() - mestore_metrics_collected_timestamp_seconds{${m}}), "part", "pod_figures_age_seconds", "", "")`,
    `label_replace(min(min_over_time(timestamp(${revision})[300s:15s])), "part", "start_seconds", "", "")`,
  ]);
});

test("no window is shorter than four scrapes, or than the two in a slice where they are rare", () => {
  expect(formatFleetQuery({ ...query, seconds: 15 })).toContain("[60s]");
  expect(formatFleetQuery({ ...query, seconds: 15, scrapeSeconds: 5 })).toContain("[20s:5s]");
  expect(formatFleetQuery({ ...query, seconds: 60, scrapeSeconds: 30 })).toContain("[60s:30s]");
  expect(formatFleetQuery({ ...query, seconds: 60, scrapeSeconds: 60 })).toContain("[120s:60s]");
});

const context: FleetQueryContext = {
  ...query,
  atSeconds: 10_000,
  expectedPods: ["a", "b", "c"],
};

const element = (
  part: string,
  value: number,
  labels: Readonly<Record<string, string>> = {},
): VectorElement => ({ labels: { part, ...labels }, value });

const lookups = serviceMetrics.cacheLookups.name;

/** The answer for pods of these ages and revisions. */
function answer(
  pods: readonly (readonly [name: string, ageSeconds: number, revision: number])[],
  ...more: readonly VectorElement[]
): readonly VectorElement[] {
  return [
    element(lookups, 123.5, { class: "product", outcome: "hit" }),
    element(serviceMetrics.cacheTtl.name, 60, { class: "product" }),
    element("start_seconds", 9000),
    ...pods.flatMap(([pod, age, revision]) => [
      element("pod_age_seconds", age, { pod }),
      element("pod_series", 1, { pod }),
      element("pod_revision", revision, { pod }),
    ]),
    ...more,
  ];
}

const all = [
  ["a", 3, 7],
  ["b", 14, 7],
  ["c", 60, 6],
] as const;

describe("an answer becomes", () => {
  test("a window of increases and latest values, with the revision of each pod", () => {
    const reading = readFleetAnswer(answer(all), context);
    if (!reading.ok) throw new Error(reading.detail);
    const { window, pods } = reading;
    expect(increase(window, [{ metric: lookups }])).toBe(123.5);
    expect(latestSeries(window, { metric: serviceMetrics.cacheTtl.name })).toEqual([
      { labels: { class: "product" }, value: 60 },
    ]);
    expect([window.fromSeconds, window.toSeconds]).toEqual([9700, 10_000]);
    expect(pods).toEqual([
      { name: "a", revision: 7 },
      { name: "b", revision: 7 },
      { name: "c", revision: 6 },
    ]);
  });

  test("a window that begins half a scrape before the first sample where that is later", () => {
    const reading = readFleetAnswer(answer(all), { ...context, seconds: 3600 });
    expect(reading.ok && reading.window.fromSeconds).toBe(8992.5);
  });

  test("a window without the pods that nobody expects any more", () => {
    const reading = readFleetAnswer(answer([...all, ["gone", 200, 3]]), context);
    expect(reading.ok && reading.pods.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });
});

describe("an answer is rejected", () => {
  const cases: readonly (readonly [
    string,
    readonly VectorElement[],
    Partial<FleetQueryContext>,
    string,
    string,
  ])[] = [
    ["empty", [], {}, "MetricsEmpty", "there is no series such as mestore_tuning_revision{"],
    [
      "not a number",
      answer(all, element(serviceMetrics.processCpu.name, Number.NaN)),
      {},
      "MetricsNotANumber",
      "process_cpu_seconds_total{} is NaN",
    ],
    [
      "infinite",
      answer(all, element(lookups, Infinity, { class: "search", outcome: "hit" })),
      {},
      "MetricsNotANumber",
      'mestore_cache_lookups_total{class="search",outcome="hit"} is Infinity',
    ],
    [
      "a pod that is scraped twice",
      answer(all, element("pod_series", 2, { pod: "a" })),
      {},
      "MetricsAmbiguous",
      "pod a has 2 series of each metric: is it scraped twice?",
    ],
    [
      "two pods of three",
      answer([
        ["a", 3, 7],
        ["b", 3, 7],
      ]),
      {},
      "TooFewPodsReporting",
      "2 of 3 ready pods report, at least 80 % must",
    ],
    [
      "the third pod stale",
      answer([
        ["a", 3, 7],
        ["b", 3, 7],
        ["c", 61, 7],
      ]),
      {},
      "TooFewPodsReporting",
      "2 of 3 ready pods report, at least 80 % must",
    ],
    [
      "all pods stale",
      answer([
        ["a", 75, 7],
        ["b", 61, 7],
      ]),
      {},
      "MetricsStale",
      "figures are 61 s old, allowed are 60 s",
    ],
    [
      "all pods strangers",
      answer([["x", 1, 7]]),
      {},
      "TooFewPodsReporting",
      "0 of 3 ready pods report, at least 80 % must",
    ],
    ["no pod ready", answer(all), { expectedPods: [] }, "TooFewPodsReporting", "no pod is ready"],
    [
      "figures that were old when they were scraped",
      answer(all, ...["a", "b", "c"].map((pod) => element("pod_figures_age_seconds", 61, { pod }))),
      {},
      "MetricsStale",
      "figures are 61 s old, allowed are 60 s",
    ],
    [
      "without pods, though counters of earlier are in the window",
      answer([]),
      {},
      "MetricsEmpty",
      "there is no series such as mestore_tuning_revision{",
    ],
    [
      "of something else",
      [{ labels: { job: "x" }, value: 1 }],
      {},
      "MetricsInvalid",
      "the answer has series that were not asked for",
    ],
    [
      "scraped too rarely for any counter to grow",
      answer(all).filter(({ labels }) => labels["part"] !== lookups),
      {},
      "MetricsInvalid",
      "no counter has two samples within 300 s: is it scraped more rarely than every 15 s",
    ],
  ];
  for (const [what, elements, change, reason, detail] of cases)
    test(what, () => {
      const reading = readFleetAnswer(elements, { ...context, ...change });
      expect(reading).toMatchObject({ ok: false, reason });
      expect(!reading.ok && reading.detail).toContain(detail);
    });

  test("but not for a process that is too young for two samples", () => {
    const young = answer(all).map((one) =>
      one.labels["part"] === "start_seconds" ? { ...one, value: 9990 } : one,
    );
    const gauges = young.filter(({ labels }) => labels["part"] !== lookups);
    expect(readFleetAnswer(gauges, context)).toMatchObject({ ok: true });
  });

  test("but not for one pod in five", () => {
    const pods = ["a", "b", "c", "d"].map((name) => [name, 1, 7] as const);
    const five = { ...context, expectedPods: ["a", "b", "c", "d", "e"] };
    expect(readFleetAnswer(answer(pods), five)).toMatchObject({ ok: true });
  });

  test("samples may be three scrapes old where that is more than a minute", () => {
    const slow = { ...context, scrapeSeconds: 30 };
    const at = (age: number) =>
      readFleetAnswer(answer([["a", age, 1]]), { ...slow, expectedPods: ["a"] });
    expect(at(90).ok).toBe(true);
    expect(at(91).ok).toBe(false);
  });
});
