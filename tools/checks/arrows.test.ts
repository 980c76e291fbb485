import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { arrows } from "./rooms.ts";
import { parseSource } from "./source.ts";
import { checkSources, listSources, loadSources } from "./tree.ts";
import { formatViolation } from "./violation.ts";

const root = join(import.meta.dir, "../..");

/** What the rules say of one file, without its name. */
function complaints(path: string, text: string): string[] {
  return checkSources([parseSource(path, text)]).map(({ message }) => message);
}

test("the tree keeps every rule", async () => {
  const sources = await loadSources(root, await listSources(root));
  expect(sources.length).toBeGreaterThan(100);
  expect(checkSources(sources).map(formatViolation)).toEqual([]);
});

describe("arrows that the architecture draws", () => {
  test.each([
    ["service/src/main.ts", "./catalog/index.ts"],
    ["service/src/main.ts", "@mestore/telemetry/logger"],
    ["operator/src/main.ts", "@mestore/laws/timing"],
    ["service/src/app.ts", "./ordering/index.ts"],
    ["service/src/app.ts", "./performance/index.ts"],
    ["service/src/reviews/routes.ts", "../ordering/index.ts"],
    ["service/src/reviews/routes.ts", "../accounts/index.ts"],
    ["service/src/vendors/routes.ts", "../catalog/index.ts"],
    ["service/src/search/routes.ts", "../catalog/index.ts"],
    ["service/src/catalog/routes.ts", "../cache/index.ts"],
    ["service/src/catalog/repository.ts", "../database/pool.ts"],
    ["service/src/catalog/routes.ts", "./repository.ts"],
    ["service/src/performance/routes.ts", "@mestore/laws/observation"],
    ["service/src/performance/routes.ts", "../search/index.ts"],
    ["service/src/http/etag.ts", "../cache/index.ts"],
    ["service/src/events/outbox.ts", "../database/pool.ts"],
    ["service/src/tuning/watch.ts", "@mestore/contract/tuning-document"],
    ["operator/src/control/loop.ts", "../profile/plan.ts"],
    ["operator/src/control/loop.ts", "@mestore/laws/ttl"],
    ["operator/src/kube/lease.ts", "../control/ports.ts"],
    ["operator/src/profile/plan.ts", "@mestore/contract/performance-profile"],
    ["packages/simulator/run.ts", "@mestore/laws/ttl"],
    ["packages/laws/ttl.ts", "@mestore/contract/sla"],
    ["packages/contract/sla.ts", "zod"],
    ["packages/telemetry/registry.ts", "@mestore/contract/metrics"],
    ["dashboards/sla.ts", "@mestore/contract/sla"],
    ["loadtest/traffic.ts", "@mestore/contract/sla"],
    ["bench/cache.ts", "@mestore/service/cache/index"],
    ["bench/cache.ts", "@mestore/demo/catalogue"],
    ["tools/stack/postgres.ts", "@mestore/service/database/migrations"],
    ["tools/commands/bench.ts", "@mestore/bench/cache"],
    ["service/src/catalog/catalog.test.ts", "../vendors/routes.ts"],
    ["service/src/cache/cache.stores.test.ts", "@mestore/tools/stack/test-stores"],
    ["operator/src/kube/lease.cluster.test.ts", "@mestore/tools/cluster/test-cluster"],
    ["operator/src/metrics-source/a.rules.test.ts", "@mestore/tools/pins/tool"],
    ["service/test/faults.stores.test.ts", "../src/main.ts"],
    ["packages/laws/ttl.test.ts", "fast-check"],
    ["operator/test/model-service.ts", "@mestore/contract/metrics"],
    ["operator/test/loop.test.ts", "@mestore/laws/timing"],
    ["operator/test/loop.test.ts", "../src/control/loop.ts"],
    ["service/test/app.fixture.ts", "@mestore/telemetry/registry"],
    ["operator/src/control/sources.contract.ts", "../file/profiles.ts"],
  ])("%s imports %s", (path, specifier) => {
    expect(complaints(path, `import type { A } from "${specifier}";`)).toEqual([]);
  });
});

describe("arrows that it does not draw", () => {
  test.each([
    ["service/src/main.ts", "@mestore/operator/control/ports", "never import each other"],
    ["operator/src/control/loop.ts", "@mestore/service/config", "never import each other"],
    ["service/src/app.ts", "../../operator/src/config.ts", "never import each other"],
    ["packages/contract/sla.ts", "@mestore/laws/ttl", "contract may import nothing"],
    ["packages/contract/sla.ts", "lru-cache", "only zod"],
    ["packages/laws/ttl.ts", "zod", "imports nothing from outside"],
    ["packages/laws/ttl.ts", "@mestore/telemetry/logger", "laws may import contract"],
    ["packages/telemetry/registry.ts", "@mestore/laws/ttl", "telemetry may import contract"],
    ["packages/simulator/run.ts", "@mestore/operator/control/ports", "laws, contract"],
    ["loadtest/traffic.ts", "@mestore/laws/ttl", "loadtest may import contract"],
    ["demo/seed.ts", "@mestore/service/database/pool", "demo may import contract"],
    ["dashboards/sla.ts", "../packages/laws/ttl.ts", "dashboards may import contract"],
    ["bench/cache.ts", "@mestore/operator/config", "bench may import"],
    ["bench/cache.ts", "@mestore/tools/stack/postgres", "nobody imports tools"],
    ["service/src/catalog/routes.ts", "@mestore/tools/stack/wait-for", "nobody imports tools"],
    ["service/src/performance/jobs.ts", "@mestore/bench/cache", "nobody imports tools, bench"],
    ["service/src/app.ts", "./main.ts", "nobody imports tools, bench or a main"],
    ["tools/commands/up.ts", "@mestore/service/main", "or a main"],
    ["service/src/app.ts", "./database/pool.ts", "service/app may import"],
    ["service/src/catalog/routes.ts", "../config.ts", "service/catalog may import"],
    ["service/src/catalog/routes.ts", "../ordering/index.ts", "service/catalog may import"],
    ["service/src/accounts/routes.ts", "../catalog/index.ts", "service/accounts may import"],
    ["service/src/search/index.ts", "../vendors/index.ts", "service/search may import"],
    ["service/src/catalog/routes.ts", "../search/index.ts", "service/catalog may import"],
    ["service/src/vendors/routes.ts", "../catalog/repository.ts", "service/catalog/index"],
    ["service/src/performance/api.ts", "../search/repository.ts", "service/search/index"],
    ["service/src/performance/api.ts", "../catalog/index.ts", "service/performance may import"],
    ["service/src/cache/cache.ts", "../catalog/index.ts", "service/cache may import"],
    ["service/src/http/etag.ts", "../catalog/index.ts", "service/http may import"],
    ["service/src/database/pool.ts", "../catalog/index.ts", "service/database may import"],
    ["service/src/events/outbox.ts", "../catalog/index.ts", "service/events may import"],
    ["service/src/tuning/watch.ts", "../cache/index.ts", "service/tuning may import"],
    ["service/src/cache/cache.ts", "../http/etag.ts", "service/cache may import"],
    ["operator/src/kube/lease.ts", "../control/reconcile.ts", "operator/control/ports"],
    ["operator/src/file/status.ts", "../profile/plan.ts", "operator/file may import"],
    ["operator/src/metrics-source/scrape.ts", "../control/clock.ts", "operator/control/ports"],
    ["operator/src/control/loop.ts", "../kube/lease.ts", "operator/control may import"],
    ["operator/src/profile/plan.ts", "@mestore/laws/ttl", "operator/profile may import"],
    ["packages/laws/ttl.ts", "./ttl.test.ts", "only tests import test code"],
    ["service/src/app.ts", "../test/process.ts", "only tests import test code"],
    ["service/src/catalog/a.stores.test.ts", "@mestore/tools/commands/up", "nobody imports tools"],
    ["service/src/catalog/a.stores.test.ts", "@mestore/operator/config", "never import each other"],
    ["packages/laws/ttl.ts", "../../mestore.ts", "outside every package"],
    ["packages/laws/ttl.test.ts", "@mestore/telemetry/logger", "a test may import"],
    ["service/test/start.ts", "@mestore/operator/config", "never import each other"],
    ["service/test/start.ts", "@mestore/demo/catalogue", "a test may import"],
    ["demo/seed.stores.test.ts", "@mestore/service/database/pool", "a test may import"],
  ])("%s imports %s", (path, specifier, rule) => {
    const [complaint, ...more] = complaints(path, `\nimport type { A } from "${specifier}";`);
    expect(complaint).toContain(rule);
    expect(more).toEqual([]);
  });

  test("a complaint names the line and both ends", () => {
    const file = parseSource("service/src/http/etag.ts", '\n\nimport "../catalog/index.ts";\n');
    expect(checkSources([file]).map(formatViolation)).toEqual([
      "service/src/http/etag.ts:3: service/http imports service/catalog/index: " +
        "service/http may import service/cache, contract, telemetry",
    ]);
  });

  test("an import that is computed is followed by nobody, but tools may", () => {
    const text = "export const load = (name: string) => import(name);";
    expect(complaints("service/src/app.ts", text)[0]).toContain("computed at run time");
    expect(complaints("tools/cli.ts", text)).toEqual([]);
  });

  test("a room that nobody has drawn", () => {
    expect(complaints("service/src/plugins/index.ts", "")).toEqual([
      "service/plugins is no room of the architecture",
    ]);
    expect(complaints("operator/src/webhooks/index.ts", "")).toHaveLength(1);
  });

  test("every arrow points at a room that has arrows itself", () => {
    for (const arrow of Object.values(arrows).flat()) {
      if (arrow.endsWith("*")) continue;
      expect(Object.keys(arrows)).toContain(arrow.split(":")[0] ?? "");
    }
  });
});
