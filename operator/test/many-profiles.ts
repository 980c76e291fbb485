import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { startCluster, type TestCluster } from "@mestore/tools/cluster/test-cluster";
import { openGuardedRoom } from "@mestore/tools/stack/death-guard";
import { findLastingPort } from "@mestore/tools/stack/free-port";
import { readBirth } from "@mestore/tools/stack/process";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { leaseTiming } from "../src/kube/lease.ts";
import { heapEnvironment } from "../src/kube/heap-environment.ts";
import { parseExposition } from "../src/metrics-source/exposition.ts";
import { createModelService } from "./model-service.ts";
import { createOperatorAccount } from "./operator-account.fixture.ts";

/** What the operator's own metrics say of it at one moment. */
export interface Footprint {
  readonly passes: number;
  readonly failed: number;
  /** To the API server, all and those that write. */
  readonly requests: number;
  readonly patches: number;
  readonly megabytes: number;
  /** The most that it ever had resident. */
  readonly peakMegabytes: number;
}

/** The operator under measurement. */
interface Operator {
  readonly pid: number;
  metricsPage(): Promise<string>;
  stop(): Promise<void>;
}

export interface ManyProfiles {
  readonly profiles: number;
  readonly timeScale: number;
  read(): Promise<Footprint>;
  close(): Promise<void>;
}

const namespace = "shop";

/**
 * A control plane of its own with so many Deployments, each with a ready pod and a profile, and an operator that
 * works on them. One modelled service answers for all pods.
 */
export async function startManyProfiles(options: {
  readonly profiles: number;
  readonly timeScale: number;
  /** The image's program in its environment, as in a pod; default: the sources, with a kubeconfig. */
  readonly asInImage?: boolean;
}): Promise<ManyProfiles> {
  const { profiles, timeScale, asInImage = false } = options;
  const cluster = await startCluster({ controllers: false });
  await applyCrd(cluster);
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  const model = createModelService({
    now: () => Date.now() / 1000,
    readTuning: () => Promise.resolve(null),
    ...{ keys: 100, rate: 50_000, initialTtlSeconds: 60 },
  });
  // Every address of the loopback network leads here.
  const service = Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    async fetch() {
      const page = await model.readPage();
      return typeof page === "string" ? new Response(page) : new Response(null, { status: 500 });
    },
  });

  /** A Deployment, its pod, and its profile. */
  async function putShop(number: number): Promise<void> {
    const name = `shop-${number}`;
    const labels = { app: name };
    const container = { name: "service", image: "mestore.dev/none:0" };
    const deployment = await cluster.request(
      "POST",
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      {
        metadata: { name, namespace },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [container] } },
        },
      },
    );
    const { uid } = deployment.metadata;
    await cluster.putPod({
      ...{ namespace, name: `${name}-6f5f4b7589-abcde`, labels },
      ...{ ip: `127.0.${1 + Math.floor(number / 250)}.${1 + (number % 250)}` },
      port: service.port ?? 0,
      ownerReference: { apiVersion: "apps/v1", kind: "Deployment", name, uid },
    });
    await cluster.request(
      "POST",
      `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`,
      {
        ...{ apiVersion: profileApiVersion, kind: profileKind },
        metadata: { name, namespace },
        spec: { targetRef: { name }, cache: { classes: [{ name: "product" }] } },
      },
    );
  }

  const numbers = Array.from({ length: profiles }, (_, number) => number);
  while (numbers.length > 0) await Promise.all(numbers.splice(0, 20).map(putShop));
  const account = await createOperatorAccount({ cluster, namespaces: [namespace] });
  const { durationSeconds, renewDeadlineSeconds, retrySeconds } = leaseTiming;
  const words = ["--time-scale", String(timeScale)];
  const start = async (): Promise<Operator> => {
    if (asInImage) return startFromImage(cluster, account.namespace, words);
    const { pid, metricsPage } = await account.start([
      ...[...words, "--lease-duration", String(durationSeconds)],
      ...["--lease-renew-deadline", String(renewDeadlineSeconds)],
      ...["--lease-retry", String(retrySeconds)],
    ]);
    return { pid, metricsPage, stop: async () => {} };
  };
  const operator = await start();
  return {
    profiles,
    timeScale,
    async read() {
      const parsed = parseExposition(await operator.metricsPage());
      if (!parsed.ok) throw new Error(parsed.detail);
      const { samples } = parsed.exposition;
      const sum = (name: string, [label, value]: readonly string[] = []) =>
        samples
          .filter((one) => one.name === name && (!label || one.labels[label] === value))
          .reduce((total, one) => total + one.value, 0);
      return {
        passes: sum("mestore_operator_reconciles_total"),
        failed: sum("mestore_operator_reconciles_total", ["outcome", "failed"]),
        requests: sum("mestore_operator_kube_requests_total"),
        patches: sum("mestore_operator_kube_requests_total", ["method", "PATCH"]),
        megabytes: sum("process_resident_memory_bytes") / 1e6,
        peakMegabytes: readPeakBytes(operator.pid) / 1e6,
      };
    },
    async close() {
      await operator.stop();
      await account.close();
      await service.stop(true);
      await cluster.stop();
    },
  };
}

/** Compiles the program as the Dockerfile does, and starts it with what a pod has: a mounted token, and the image's environment. */
async function startFromImage(
  cluster: TestCluster,
  home: string,
  words: readonly string[],
): Promise<Operator> {
  const directory = mkdtempSync(join(tmpdir(), "mestore-operator-"));
  const compiled = Bun.spawn([process.execPath, compiler, "operator", directory], {
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await compiled.exited) !== 0) throw new Error("the operator could not be compiled");
  const mount = join(directory, "serviceaccount");
  mkdirSync(mount);
  writeFileSync(join(mount, "token"), await cluster.serviceAccountToken(home, "mestore-operator"));
  writeFileSync(join(mount, "namespace"), home);
  copyFileSync(cluster.caFile, join(mount, "ca.crt"));
  const { hostname, port } = new URL(cluster.server);
  const metricsPort = await findLastingPort();
  const room = await openGuardedRoom();
  const child = Bun.spawn(
    [
      join(directory, "mestore-operator"),
      ...["--source", "kubernetes", "--service-account-dir", mount, "--namespace", namespace],
      ...["--metrics-port", String(metricsPort), ...words],
    ],
    {
      env: {
        ...heapEnvironment,
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
      },
      stdout: "ignore",
      stderr: "inherit",
    },
  );
  room.guard({ pid: child.pid, birth: readBirth(child.pid) ?? "" });
  const metricsPage = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  await waitFor(() => metricsPage().then(Boolean, () => false), { what: "the operator to start" });
  return {
    pid: child.pid,
    metricsPage,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      room.release(child.pid);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const compiler = join(import.meta.dir, "../../tools/image/compile-program.ts");

/** `VmHWM` (proc(5)). */
function readPeakBytes(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Looks at the metrics cost memory too: no more of them than a Prometheus would take. */
const lookMs = ({ timeScale }: ManyProfiles) => 7500 / timeScale;

/** Until every profile has its status and two resyncs went by in which nothing was written. */
export async function untilQuiet(many: ManyProfiles, timeoutMs: number): Promise<void> {
  let quiet = await many.read();
  await waitFor(
    async () => {
      const now = await many.read();
      if (now.passes < 2 * many.profiles) return false;
      if (now.patches !== quiet.patches) quiet = now;
      return now.passes - quiet.passes >= 2 * many.profiles;
    },
    { what: "the profiles to settle", timeoutMs, intervalMs: lookMs(many) },
  );
}

/** What so many passes of every profile cost, and the most memory that was seen over them. */
export async function measureResyncs(many: ManyProfiles, resyncs: number, timeoutMs: number) {
  const before = await many.read();
  const startedAt = performance.now();
  let megabytes = 0;
  const after = await waitFor(
    async () => {
      const now = await many.read();
      megabytes = Math.max(megabytes, now.megabytes);
      return now.passes - before.passes >= resyncs * many.profiles && now;
    },
    { what: `${resyncs} resyncs`, timeoutMs, intervalMs: lookMs(many) },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    writes: after.patches - before.patches,
    requestsPerSecond: (after.requests - before.requests) / seconds,
    failed: after.failed - before.failed,
    megabytes,
    peakMegabytes: after.peakMegabytes,
  };
}
