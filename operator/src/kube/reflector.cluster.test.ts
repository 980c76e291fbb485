import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import { startCluster, type TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  createTestLogger,
  openTransport,
  openWire,
  realTime,
  type Wire,
} from "./cluster.fixture.ts";
import type { KubeObject } from "./objects.ts";
import {
  createReflector,
  type Reflector,
  type ReflectorTiming,
  reflectorTiming,
} from "./reflector.ts";
import { configMaps } from "./resources.ts";

/** List and watch on a real API server that is killed, stopped, cut off and made to forget. */

interface Note extends KubeObject {
  readonly text: string;
}

let cluster: TestCluster;
let namespace: string;
beforeAll(async () => {
  // Without the watch cache a version from before a compaction is told 410 at once.
  cluster = await startCluster({ controllers: false, watchCache: false });
  namespace = await cluster.createNamespace();
}, 60_000);
afterAll(() => cluster.stop());

interface Bench {
  readonly reflector: Reflector<Note>;
  readonly told: string[];
  readonly lines: readonly string[];
  readonly restarts: (reason: string) => number;
}

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function openReflector(
  where: string,
  kubeconfig: string,
  timing: Partial<ReflectorTiming> = {},
): Promise<Bench> {
  const registry: Registry = createRegistry();
  const { logger, lines } = createTestLogger();
  const told: string[] = [];
  const reflector = createReflector<Note>({
    transport: await openTransport(kubeconfig, registry),
    resource: configMaps,
    namespace: where,
    labelSelector: "kind=note",
    project: (object) => ({
      metadata: object.metadata,
      text: (object as KubeObject & { data?: Record<string, string> }).data?.["text"] ?? "",
    }),
    ...{ time: realTime, registry, logger },
    timing: { ...reflectorTiming, ...timing },
  });
  reflector.onChange(({ key, before, after }) =>
    told.push(`${key.split("/")[1]}: ${before?.text ?? "-"} > ${after?.text ?? "-"}`),
  );
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  closing.push(async () => {
    stop.abort();
    await running;
  });
  await reflector.whenSynced;
  const restarts = (reason: string) =>
    [...(registry.collect().get(operatorMetrics.watchRestarts.name)?.values() ?? [])].find(
      ({ labels }) => labels["reason"] === reason,
    )?.value ?? 0;
  return { reflector, told, lines, restarts };
}

async function openWireTo(own: TestCluster): Promise<Wire> {
  const wire = await openWire(own.kubeconfig);
  closing.push(wire.close);
  return wire;
}

const pathOf = (name: string, where = namespace) => configMaps.objectPath(where, name);
const write = (name: string, text: string, where = namespace) =>
  cluster.request(
    "PATCH",
    `${pathOf(name, where)}?fieldManager=test&force=true`,
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, labels: { kind: "note" } },
      data: { text },
    },
    { contentType: "application/apply-patch+yaml" },
  );
const remove = (name: string) => cluster.request("DELETE", pathOf(name));
const shows = ({ reflector }: Bench, name: string, text: string | null, timeoutMs = 10_000) =>
  waitFor(() => (reflector.get(`${namespace}/${name}`)?.text ?? null) === text, {
    what: `${name} to be ${text}`,
    timeoutMs,
  });

describe("a watch", () => {
  test("tells what is there, what changes and what goes", async () => {
    await write("told", "one");
    const bench = await openReflector(namespace, cluster.kubeconfig);
    expect(bench.told).toEqual(["told: - > one"]);
    await write("told", "two");
    await shows(bench, "told", "two");
    await remove("told");
    await shows(bench, "told", null);
    expect(bench.told).toEqual(["told: - > one", "told: one > two", "told: two > -"]);
  });

  test("reads a long collection page by page", async () => {
    const where = await cluster.createNamespace();
    const names = Array.from({ length: 501 }, (_, index) => `n-${index}`);
    while (names.length > 0)
      await Promise.all(names.splice(0, 50).map((name) => write(name, "x", where)));
    const since = new Date();
    const { reflector } = await openReflector(where, cluster.kubeconfig);
    expect([...reflector.values()]).toHaveLength(501);
    const lists = (await cluster.auditEvents({ since })).filter(
      ({ verb, requestURI }) => verb === "list" && requestURI.includes(where),
    );
    expect(lists).toHaveLength(2);
    expect(lists[1]?.requestURI).toContain("continue=");
  }, 30_000);

  test("that the server ends is opened from where it was, without another list", async () => {
    const since = new Date();
    const bench = await openReflector(namespace, cluster.kubeconfig, {
      watchSeconds: { least: 1.5, most: 1.5 },
    });
    await waitFor(() => bench.restarts("ended") >= 1);
    await write("again", "one");
    await shows(bench, "again", "one");
    const lists = (await cluster.auditEvents({ since })).filter(
      ({ verb, requestURI }) => verb === "list" && requestURI.includes(namespace),
    );
    expect(lists).toHaveLength(1);
    expect(bench.restarts("failed")).toBe(0);
  });

  test("lists again when its time has come, and tells only what differs", async () => {
    await write("still", "one");
    const since = new Date();
    const bench = await openReflector(namespace, cluster.kubeconfig, { relistSeconds: 1 });
    const told = [...bench.told];
    const lists = async () =>
      (await cluster.auditEvents({ since })).filter(
        ({ verb, requestURI }) => verb === "list" && requestURI.includes(namespace),
      ).length;
    await waitFor(async () => (await lists()) >= 3);
    expect(bench.told).toEqual(told);
  });
});

describe("a network that fails", () => {
  test("a silent watch is opened anew, and nothing is missed", async () => {
    const wire = await openWireTo(cluster);
    const bench = await openReflector(namespace, wire.kubeconfig, { silentSeconds: 0.5 });
    await write("silent", "one");
    await shows(bench, "silent", "one");
    wire.swallow();
    await write("silent", "two");
    await waitFor(() => bench.restarts("silent") >= 1);
    wire.mend();
    await shows(bench, "silent", "two", 20_000);
  }, 30_000);

  test("cut connections are no end: what was written meanwhile comes", async () => {
    const wire = await openWireTo(cluster);
    const bench = await openReflector(namespace, wire.kubeconfig);
    wire.cut();
    await write("cut", "one");
    await waitFor(() => bench.restarts("failed") >= 1);
    wire.mend();
    await shows(bench, "cut", "one", 20_000);
  }, 30_000);

  test("a version that was compacted away (410): the list is read again", async () => {
    const wire = await openWireTo(cluster);
    await write("kept", "one");
    await write("gone", "one");
    const bench = await openReflector(namespace, wire.kubeconfig);
    wire.cut();
    await write("kept", "two");
    await remove("gone");
    await cluster.compactEtcd();
    await waitFor(() => bench.restarts("failed") >= 1);
    wire.mend();
    await shows(bench, "kept", "two", 20_000);
    await shows(bench, "gone", null);
    expect(bench.restarts("expired")).toBe(1);
  }, 30_000);
});

describe("a server that fails", () => {
  test("stopped (SIGSTOP): silence is noticed, and all is caught up", async () => {
    const bench = await openReflector(namespace, cluster.kubeconfig, { silentSeconds: 0.5 });
    // Only a watch that is open can fall silent.
    await write("stopped", "none");
    await shows(bench, "stopped", "none");
    await cluster.processes.apiserver.kill("SIGSTOP");
    try {
      await waitFor(() => bench.restarts("silent") >= 1);
    } finally {
      await cluster.processes.apiserver.kill("SIGCONT");
    }
    await write("stopped", "one");
    await shows(bench, "stopped", "one", 30_000);
  }, 45_000);

  test("killed and started again: what is known stays known, and all is caught up", async () => {
    await write("killed", "one");
    const bench = await openReflector(namespace, cluster.kubeconfig);
    await cluster.processes.apiserver.kill("SIGKILL");
    await waitFor(() => bench.restarts("failed") >= 1);
    expect(bench.reflector.get(`${namespace}/killed`)?.text).toBe("one");
    await cluster.processes.apiserver.restart();
    await write("killed", "two");
    await shows(bench, "killed", "two", 40_000);
  }, 60_000);
});
