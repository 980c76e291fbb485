import { afterAll, beforeAll, expect, test } from "bun:test";
import { Resolver } from "node:dns/promises";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type ApiClient, createApiClient } from "../cluster/api-client.ts";
import {
  firstSubnet,
  firstTestSubnet,
  lastSubnet,
  nodeName,
  nodeNames,
} from "../cluster/node-plan.ts";
import { pauseReference } from "../cluster/pause-image.ts";
import { createLaunches } from "../cluster/launches.ts";
import { holderName } from "../cluster/namespaces.ts";
import { guardNode } from "../cluster/test-node.ts";
import { runProgram } from "../cluster/run-program.ts";
import { prepareTool } from "../pins/tool.ts";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { isAlive, type ProcessId, readCommandLine } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { runCli } from "./launched.ts";

/** `./mestore cluster up --node` from nothing to nothing. */

const room = await openGuardedRoom();
const home = mkdtempSync(join(room.directory, "home-"));
const kubeconfig = join(home, "kubeconfig");
let client: ApiClient;
let guard: ProcessId;

beforeAll(async () => {
  const up = await runCli(home, "cluster", "up", "--node", "--kubeconfig", kubeconfig);
  const holder = createLaunches({ directory }).find(holderName);
  if (holder !== null) room.guard(holder);
  guard = await guardNode({ directory, subnet: firstSubnet });
  expect(up).toMatchObject({ exitCode: 0 });
  client = readKubeconfig(kubeconfig);
});

afterAll(async () => {
  await runCli(home, "cluster", "down");
  rmSync(home, { recursive: true, force: true });
});

const directory = join(home, "cluster");
const { cgroup } = nodeNames({ directory, subnet: firstSubnet });

/** Nodes of other tests may come and go meanwhile. */
const otherSubnets = Array.from(
  { length: lastSubnet - firstTestSubnet + 1 },
  (_, index) => firstTestSubnet + index,
);
const otherLinks = otherSubnets.map((subnet) => nodeNames({ directory, subnet }).link);
const otherRanges = new RegExp(`^10\\.(${otherSubnets.join("|")})\\.`);

/** Everything that a cluster could leave on a machine. */
async function describeMachine(): Promise<Record<string, string[]>> {
  const names = async (command: string[]) => JSON.parse(await runProgram(command)) as object[];
  const links = (await names(["ip", "-json", "link"])) as { ifname: string }[];
  const routes = (await names(["ip", "-json", "route"])) as { dst: string }[];
  return {
    mounts: readFileSync("/proc/self/mounts", "utf8").split("\n"),
    links: links.map(({ ifname }) => ifname).filter((name) => !otherLinks.includes(name)),
    routes: routes.map(({ dst }) => dst).filter((range) => !otherRanges.test(range)),
    tables: (await runProgram([await prepareTool("nft"), "list", "tables"])).split("\n"),
    forwarding: [readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8")],
    cgroups: [
      ...new Bun.Glob(`{,*/}{${cgroup},kubepods*}`).scanSync({
        cwd: "/sys/fs/cgroup",
        onlyFiles: false,
      }),
    ],
    fixedPaths: ["/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/run/cni"].filter((path) =>
      existsSync(path),
    ),
    processes: readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && readCommandLine(Number(pid))?.includes(home),
    ),
  };
}

const bareMachine = await describeMachine();

function readKubeconfig(path: string): ApiClient {
  const { clusters, users } = parse(readFileSync(path, "utf8"));
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  return createApiClient({
    server: clusters[0].cluster.server,
    authority: decode(clusters[0].cluster["certificate-authority-data"]),
    credentials: {
      certificate: decode(users[0].user["client-certificate-data"]),
      key: decode(users[0].user["client-key-data"]),
    },
  });
}

async function findService(namespace: string, name: string): Promise<string> {
  const { spec } = await client.request("GET", `/api/v1/namespaces/${namespace}/services/${name}`);
  return spec.clusterIP;
}

test("the kubeconfig is its owner's alone", () => {
  expect(statSync(kubeconfig).mode & 0o777).toBe(0o600);
});

test("a pod runs and is Ready", async () => {
  const pods = "/api/v1/namespaces/default/pods";
  await client.request("POST", pods, {
    metadata: { name: "pause" },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "pause", image: pauseReference, imagePullPolicy: "Never" }],
    },
  });
  const status = await waitFor(
    async () => {
      const pod = await client.request("GET", `${pods}/pause`);
      return pod.status.containerStatuses?.[0].ready === true ? pod.status : null;
    },
    { timeoutMs: 60_000, what: "the pod to be Ready" },
  );
  expect(status.podIP).toStartWith("10.");
});

test("DNS answers inside the cluster, through its Service", async () => {
  const resolver = new Resolver();
  resolver.setServers([await findService("kube-system", "kube-dns")]);
  const resolve = () => resolver.resolve4("kubernetes.default.svc.cluster.local");
  expect(await waitFor(resolve, { timeoutMs: 30_000, what: "CoreDNS" })).toEqual([
    await findService("default", "kubernetes"),
  ]);
});

test("the metrics API knows what the node uses", async () => {
  const metrics = await waitFor(
    () => client.request("GET", `/apis/metrics.k8s.io/v1beta1/nodes/${nodeName}`),
    { timeoutMs: 90_000, intervalMs: 500, what: "the metrics API" },
  );
  expect(metrics.usage.cpu).toMatch(/^\d+n$/);
});

test("up once more leaves alone what runs, and brings back what died", async () => {
  const statusOf = async () => {
    const { output, exitCode } = await runCli(home, "cluster", "status", "--json");
    const parts: { name: string; pid: number | null }[] = JSON.parse(output).parts;
    return { exitCode, pids: new Map(parts.map(({ name, pid }) => [name, pid])) };
  };
  const before = await statusOf();
  expect(before.exitCode).toBe(0);
  process.kill(before.pids.get("kube-scheduler") ?? 0, "SIGKILL");
  await waitFor(async () => (await statusOf()).exitCode === 1, { what: "status to tell" });
  expect(await runCli(home, "cluster", "up", "--node")).toMatchObject({ exitCode: 0 });
  const after = await statusOf();
  expect(after.exitCode).toBe(0);
  const changed = [...after.pids].filter(([name, pid]) => before.pids.get(name) !== pid);
  expect(changed.map(([name]) => name)).toEqual(["kube-scheduler"]);
});

test("another shape is refused while it runs", async () => {
  const { exitCode, output } = await runCli(home, "cluster", "up");
  expect({ exitCode, output }).toMatchObject({
    exitCode: 1,
    output: expect.stringContaining("./mestore cluster down"),
  });
});

test("down --keep keeps objects, which the next up brings back", async () => {
  expect(await runCli(home, "cluster", "down", "--keep")).toMatchObject({ exitCode: 0 });
  expect(await runCli(home, "cluster", "up", "--node")).toMatchObject({ exitCode: 0 });
  const restarted = async () => {
    const { status } = await client.request("GET", "/api/v1/namespaces/default/pods/pause");
    const [container] = status.containerStatuses;
    return container.ready && container.restartCount === 1;
  };
  expect(await waitFor(restarted, { timeoutMs: 60_000, what: "the pod to run again" })).toBe(true);
});

test("down leaves nothing on the machine", async () => {
  expect(await runCli(home, "cluster", "down")).toMatchObject({ exitCode: 0 });
  await waitFor(() => !isAlive(guard), { what: "the test's own guard to end" });
  const left = await describeMachine();
  for (const [what, before] of Object.entries(bareMachine))
    expect(left[what]?.filter((one) => !before.includes(one))).toEqual([]);
  expect(readdirSync(home)).toEqual(["kubeconfig"]);
  expect(await runCli(home, "cluster", "down")).toMatchObject({ exitCode: 0 });
});
