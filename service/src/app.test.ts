import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { createApp } from "./app.ts";
import { createPageCache } from "./cache/index.ts";
import type { Database } from "./database/database.ts";
import { DatabaseUnavailableError } from "./database/fault.ts";
import { formatApi } from "./http/openapi-routes.ts";
import { createHistory } from "./performance/index.ts";
import { untuned } from "./tuning/index.ts";

/** The app without stores: for what it decides before it asks one, and for what it makes of a failure. */
function createBed(query: Database["query"]) {
  const lines: string[] = [];
  const logger = createLogger({ name: "test", level: "debug", write: (line) => lines.push(line) });
  const registry = createRegistry();
  const monotonic = () => 5000;
  const app = createApp({
    cache: createPageCache({ store: null, registry, logger, l1Bytes: 1e6, monotonic }),
    database: { query, isReachable: () => true, close: async () => {} },
    history: createHistory(registry, () => Date.UTC(2026, 0, 1)),
    tuning: untuned,
    requestIp: () => "203.0.113.9",
    readiness: { report: () => Promise.reject(new Error("nobody asks")) },
    registry,
    logger,
    monotonicMs: monotonic,
  });
  return { app, registry, lines };
}

const unasked = createBed(() => Promise.reject(new Error("a store was asked")));

describe("a request that is refused before any store is asked", () => {
  test.each([
    ["/api/v1/products?limit=1000", 400, "VALIDATION_FAILED"],
    ["/api/v1/products?limit=1&limit=2", 400, "VALIDATION_FAILED"],
    ["/api/v1/products?cursor=abc", 400, "INVALID_CURSOR"],
    ["/api/v1/products/UPPER", 400, "VALIDATION_FAILED"],
    ["/api/v1/categories?depth=2", 400, "VALIDATION_FAILED"],
    ["/api/v1/vendors?limit=0", 400, "VALIDATION_FAILED"],
    ["/api/v1/orders", 404, "ROUTE_NOT_FOUND"],
    ["/", 404, "ROUTE_NOT_FOUND"],
  ])("%s", async (path, status, code) => {
    const response = await unasked.app.request(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await response.json()).toMatchObject({ type: "about:blank", status, code });
  });

  test("names each parameter and what is wrong with it", async () => {
    const response = await unasked.app.request("/api/v1/vendors?limit=x&sort=a&limit=3");
    expect(await response.json()).toMatchObject({
      errors: [
        { in: "query", name: "limit", message: "given twice" },
        { in: "query", name: "sort", message: "unknown parameter" },
      ],
    });
  });

  test("by its method says which there are", async () => {
    const response = await unasked.app.request("/api/v1/products/42", { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });
});

test("a process that lives says so without any store", async () => {
  const response = await unasked.app.request("/livez");
  expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
});

test("the performance API stays on this machine", async () => {
  const response = await unasked.app.request("/api/v1/performance/sla/compliance");
  expect(response.status).toBe(403);
});

test("docs/openapi.json is what the routes say; if not: bun service/src/main.ts openapi > docs/openapi.json && bun fmt docs/openapi.json", async () => {
  const committed = await Bun.file(join(import.meta.dir, "../../docs/openapi.json")).text();
  // Of the layout nothing, of the order of members everything.
  const indented = JSON.stringify(JSON.parse(committed), null, 2);
  expect(`${indented}\n`).toBe(formatApi(unasked.app));
});

describe("a request that fails", () => {
  test("by a fault of ours is a 500 that tells nothing but its id, under which the log tells all", async () => {
    const { app, lines } = createBed(() => Promise.reject(new Error("column secrets is missing")));
    const response = await app.request("/api/v1/products/42");
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secrets");
    const { code, requestId } = JSON.parse(text) as { code: string; requestId: string };
    expect(code).toBe("INTERNAL_ERROR");
    const line = lines.find((one) => one.includes("request failed")) ?? "{}";
    expect(JSON.parse(line)).toMatchObject({
      level: "error",
      requestId,
      path: "/api/v1/products/42",
      err: { message: "column secrets is missing" },
    });
  });

  test("for want of a database is a 503 that says when to ask again, and no error of the log", async () => {
    const { app, lines } = createBed(() => Promise.reject(new DatabaseUnavailableError("refused")));
    const response = await app.request("/api/v1/categories");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await response.json()).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});

test("requests are counted by route, method and status; paths that are no route are not", async () => {
  const { app, registry } = createBed(() => Promise.resolve([]));
  for (const [path, method] of [
    ["/api/v1/products", "GET"],
    ["/api/v1/products", "HEAD"],
    ["/api/v1/products?page=1", "GET"],
    ["/api/v1/products/7", "PROPFIND"],
    ["/api/v1/wp-login.php", "GET"],
    ["/api/v1/performance/sla/compliance", "GET"],
    ["/livez", "GET"],
  ])
    await app.request(path ?? "", { method: method ?? "GET" });
  const series = registry.collect().get(`${serviceMetrics.requestDuration.name}_count`);
  const counted = [...(series?.values() ?? [])].map(({ labels, value }) =>
    [
      labels["http_request_method"],
      labels["http_route"],
      labels["http_response_status_code"],
      value,
    ].join(" "),
  );
  expect(new Set(counted)).toEqual(
    new Set([
      "GET /api/v1/products 200 1",
      "GET /api/v1/products 400 1",
      "HEAD /api/v1/products 200 1",
      "_OTHER /api/v1/products/:idOrSlug 405 1",
    ]),
  );
});
