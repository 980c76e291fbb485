import { describe, expect, test } from "bun:test";
import { OpenAPIHono } from "@hono/zod-openapi";
import { cacheClasses, cacheClassNames } from "@mestore/contract/cache-classes";
import { serviceMetrics } from "@mestore/contract/metrics";
import { objectives } from "@mestore/contract/sla";
import { shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import { createRegistry } from "@mestore/telemetry/registry";
import { publicCorsHeaders, securityHeaders } from "../http/answer-headers.ts";
import { problemSchema } from "../http/problem.ts";
import { createHistory } from "./history.ts";
import { createPerformanceRoutes } from "./routes.ts";
import { cacheStatusSchema, complianceSchema, overviewSchema } from "./schema.ts";
import type { TuningInForce, TuningState } from "./tuning-state.ts";

const untuned: TuningState = { revision: () => 0, inForce: () => null };

const local = "127.0.0.1";

function run(tuning: TuningState = untuned, peer: string | null = local) {
  const clock = { seconds: 1_800_000_000 };
  const registry = createRegistry();
  const history = createHistory(registry, () => clock.seconds * 1000);
  const cache = {
    status: () =>
      cacheClassNames.map((name) => ({
        class: name,
        ttlSeconds: name === "product" ? 40 : cacheClasses[name].initialTtlSeconds,
        l1Entries: name === "product" ? 12 : 0,
        l1Bytes: name === "product" ? 4096 : 0,
      })),
  };
  const app = new OpenAPIHono();
  const routes = createPerformanceRoutes({ cache, history, tuning, requestIp: () => peer });
  app.route("/api/v1/performance", routes);
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.request(`/api/v1/performance${path}`, { headers });
  return { app, clock, get, registry };
}

type Running = ReturnType<typeof run>;

/** 100 s of traffic: 2,000 requests, 9,000 product look-ups, 1,000 of catalog, queries, the system. */
function live({ clock, registry }: Running): void {
  const requests = (code: string) =>
    registry.distribution(serviceMetrics.requestDuration, {
      http_request_method: "GET",
      http_route: "/api/v1/products/{idOrSlug}",
      http_response_status_code: code,
    });
  const repeat = (times: number, act: () => void) => {
    for (let time = 0; time < times; time++) act();
  };
  repeat(1990, () => requests("200").observe(0.004));
  repeat(10, () => requests("503").observe(0.8));
  const lookups = (
    cacheClass: "product" | "catalog",
    outcome: "hit" | "stale" | "negative" | "miss",
  ) => registry.cell(serviceMetrics.cacheLookups, { class: cacheClass, outcome });
  lookups("product", "hit").add(8000);
  lookups("product", "stale").add(200);
  lookups("product", "miss").add(800);
  lookups("product", "negative").add(1000);
  lookups("catalog", "hit").add(900);
  lookups("catalog", "miss").add(100);
  const layer = (name: "l1" | "l2") =>
    registry.cell(serviceMetrics.cacheLayerHits, { class: "product", layer: name });
  layer("l1").add(6000);
  layer("l2").add(2000);
  const operation = { class: "product", operation: "get" } as const;
  repeat(100, () =>
    registry.distribution(serviceMetrics.cacheOperationDuration, operation).observe(0.002),
  );
  registry.cell(serviceMetrics.cacheErrors, operation).add(3);
  for (const ttl of shadowTtlsSeconds) {
    const labels = { class: "product", ttl_seconds: String(ttl) } as const;
    registry.cell(serviceMetrics.shadowMisses, labels).add(ttl <= 8 ? 5000 : 1000);
    registry.cell(serviceMetrics.shadowStale, labels).add(0);
  }
  registry.cell(serviceMetrics.shadowLookups, { class: "product" }).add(10_000);
  registry.cell(serviceMetrics.shadowSampled, { class: "product" }).add(2500);
  registry.cell(serviceMetrics.shadowObserved, { class: "product" }).set(100);
  registry.cell(serviceMetrics.shadowFleet, { class: "product" }).set(1);
  const query = registry.distribution(serviceMetrics.queryDuration, {
    db_operation_name: "product-by-id",
    mestore_query_class: "simple",
  });
  repeat(500, () => query.observe(0.003));
  registry.cell(serviceMetrics.queryErrors, { mestore_query_class: "simple" }).add(1);
  registry.cell(serviceMetrics.activeRequests, {}).set(4);
  registry.cell(serviceMetrics.storeUp, {}).set(1);
  registry.cell(serviceMetrics.storeMemoryUsed, {}).set(1_000_000);
  registry.cell(serviceMetrics.storeMemoryLimit, {}).set(0);
  registry.cell(serviceMetrics.processCpu, {}).add(25);
  registry.cell(serviceMetrics.processMemory, {}).set(90_000_000);
  registry.cell(serviceMetrics.processStart, {}).set(clock.seconds - 5);
  registry.cell(serviceMetrics.eventLoopLag, {}).set(0.003);
  clock.seconds += 100;
}

const window = {
  from: "2027-01-15T08:00:00.000Z",
  to: "2027-01-15T08:01:40.000Z",
  seconds: 100,
};

describe("GET /sla/compliance", () => {
  test("judges every objective of the contract, in its order, on this process", async () => {
    const service = run();
    live(service);
    const answer = complianceSchema.parse(await (await service.get("/sla/compliance")).json());
    expect(answer.scope).toBe("pod");
    expect(answer.window).toEqual(window);
    expect(answer.objectives.map(({ name }) => name)).toEqual(objectives.map(({ name }) => name));
    const found = Object.fromEntries(answer.objectives.map((one) => [one.name, one]));
    expect(found["api-p95"]).toMatchObject({
      target: 0.5,
      unit: "seconds",
      verdict: "met",
      met: true,
      samples: 2000,
      minimumSamples: 400,
    });
    expect(found["availability"]).toMatchObject({
      target: 0.999,
      current: 0.995,
      verdict: "violated",
      met: false,
    });
    expect(found["cache-hit-rate"]).toMatchObject({
      current: 0.89,
      verdict: "met",
      samples: 10_000,
    });
    expect(found["cpu"]).toMatchObject({ current: 0.25, unit: "cores", verdict: "met" });
  });

  test("without traffic it is inconclusive: no current value, and met is neither true nor false", async () => {
    const service = run();
    service.clock.seconds += 60;
    const answer = complianceSchema.parse(await (await service.get("/sla/compliance")).json());
    for (const objective of answer.objectives) {
      expect(objective.verdict).toBe("inconclusive");
      expect(objective.reason).toBe("NoSamples");
      expect(objective).not.toHaveProperty("current");
      expect(objective).not.toHaveProperty("met");
    }
  });

  test("an error budget is absent and says why, and only those with a budget have one", async () => {
    const service = run();
    live(service);
    const answer = complianceSchema.parse(await (await service.get("/sla/compliance")).json());
    const budgeted = answer.objectives.filter(({ errorBudget }) => errorBudget !== undefined);
    expect(budgeted.map(({ name }) => name)).toEqual(["api-p95", "api-p99", "availability"]);
    expect(budgeted[0]?.errorBudget).toEqual({
      state: "absent",
      reason: "HistoryShorterThanPeriod",
      periodSeconds: 2_592_000,
      historySeconds: 100,
    });
  });
});

describe("GET /metrics/overview", () => {
  test("shows API, database, cache and system at a glance", async () => {
    const service = run();
    live(service);
    const answer = overviewSchema.parse(await (await service.get("/metrics/overview")).json());
    expect(answer.window).toEqual(window);
    expect(answer.api).toMatchObject({
      requests: 2000,
      requestsPerSecond: 20,
      errors: 10,
      errorRate: 0.005,
      requestsInFlight: 4,
    });
    expect(answer.api.meanMs).toBeCloseTo(7.98, 6);
    expect(answer.api.p95Ms).toBeGreaterThan(2.5);
    expect(answer.api.p95Ms).toBeLessThanOrEqual(5);
    expect(answer.database).toMatchObject({ queries: 500, queriesPerSecond: 5, errors: 1 });
    expect(answer.database.byClass.map((one) => [one.class, one.queries])).toEqual([
      ["simple", 500],
      ["complex", 0],
      ["aggregation", 0],
    ]);
    expect(answer.database.byClass[1]).not.toHaveProperty("meanMs");
    expect(answer.cache).toMatchObject({ lookups: 11_000, lookupsPerSecond: 110, hitRate: 0.89 });
    expect(answer.cache.byClass.find((one) => one.class === "catalog")).toEqual({
      class: "catalog",
      lookups: 1000,
      lookupsPerSecond: 10,
      hitRate: 0.9,
      ttlSeconds: 600,
    });
    expect(answer.cache.sharedLayer).toMatchObject({
      up: true,
      operations: 100,
      errors: 3,
      memoryUsedBytes: 1_000_000,
    });
    expect(answer.cache.sharedLayer).not.toHaveProperty("memoryLimitBytes");
    expect(answer.system).toEqual({
      cpuCores: 0.25,
      memoryBytes: 90_000_000,
      eventLoopLagMs: 3,
      uptimeSeconds: 105,
    });
  });

  test("what is in force is shown beside what the tuning document asked for", async () => {
    const inForce: TuningInForce = {
      document: {
        schemaVersion: 1,
        revision: 9,
        profile: "default/demo",
        writtenAt: "2027-01-15T07:59:00Z",
        reason: "product below 0.85",
        ttlSeconds: { product: 40, auth: 900 },
        poolSize: 7,
      },
      clamped: [{ class: "auth", askedSeconds: 900, givenSeconds: 60 }],
      unsupported: ["poolSize"],
    };
    const service = run({ revision: () => 9, inForce: () => inForce });
    service.registry.cell(serviceMetrics.tuningRejected, {}).add(2);
    const answer = overviewSchema.parse(await (await service.get("/metrics/overview")).json());
    expect(answer.tuning).toMatchObject({
      revision: 9,
      profile: "default/demo",
      reason: "product below 0.85",
      ttlSeconds: { product: 40, catalog: 600, auth: 60 },
      clamped: [{ class: "auth", askedSeconds: 900, givenSeconds: 60 }],
      unsupported: ["poolSize"],
      rejected: 2,
    });
    // Asking for a pool size is not having it.
    expect(answer.tuning).not.toHaveProperty("poolSize");
  });

  test("a process that has just begun has an overview without figures that it cannot know", async () => {
    const answer = await (await run().get("/metrics/overview")).text();
    expect(overviewSchema.parse(JSON.parse(answer)).tuning.revision).toBe(0);
    expect(answer).not.toContain("null");
  });
});

describe("GET /cache/status", () => {
  test("each class: rates, layers, operations, size, TTL in force, shadow curve", async () => {
    const service = run();
    live(service);
    const answer = cacheStatusSchema.parse(await (await service.get("/cache/status")).json());
    expect(answer.classes.map((one) => one.class)).toEqual([...cacheClassNames]);
    const product = answer.classes.find((one) => one.class === "product");
    expect(product).toMatchObject({
      ttlSeconds: 40,
      lookups: 10_000,
      lookupsPerSecond: 100,
      coalescedRate: 0,
      negativeRate: 0.1,
      layers: { l1Share: 0.75, l2Share: 0.25 },
      operations: {
        get: { operations: 100, operationsPerSecond: 1, errors: 3 },
        set: { operations: 0, errors: 0 },
      },
      l1Entries: 12,
      l1Bytes: 4096,
      shadowCurve: { scope: "fleet", lookups: 10_000, sampled: 2500 },
    });
    expect(product?.hitRate).toBeCloseTo(8 / 9, 12);
    expect(product?.staleRate).toBeCloseTo(0.2 / 9, 12);
    expect(product?.missRate).toBeCloseTo(0.8 / 9, 12);
    expect(product?.operations.get.meanMs).toBeCloseTo(2, 9);
    expect(product?.shadowCurve?.points.slice(3, 7)).toEqual([
      { ttlSeconds: 8, hitRate: 0.5, staleRate: 0, valid: true },
      { ttlSeconds: 16, hitRate: 0.9, staleRate: 0, valid: true },
      { ttlSeconds: 32, hitRate: 0.9, staleRate: 0, valid: true },
      { ttlSeconds: 64, hitRate: 0.9, staleRate: 0, valid: false },
    ]);
  });

  test("a class that nobody asked has no rates and no curve", async () => {
    const service = run();
    live(service);
    const answer = cacheStatusSchema.parse(await (await service.get("/cache/status")).json());
    const search = answer.classes.find((one) => one.class === "search");
    expect(search).toMatchObject({ lookups: 0, ttlSeconds: 300, layers: {} });
    for (const figure of ["hitRate", "missRate", "negativeRate", "shadowCurve"])
      expect(search).not.toHaveProperty(figure);
  });
});

const paths = ["/sla/compliance", "/metrics/overview", "/cache/status"] as const;

describe("every route", () => {
  for (const path of paths) {
    test(`${path} is never stored by a cache`, async () => {
      const answer = await run().get(path);
      expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
      expect(answer.headers.get("content-type")).toContain("application/json");
    });

    test(`${path} has the security headers and is for no other origin, whatever it answers`, async () => {
      for (const answer of [
        await run().get(path),
        await run().get(`${path}?window=60`),
        await run(untuned, "10.1.2.3").get(path),
      ]) {
        expect(Object.fromEntries(answer.headers)).toMatchObject(securityHeaders);
        for (const name of Object.keys(publicCorsHeaders))
          expect(answer.headers.has(name)).toBe(false);
      }
    });

    test(`${path} answers only this machine`, async () => {
      for (const peer of ["10.1.2.3", null]) {
        const answer = await run(untuned, peer).get(path);
        expect([answer.status, answer.headers.get("content-type")]).toEqual([
          403,
          "application/problem+json",
        ]);
        expect(answer.headers.get("cache-control")).toBe("no-store");
        expect(problemSchema.parse(await answer.json())).toMatchObject({
          status: 403,
          code: "LOCAL_ONLY",
        });
      }
      const forwarded = await run().get(path, { "x-forwarded-for": "10.1.2.3" });
      expect(forwarded.status).toBe(403);
    });

    test(`${path} refuses unknown query keys by name`, async () => {
      const answer = await run().get(`${path}?window=60`);
      expect(answer.status).toBe(400);
      expect(problemSchema.parse(await answer.json())).toMatchObject({
        code: "VALIDATION_FAILED",
        errors: [{ in: "query", name: "window", message: "unknown parameter" }],
      });
    });
  }

  test("stands in the OpenAPI document of the application that mounts it", () => {
    const document = run().app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: "MeStore", version: "0" },
    });
    expect(Object.keys(document.paths ?? {})).toEqual(
      paths.map((path) => `/api/v1/performance${path}`),
    );
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(
      expect.arrayContaining(["SlaCompliance", "PerformanceOverview", "CacheStatus", "Problem"]),
    );
    expect(Object.keys(document.components?.schemas ?? {})).not.toContain("PerformanceProblem");
  });
});
