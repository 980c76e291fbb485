import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { findFreePort } from "@mestore/tools/stack/free-port";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { leasePermissions, type Permission, permissions } from "../src/kube/permissions.ts";
import { parseStatus, type ProfileStatus } from "../src/profile/status.ts";
import { createModelService, type ModelService } from "./model-service.ts";

/**
 * The operator as its own process against a real API server: a Deployment that the real controllers made,
 * pods whose readiness is said by hand, real HTTP behind their addresses. Only the service's figures are
 * modelled, and that a pod reads the ConfigMap which a kubelet would have mounted.
 */
export interface ClusterBench {
  readonly namespace: string;
  readonly key: string;
  readonly models: readonly ModelService[];
  /** Starts an operator with the rights of the chart's role, and no others. */
  start(args?: readonly string[], options?: StartOptions): RunningOperator;
  putProfile(spec: object, name?: string): Promise<void>;
  patchProfile(patch: object, name?: string): Promise<void>;
  readStatus(name?: string): Promise<ProfileStatus | null>;
  readDocument(name?: string): Promise<TuningDocument | null>;
  readLease(): Promise<{ holderIdentity?: string; leaseTransitions?: number }>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** Instead of the operator's service account. */
  readonly kubeconfig?: string;
}

export interface RunningOperator {
  readonly log: readonly Record<string, unknown>[];
  readonly exited: Promise<number>;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  logged(msg: string): boolean;
  metrics(): Promise<string>;
}

export interface ClusterBenchOptions {
  readonly cluster: TestCluster;
  readonly pods?: number;
  readonly rate?: number;
  readonly keys?: number;
  readonly serviceTtlSeconds?: number;
  /** Default: the operator's own. */
  readonly granted?: readonly Permission[];
}

/** Short enough for a test, and whole seconds as the API wants the duration. */
export const leaseFlags = [
  ...["--lease-duration", "3", "--lease-renew-deadline", "2", "--lease-retry", "0.3"],
] as const;

export async function createClusterBench(options: ClusterBenchOptions): Promise<ClusterBench> {
  const { cluster, pods = 2, rate = 4000, keys = 10_000, serviceTtlSeconds = 60 } = options;
  await applyCrd(cluster);
  const namespace = await cluster.createNamespace();
  const profiles = `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
  const map = (name: string) => `/api/v1/namespaces/${namespace}/configmaps/${name}-tuning`;
  const found = async <T>(request: Promise<T>): Promise<T | null> => request.catch(() => null);
  const readDocument = async (name = "storefront") => {
    const object = await found(cluster.request("GET", map(name)));
    const parsed = object === null ? null : parseTuningDocument(object.data["tuning.json"]);
    return parsed?.ok === true ? parsed.value : null;
  };

  const servers: { stop(force: boolean): Promise<void> }[] = [];
  const models: ModelService[] = [];
  const port = await findFreePort();
  for (let index = 0; index < pods; index += 1) {
    const model = createModelService({
      now: () => Date.now() / 1000,
      readTuning: readDocument,
      ...{ keys, rate, initialTtlSeconds: serviceTtlSeconds },
    });
    models.push(model);
    servers.push(
      Bun.serve({
        hostname: addressOf(index),
        port,
        async fetch() {
          const page = await model.readPage();
          return typeof page === "string"
            ? new Response(page)
            : new Response(null, { status: 500 });
        },
      }),
    );
  }
  await putDeployment(cluster, namespace, pods, port);
  const account = await mountAccount(cluster, namespace, options.granted);

  const running = new Set<RunningOperator>();
  return {
    namespace,
    key: `${namespace}/storefront`,
    models,
    start(args = [], { kubeconfig } = {}) {
      const access =
        kubeconfig === undefined
          ? ["--service-account-dir", account]
          : ["--kubeconfig", kubeconfig, "--namespace", namespace, "--lease-namespace", namespace];
      const operator = startOperator([...access, ...leaseFlags, ...args], cluster);
      running.add(operator);
      return operator;
    },
    async putProfile(spec, name = "storefront") {
      await cluster.request("POST", profiles, {
        ...{ apiVersion: profileApiVersion, kind: profileKind },
        metadata: { name, namespace },
        spec: { targetRef: { name: "mestore" }, ...spec },
      });
    },
    patchProfile: async (patch, name = "storefront") => {
      await cluster.request("PATCH", `${profiles}/${name}`, patch);
    },
    readStatus: async (name = "storefront") =>
      parseStatus((await found(cluster.request("GET", `${profiles}/${name}`)))?.status),
    readDocument,
    readLease: async () =>
      (
        await cluster.request(
          "GET",
          `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/mestore-operator`,
        )
      ).spec,
    async close() {
      for (const operator of running) operator.kill("SIGKILL");
      await Promise.all([...running].map(({ exited }) => exited));
      await Promise.all(servers.map((server) => server.stop(true)));
      await rm(account, { recursive: true });
    },
  };
}

/** Of the loopback network, so that every pod has one of its own. */
function addressOf(index: number): string {
  return `127.0.0.${2 + index}`;
}

/** A Deployment whose pods are ready, as kubelets would say. */
async function putDeployment(
  cluster: TestCluster,
  namespace: string,
  replicas: number,
  port: number,
): Promise<void> {
  const labels = { app: "mestore" };
  await cluster.request("POST", `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name: "mestore", namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          schedulerName: "none",
          containers: [
            {
              ...{ name: "service", image: "mestore.dev/none:0" },
              ports: [{ name: "metrics", containerPort: port }],
            },
          ],
        },
      },
    },
  });
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const pods = await waitFor(
    async () => {
      const { items } = await cluster.request("GET", path);
      return items.length === replicas && items;
    },
    { what: "the controllers to make the pods", timeoutMs: 20_000 },
  );
  for (const [index, pod] of pods.entries())
    await cluster.request("PATCH", `${path}/${pod.metadata.name}/status`, {
      status: {
        phase: "Running",
        podIP: addressOf(index),
        podIPs: [{ ip: addressOf(index) }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
}

/** A service account with exactly these rights, and the directory that a kubelet would mount of it. */
export async function mountAccount(
  cluster: TestCluster,
  namespace: string,
  granted: readonly Permission[] = [
    ...permissions.filter(({ only }) => only === undefined),
    ...leasePermissions,
  ],
): Promise<string> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const name = "mestore-operator";
  await cluster.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    metadata: { name, namespace },
  });
  await cluster.request("POST", `${rbac}/roles`, {
    metadata: { name, namespace },
    rules: granted.map(({ group, resource, verbs }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs,
    })),
  });
  await cluster.request("POST", `${rbac}/rolebindings`, {
    metadata: { name, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
  const directory = await mkdtemp(join(tmpdir(), "serviceaccount-"));
  await Bun.write(join(directory, "namespace"), namespace);
  await Bun.write(join(directory, "ca.crt"), Bun.file(cluster.caFile));
  const token = await cluster.serviceAccountToken(namespace, name);
  await Bun.write(join(directory, "token"), token);
  return directory;
}

/** `--source kubernetes` in a process of its own, as in a pod of the cluster; its log as objects. */
export function startOperator(
  args: readonly string[],
  cluster: Pick<TestCluster, "server">,
): RunningOperator {
  const main = join(import.meta.dir, "../src/main.ts");
  const { hostname, port } = new URL(cluster.server);
  const command = [main, "--source", "kubernetes", "--metrics-port", "0", ...args];
  const process_ = Bun.spawn([process.execPath, ...command], {
    env: { ...process.env, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
    stdout: "pipe",
    stderr: "inherit",
  });
  const log: Record<string, unknown>[] = [];
  void (async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of process_.stdout) {
      text += decoder.decode(chunk, { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) log.push(JSON.parse(line));
    }
  })();
  return {
    log,
    exited: process_.exited,
    pid: process_.pid,
    kill: (signal) => process_.kill(signal),
    logged: (msg) => log.some((line) => line["msg"] === msg),
    async metrics() {
      const started = await waitFor(() => log.find(({ msg }) => msg === "started"));
      const url = String(started["metricsUrl"]).replace("0.0.0.0", "127.0.0.1");
      return (await fetch(url)).text();
    },
  };
}
