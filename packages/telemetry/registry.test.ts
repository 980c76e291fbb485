import { describe, expect, test } from "bun:test";
import { cacheClassNames, cacheOutcomes } from "@mestore/contract/cache-classes";
import {
  durationBucketsSeconds,
  type MetricDefinition,
  serviceMetrics,
} from "@mestore/contract/metrics";
import { measure } from "@mestore/contract/measure";
import { seriesKey } from "@mestore/contract/samples";
import { createRegistry, maxSeriesPerMetric } from "./registry.ts";

const hit = { class: "product", outcome: "hit" } as const;
const route = (http_route: string) => ({
  http_request_method: "GET",
  http_route,
  http_response_status_code: "200",
});

describe("counters and gauges", () => {
  test("a series counts what is added, and is the same one however often it is asked for", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.cacheLookups, hit).add(2);
    registry.cell(serviceMetrics.cacheLookups, hit).add(0.5);
    const series = registry.collect().get("mestore_cache_lookups_total");
    expect(series?.get(seriesKey(hit))).toEqual({ labels: hit, value: 2.5 });
  });

  test("the order of labels makes no other series", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.cacheLookups, hit).add(1);
    registry.cell(serviceMetrics.cacheLookups, { outcome: "hit", class: "product" }).add(1);
    const series = registry.collect().get("mestore_cache_lookups_total");
    expect(series?.get(seriesKey(hit))?.value).toBe(2);
  });

  test("the first look-up of a counter whose labels are all listed brings every combination at 0", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.cacheLookups, hit).add(1);
    const series = [...(registry.collect().get("mestore_cache_lookups_total")?.values() ?? [])];
    expect(series).toHaveLength(cacheClassNames.length * cacheOutcomes.length);
    expect(series.filter(({ value }) => value === 0)).toHaveLength(series.length - 1);
  });

  test("a gauge that was never set is absent; adding to it begins at 0", () => {
    const registry = createRegistry();
    const inFlight = registry.cell(serviceMetrics.activeRequests, {});
    expect(registry.collect().has("http_server_active_requests")).toBe(false);
    inFlight.add(1);
    inFlight.add(1);
    inFlight.add(-1);
    const series = registry.collect().get("http_server_active_requests");
    expect([...(series?.values() ?? [])]).toEqual([{ labels: {}, value: 1 }]);
  });

  test("series keep their values while the arrays behind them grow", () => {
    const registry = createRegistry();
    const cells = cacheClassNames.flatMap((cacheClass) =>
      cacheOutcomes.map((outcome) =>
        registry.cell(serviceMetrics.cacheLookups, { class: cacheClass, outcome }),
      ),
    );
    cells.forEach((cell, index) => cell.add(index + 1));
    registry.cell(serviceMetrics.shadowMisses, { class: "auth", ttl_seconds: "1" });
    registry.cell(serviceMetrics.shadowStale, { class: "auth", ttl_seconds: "1" });
    cells.forEach((cell) => cell.add(1000));
    const values = [...(registry.collect().get("mestore_cache_lookups_total")?.values() ?? [])];
    expect(values.map(({ value }) => value)).toEqual(cells.map((_, index) => index + 1001));
  });
});

describe("histograms", () => {
  test("an edge belongs to its own bucket, and buckets are cumulative up to +Inf", () => {
    const registry = createRegistry();
    const queries = registry.distribution(serviceMetrics.queryDuration, {
      db_operation_name: "product-by-id",
      mestore_query_class: "simple",
    });
    for (const seconds of [0.0001, 0.5, 0.500001, 11, Infinity, 0]) queries.observe(seconds);
    const samples = registry.collect();
    const atMost = (le: string) =>
      [...(samples.get("db_client_operation_duration_seconds_bucket")?.values() ?? [])].find(
        ({ labels }) => labels["le"] === le,
      )?.value;
    expect([atMost("0.0005"), atMost("0.4"), atMost("0.5"), atMost("0.75")]).toEqual([2, 2, 3, 4]);
    expect([atMost("10"), atMost("+Inf")]).toEqual([4, 6]);
    const [count] = samples.get("db_client_operation_duration_seconds_count")?.values() ?? [];
    expect(count?.value).toBe(6);
  });

  test("a value that is no number is no observation", () => {
    const registry = createRegistry();
    const requests = registry.distribution(serviceMetrics.requestDuration, route("/a"));
    requests.observe(Number.NaN);
    requests.observe(0.25);
    const [sum] =
      registry.collect().get("http_server_request_duration_seconds_sum")?.values() ?? [];
    expect(sum?.value).toBe(0.25);
  });

  test("every listed combination is born at 0, as for counters", () => {
    const registry = createRegistry();
    registry.distribution(serviceMetrics.cacheOperationDuration, {
      class: "product",
      operation: "get",
    });
    const samples = registry.collect();
    const counts = samples.get("mestore_cache_operation_duration_seconds_count");
    const buckets = samples.get("mestore_cache_operation_duration_seconds_bucket");
    expect(counts?.size).toBe(cacheClassNames.length * 2);
    expect(buckets?.size).toBe(cacheClassNames.length * 2 * (durationBucketsSeconds.length + 1));
  });
});

describe("labels are bounded", () => {
  const loose = (labels: Record<string, string>) => {
    const definition: MetricDefinition & { kind: "counter" } = serviceMetrics.cacheLookups;
    return () => createRegistry().cell(definition, labels);
  };

  test("a missing label throws", () => {
    expect(loose({ class: "product" })).toThrow(
      "mestore_cache_lookups_total needs the label outcome",
    );
  });

  test("an empty value throws", () => {
    expect(() => createRegistry().distribution(serviceMetrics.requestDuration, route(""))).toThrow(
      "needs the label http_route",
    );
  });

  test("a value outside the list throws", () => {
    expect(loose({ class: "product", outcome: "hits" })).toThrow('outcome has no value "hits"');
  });

  test("an unknown label throws", () => {
    expect(loose({ ...hit, user: "7" })).toThrow("has no label user");
  });

  test("a second definition of a name throws", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.tuningRevision, {});
    const other = { ...serviceMetrics.tuningRevision, help: "Something else." };
    expect(() => registry.cell(other, {})).toThrow("already defined otherwise");
  });

  test("a label without a bound is found out", () => {
    const registry = createRegistry();
    for (let id = 0; id < maxSeriesPerMetric; id++)
      registry.distribution(serviceMetrics.requestDuration, route(`/products/${id}`));
    expect(() => registry.distribution(serviceMetrics.requestDuration, route("/more"))).toThrow(
      "not bounded",
    );
    registry.distribution(serviceMetrics.requestDuration, route("/products/1")).observe(1);
  });
});

describe("readings", () => {
  test("readers run before every collection, until they are ended", () => {
    const registry = createRegistry();
    const revision = registry.cell(serviceMetrics.tuningRevision, {});
    let reads = 0;
    const end = registry.beforeCollect(() => revision.set(++reads));
    registry.collect();
    const [series] = registry.collect().get("mestore_tuning_revision")?.values() ?? [];
    expect(series?.value).toBe(2);
    end();
    registry.collect();
    expect(reads).toBe(2);
  });

  test("two captures are a window that the Indicators can be measured on", () => {
    const registry = createRegistry();
    const requests = registry.distribution(serviceMetrics.requestDuration, route("/a"));
    requests.observe(0.4);
    const before = registry.capture();
    requests.observe(0.1);
    registry.distribution(serviceMetrics.requestDuration, route("/born-later")).observe(0.2);
    const after = registry.capture();
    requests.observe(9);
    const measured = measure(
      { kind: "mean", histogram: { metric: "http_server_request_duration_seconds" } },
      { fromSeconds: 0, toSeconds: 5, first: registry.read(before), last: registry.read(after) },
    );
    expect(measured).toMatchObject({ ok: true, measurement: { samples: 2 } });
    expect(measured.ok && measured.measurement.value).toBeCloseTo(0.15, 12);
  });

  test("a capture does not know series that were born after it", () => {
    const registry = createRegistry();
    const early = registry.capture();
    registry.cell(serviceMetrics.tuningRejected, {}).add(1);
    expect(registry.read(early).size).toBe(0);
  });
});
