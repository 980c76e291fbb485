import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { type Kubelet, followTuning } from "./kubelet.fixture.ts";
import { createModelService, type ModelService } from "./model-service.ts";

export interface TargetOptions {
  readonly cluster: TestCluster;
  readonly namespace: string;
  /** Of the Deployment. */
  readonly name: string;
  /** The profile whose document its pods mount. */
  readonly profile: string;
  readonly pods: number;
  /** Requests a second of one pod. */
  readonly rate: number;
  readonly keys: number;
  /** TTL of the service before the first document, in seconds. */
  readonly serviceTtlSeconds: number;
}

/** A pod of the Deployment, ready, with a model of the service behind its address. */
export interface TargetPod {
  readonly name: string;
  readonly ip: string;
  readonly service: ModelService;
  /** How often its page was asked for: once a pass, unless the last one is a moment ago. */
  readonly readings: number;
  /** Answers `/metrics`; what is thrown or hangs is what the operator sees. */
  answer: (request: Request) => Promise<Response>;
}

/**
 * A Deployment that the real controllers made into pods; what a kubelet would report of them is said here,
 * and real HTTP answers at their addresses. The service's figures are modelled, nothing else is.
 */
export interface Target {
  readonly name: string;
  readonly pods: readonly TargetPod[];
  readonly port: number;
  readonly kubelet: Kubelet;
  /** For all pods at once. */
  each(change: (service: ModelService) => void): void;
  remove(): Promise<void>;
  close(): Promise<void>;
}

type OpenedPod = TargetPod & { name: string; readings: number };

/** Every pod of this process has an address of its own in the loopback network, from 127.1.0.1 on. */
let lastAddress = 0;

function nextAddress(): string {
  lastAddress += 1;
  return `127.1.${Math.floor(lastAddress / 250)}.${1 + (lastAddress % 250)}`;
}

export async function createTarget(options: TargetOptions): Promise<Target> {
  const { cluster, namespace, name, profile, rate, keys, serviceTtlSeconds } = options;
  const kubelet = followTuning(cluster, namespace, profile);
  const addresses = Array.from({ length: options.pods }, nextAddress);
  const pods = addresses.map((ip): OpenedPod => {
    const service = createModelService({
      now: () => Date.now() / 1000,
      readTuning: () => Promise.resolve(kubelet.document()),
      ...{ keys, rate, initialTtlSeconds: serviceTtlSeconds },
    });
    return { name: "", ip, service, readings: 0, answer: () => answerPage(service) };
  });
  const servers: Bun.Server<undefined>[] = [];
  for (const pod of pods)
    servers.push(
      Bun.serve({
        hostname: pod.ip,
        port: servers[0]?.port ?? 0,
        fetch(request) {
          pod.readings += 1;
          return pod.answer(request);
        },
      }),
    );
  const port = servers[0]?.port ?? 9464;
  await putDeployment(cluster, namespace, name, pods.length, port);
  await makeReady(cluster, namespace, name, pods);
  return {
    name,
    pods,
    port,
    kubelet,
    each: (change) => pods.forEach(({ service }) => change(service)),
    remove: () =>
      cluster.request("DELETE", `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`),
    async close() {
      kubelet.close();
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

async function answerPage(service: ModelService): Promise<Response> {
  const page = await service.readPage();
  if (typeof page === "string") return new Response(page);
  // The connection stays open and nothing comes.
  if (page.reason === "MetricsTimeout") return new Promise<Response>(() => undefined);
  return new Response(null, { status: 500 });
}

/** A Deployment whose pods no node takes: `putPodStatus` says how they are. */
export async function putDeployment(
  cluster: TestCluster,
  namespace: string,
  name: string,
  replicas: number,
  port: number,
  container = "service",
): Promise<void> {
  const labels = { app: name };
  await cluster.request("POST", `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          schedulerName: "none",
          containers: [
            {
              ...{ name: container, image: "mestore.dev/none:0" },
              ports: [{ name: "metrics", containerPort: port }],
            },
          ],
        },
      },
    },
  });
}

/** Gives the pods that the controllers made an address each, and says that they are ready. */
async function makeReady(
  cluster: TestCluster,
  namespace: string,
  name: string,
  pods: readonly OpenedPod[],
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const made = await waitFor(
    async () => {
      const { items } = await cluster.request("GET", `${path}?labelSelector=app%3D${name}`);
      return items.length === pods.length && items;
    },
    { what: "the controllers to make the pods", timeoutMs: 30_000 },
  );
  for (const [index, pod] of pods.entries()) {
    pod.name = made[index].metadata.name;
    await putPodStatus(cluster, namespace, pod.name, pod.ip);
  }
}

/** What a kubelet reports of a pod that serves, or of one that does not. */
export async function putPodStatus(
  cluster: TestCluster,
  namespace: string,
  name: string,
  ip: string,
  {
    ready = true,
    restarts = 0,
    container = "service",
  }: {
    readonly ready?: boolean;
    readonly restarts?: number;
    readonly container?: string;
  } = {},
): Promise<void> {
  await cluster.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [
        {
          ...{ name: container, image: "mestore.dev/none:0", imageID: "", ready, started: true },
          restartCount: restarts,
          state: { running: {} },
        },
      ],
    },
  });
}
