import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cacheClassNames, cacheOutcomes } from "@mestore/contract/cache-classes";
import { operatorMetrics, queryClasses, serviceMetrics } from "@mestore/contract/metrics";
import { createServiceRules } from "@mestore/dashboards/rules";
import { createSlaDashboard } from "@mestore/dashboards/sla-dashboard";
import { type MetricsServer, serveMetrics } from "@mestore/telemetry/metrics-server";
import { observeProcess } from "@mestore/telemetry/process-metrics";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import { stringify } from "yaml";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { startPrometheus, type TestPrometheus } from "../stack/test-prometheus.ts";
import { waitFor } from "../stack/wait-for.ts";
import { formatReleaseRules, testPod, testRelease } from "./rules.fixture.ts";

/**
 * The expositions are those of the service and the operator: the instruments, the contract and the
 * server are theirs. What they count is made up here, a little more at every scrape.
 */
let prometheus: TestPrometheus;
const servers: MetricsServer[] = [];

const pods = [testPod, "mestore-5d4f8c7b9-fghij"];

beforeAll(async () => {
  const directory = join((await openGuardedRoom()).directory, "dashboard");
  mkdirSync(directory, { recursive: true });
  const rules = join(directory, "mestore.rules.yaml");
  writeFileSync(
    rules,
    formatReleaseRules(createServiceRules()).replaceAll("interval: 2m", "interval: 1s"),
  );
  const targets = pods.map((pod) => ({ pod, server: serve(fillService) }));
  const operator = { pod: "operator-7c9d8b6f5d-abcde", server: serve(fillOperator) };
  prometheus = await startPrometheus({
    config: stringify({
      global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "1s" },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: "pods",
          static_configs: [...targets, operator].map(({ pod, server }) => ({
            targets: [`127.0.0.1:${server.port}`],
            labels: { namespace: testRelease.namespace, pod },
          })),
        },
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await prometheus.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

function serve(fill: (registry: Registry) => () => void): MetricsServer {
  const registry = createRegistry();
  observeProcess(registry, () => Date.now());
  registry.beforeCollect(fill(registry));
  const server = serveMetrics({ registry, port: 0, hostname: "127.0.0.1" });
  servers.push(server);
  return server;
}

/** Ten requests a scrape, one of a hundred bad; some of everything that comes with them. */
function fillService(registry: Registry): () => void {
  const request = (http_response_status_code: string) =>
    registry.distribution(serviceMetrics.requestDuration, {
      http_request_method: "GET",
      http_route: "/api/v1/products/{idOrSlug}",
      http_response_status_code,
    });
  const [good, bad] = [request("200"), request("500")];
  const queries = queryClasses.map((mestore_query_class) =>
    registry.distribution(serviceMetrics.queryDuration, {
      db_operation_name: "product_by_id",
      mestore_query_class,
    }),
  );
  const operations = (["get", "set"] as const).map((operation) =>
    registry.distribution(serviceMetrics.cacheOperationDuration, { class: "product", operation }),
  );
  const lookups = cacheOutcomes.map((outcome) =>
    registry.cell(serviceMetrics.cacheLookups, { class: "product", outcome }),
  );
  for (const name of cacheClassNames)
    registry.cell(serviceMetrics.cacheTtl, { class: name }).set(60);
  registry.cell(serviceMetrics.tuningRevision, {}).set(3);
  return () => {
    for (let count = 0; count < 99; count += 1) good.observe(0.02);
    bad.observe(2);
    for (const one of [...queries, ...operations]) one.observe(0.004);
    for (const one of lookups) one.add(20);
  };
}

function fillOperator(registry: Registry): () => void {
  const decided = registry.cell(operatorMetrics.decisions, { knob: "ttl", verdict: "applied" });
  registry.cell(operatorMetrics.leader, {}).set(1);
  return () => decided.add(1);
}

interface Vector {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** What Grafana would send, for the pods of all names. */
function fillIn(expression: string): string {
  return expression
    .replaceAll("$__rate_interval", "5s")
    .replaceAll("$namespace", testRelease.namespace)
    .replaceAll("$pod", ".*");
}

async function ask(expression: string): Promise<readonly number[]> {
  const url = `${prometheus.url}/api/v1/query?query=${encodeURIComponent(fillIn(expression))}`;
  const { status, error, data } = (await (await fetch(url)).json()) as Vector;
  if (status !== "success") throw new Error(`${expression}: ${error}`);
  return (data?.result ?? []).map(({ value: [, text] }) => Number(text));
}

const panels = (createSlaDashboard().panels ?? []) as unknown as readonly {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}[];

describe("every query of the dashboard gives numbers", () => {
  for (const { title, targets } of panels)
    test(
      title,
      async () => {
        for (const { expr } of targets) {
          const values = await waitFor(
            async () => {
              const found = await ask(expr);
              return found.length > 0 && found.every(Number.isFinite) ? found : null;
            },
            { what: `data for ${expr}`, timeoutMs: 20_000, intervalMs: 200 },
          );
          expect(values.every((value) => value >= 0)).toBe(true);
        }
      },
      30_000,
    );
});

test("what they give is what was counted", async () => {
  const near = async (title: string) => {
    const [target] = panels.find((panel) => panel.title === title)?.targets ?? [];
    const [value] = await ask(target?.expr ?? "");
    return Number(value?.toFixed(2));
  };
  expect(await near("Availability")).toBe(0.99);
  expect(await near("Error rate")).toBe(0.01);
  expect(await near("Cache, fresh hits of all pages")).toBe(0.25);
  expect(
    await ask(panels.find(({ title }) => title === "Tuning revision")?.targets[0]?.expr ?? ""),
  ).toEqual(pods.map(() => 3));
});

test("every recording rule and alert is evaluated without an error", async () => {
  const groups = await waitFor(
    async () => {
      const response = await fetch(`${prometheus.url}/api/v1/rules`);
      const { data } = (await response.json()) as {
        data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
      };
      const rules = data.groups.flatMap((group) => group.rules);
      return rules.length > 0 && rules.every(({ health }) => health !== "unknown") ? rules : null;
    },
    { what: "the first evaluation", timeoutMs: 20_000, intervalMs: 200 },
  );
  expect(groups.filter(({ health }) => health !== "ok")).toEqual([]);
}, 30_000);
