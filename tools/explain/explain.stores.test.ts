import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger } from "@mestore/telemetry/logger";
import { serveMetrics } from "@mestore/telemetry/metrics-server";
import { createRegistry } from "@mestore/telemetry/registry";

/** The figures of a service whose product pages live 5 s, on a metrics port of its own. */
function serveFigures() {
  const registry = createRegistry();
  registry.cell(serviceMetrics.cacheTtl, { class: "product" }).set(5);
  const lookups = registry.cell(serviceMetrics.cacheLookups, { class: "product", outcome: "hit" });
  registry.beforeCollect(() => {
    lookups.add(100);
    registry.cell(serviceMetrics.collectedAt, {}).set(Date.now() / 1000);
  });
  const logger = createLogger({ name: "figures", level: "fatal" });
  return serveMetrics({ registry, port: 0, hostname: "127.0.0.1", logger });
}

const server = serveFigures();
const home = mkdtempSync(join(tmpdir(), "mestore-explain-"));
afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true });
});

const root = join(import.meta.dir, "../..");

async function explain(...args: string[]) {
  const child = Bun.spawn([process.execPath, join(root, "tools/cli.ts"), "explain", ...args], {
    cwd: home,
    env: { ...process.env, MESTORE_HOME: join(home, "state") },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { output, errors, exitCode };
}

const example = join(root, "docs/examples/demo-profile.yaml");

describe("explain", () => {
  test("observes, decides, gives reasons, and writes nothing", async () => {
    const { output, errors, exitCode } = await explain(
      ...["-f", example, "--metrics", server.url, "--seconds", "1", "--json"],
    );
    expect({ exitCode, errors }).toMatchObject({ exitCode: 0 });
    expect(errors).toContain("watching");
    expect(JSON.parse(output)).toMatchObject({
      profiles: [
        {
          profile: "shop/storefront",
          observation: { ok: true, ttlInForce: { product: 5 } },
          decisions: [{ knob: "ttl/product", from: 5 }],
        },
      ],
    });
    expect(readdirSync(home)).toEqual([]);
  });

  test("says why it holds when the metrics cannot be read", async () => {
    const { output, exitCode } = await explain(
      ...["-f", example, "--metrics", "http://127.0.0.1:1/metrics", "--seconds", "1"],
    );
    expect(output).toContain("No move: MetricsUnreachable");
    expect(exitCode).toBe(1);
  });

  test("prints the faults of a profile with their paths", async () => {
    writeFileSync(join(home, "shop.yaml"), "apiVersion: mestore.dev/v1alpha1\nkind: Profile\n");
    const { errors, exitCode } = await explain("-f", "shop.yaml", "--metrics", server.url);
    expect(errors).toContain("shop.yaml, shop: kind:");
    expect(errors).toContain("metadata");
    expect(exitCode).toBe(1);
    rmSync(join(home, "shop.yaml"));
  });

  test("says what to do when nothing runs, and when there is no file", async () => {
    const idle = await explain("-f", example);
    expect(idle.errors).toContain("./mestore up");
    expect(idle.exitCode).toBe(1);
    const absent = await explain("-f", "nowhere.yaml", "--metrics", server.url);
    expect(absent.errors).toContain("nowhere.yaml");
    expect(absent.exitCode).toBe(1);
    expect(existsSync(join(home, "state"))).toBe(false);
  });

  test.each([[[]], [["-f", example, "--seconds", "0"]], [["-f", example, "--metrics", "shop"]]])(
    "wrong usage %j ends with 2",
    async (args: string[]) => {
      expect((await explain(...args)).exitCode).toBe(2);
    },
  );
});
