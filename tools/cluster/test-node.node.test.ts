import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readBirth } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { pauseReference } from "./pause-image.ts";
import { runProgram } from "./run-program.ts";
import { startNode, type TestNode, useNode } from "./test-node.ts";

let shared: TestNode;

beforeAll(async () => {
  shared = await useNode();
});

const deployments = (namespace: string) => `/apis/apps/v1/namespaces/${namespace}/deployments`;

async function deployPause(node: TestNode, namespace: string): Promise<void> {
  const labels = { app: "pause" };
  await node.request("POST", deployments(namespace), {
    metadata: { name: "pause" },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "pause", image: pauseReference }] },
      },
    },
  });
  await node.waitForDeployment(namespace, "pause");
}

test("a Deployment rolls out, and its pods have logs", async () => {
  const namespace = await shared.createNamespace();
  await deployPause(shared, namespace);
  const { items } = await shared.request("GET", `/api/v1/namespaces/${namespace}/pods`);
  expect(items).toHaveLength(2);
  expect(await shared.podLogs(namespace, items[0].metadata.name)).toBe("");
});

test("a changed ConfigMap reaches the pod long before the minute that Kubernetes takes", async () => {
  const namespace = await shared.createNamespace();
  const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await shared.request("POST", configMaps, { metadata: { name: "c" }, data: { value: "old" } });
  await shared.request("POST", pods, {
    metadata: { name: "reader" },
    spec: {
      containers: [
        {
          name: "pause",
          image: pauseReference,
          volumeMounts: [{ name: "c", mountPath: "/c" }],
        },
      ],
      volumes: [{ name: "c", configMap: { name: "c" } }],
    },
  });
  const { uid } = await waitFor(
    async () => {
      const { metadata, status } = await shared.request("GET", `${pods}/reader`);
      return status.phase === "Running" ? metadata : null;
    },
    { timeoutMs: 60_000, what: "the pod to run" },
  );
  const volume = `kubelet/pods/${uid}/volumes/kubernetes.io~configmap/c/value`;
  const read = () => readFileSync(join(shared.plan.directory, volume), "utf8");
  expect(read()).toBe("old");
  await shared.request("PATCH", `${configMaps}/c`, { data: { value: "new" } });
  const isNew = () => read() === "new";
  expect(await waitFor(isNew, { timeoutMs: 15_000, what: "the new value" })).toBe(true);
});

describe("a second node beside it", () => {
  let own: TestNode;

  beforeAll(async () => {
    own = await startNode();
  });

  afterAll(() => own.stop());

  test("has addresses, control group and pods of its own", async () => {
    expect(own.server).not.toBe(shared.server);
    await deployPause(own, await own.createNamespace());
    expect(await shared.request("GET", "/readyz")).toBe("ok");
  });

  test("may be hurt", async () => {
    const before = own.processes.apiserver.pid;
    await own.processes.apiserver.kill("SIGKILL");
    await own.processes.apiserver.restart();
    expect(own.processes.apiserver.pid).not.toBe(before);
    expect(await own.request("GET", "/readyz")).toBe("ok");
    expect(() => shared.processes.apiserver.pid).toThrow("shared");
  });
});

test("nothing is left of a node whose process was killed", async () => {
  const owner = Bun.spawn([process.execPath, join(import.meta.dir, "node-owner.fixture.ts")], {
    stdout: "pipe",
    stdin: "ignore",
    stderr: "inherit",
  });
  const reader = owner.stdout.getReader();
  const { value } = await reader.read();
  const { directory, link, cgroup, pids } = JSON.parse(new TextDecoder().decode(value)) as {
    directory: string;
    link: string;
    cgroup: string;
    pids: number[];
  };
  expect(pids.map(readBirth)).not.toContain(null);
  owner.kill("SIGKILL");
  await owner.exited;
  const traces = async () => ({
    directory: existsSync(directory),
    processes: pids.filter((pid) => readBirth(pid) !== null),
    link: (await runProgram(["ip", "-brief", "link"])).includes(link),
    cgroup: [
      ...new Bun.Glob(`{,*/}${cgroup}`).scanSync({ cwd: "/sys/fs/cgroup", onlyFiles: false }),
    ],
  });
  await waitFor(
    async () =>
      Bun.deepEquals(await traces(), { directory: false, processes: [], link: false, cgroup: [] }),
    { timeoutMs: 20_000, intervalMs: 200, what: "the node to be cleaned up" },
  );
});
