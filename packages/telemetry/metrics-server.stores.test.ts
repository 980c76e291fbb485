import { afterEach, describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger } from "./logger.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { createRegistry } from "./registry.ts";

const servers: MetricsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

function serve(registry = createRegistry(), write: (line: string) => void = () => {}) {
  const logger = createLogger({ name: "test", level: "info", write });
  const server = serveMetrics({ registry, port: 0, hostname: "127.0.0.1", logger });
  servers.push(server);
  return server;
}

describe("metrics server", () => {
  test("answers /metrics in the text format with the figures of this moment", async () => {
    const registry = createRegistry();
    const rejected = registry.cell(serviceMetrics.tuningRejected, {});
    const { url } = serve(registry);
    rejected.add(1);
    const first = await fetch(url);
    expect(first.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await first.text()).toContain("mestore_tuning_rejected_total 1\n");
    rejected.add(1);
    expect(await (await fetch(url)).text()).toContain("mestore_tuning_rejected_total 2\n");
  });

  test("answers nothing else", async () => {
    const { url } = serve();
    const origin = new URL(url).origin;
    for (const path of ["/", "/metrics/", "/products", "/livez"])
      expect((await fetch(origin + path)).status).toBe(404);
    const posted = await fetch(url, { method: "POST", body: "x" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("a probe answers as it is at this moment", async () => {
    let ready = false;
    const server = serveMetrics({
      ...{ registry: createRegistry(), port: 0, hostname: "127.0.0.1" },
      probes: { "/readyz": () => ready },
    });
    servers.push(server);
    const probe = new URL("/readyz", server.url);
    expect((await fetch(probe)).status).toBe(503);
    ready = true;
    expect((await fetch(probe)).status).toBe(200);
  });

  test("a collection that throws is a 500 and a log line, and no end of the server", async () => {
    const registry = createRegistry();
    const lines: string[] = [];
    let broken = true;
    registry.beforeCollect(() => {
      if (broken) throw new Error("the store is away");
    });
    const { url } = serve(registry, (line) => lines.push(line));
    expect((await fetch(url)).status).toBe(500);
    expect(lines.join("")).toContain("the store is away");
    broken = false;
    expect((await fetch(url)).status).toBe(200);
  });

  test("a taken port is an error at start", () => {
    const { port } = serve();
    expect(() =>
      serveMetrics({ registry: createRegistry(), port, hostname: "127.0.0.1" }),
    ).toThrow();
  });
});
