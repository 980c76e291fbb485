import { type ApiClient, ApiError, contentTypes, type KubeObject } from "./api-client.ts";

/** A pod made by hand, for clusters without a node: what a kubelet would report is said here. */
export interface PodDescription {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** `status.podIP`; a loopback address leads to a process of the test. */
  readonly ip: string;
  /** Of the container port `portName`. */
  readonly port: number;
  /** `metrics` unless said otherwise. */
  readonly portName?: string;
  /** Name of the container, `service` unless said otherwise. */
  readonly container?: string;
  /** True unless said otherwise. */
  readonly ready?: boolean;
  /** Restarts of the container, 0 unless said otherwise. */
  readonly restarts?: number;
  /** Label `pod-template-hash`, as a Deployment's ReplicaSet sets it. */
  readonly templateHash?: string;
  readonly ownerReference?: OwnerReference;
  /** When the container started; now unless said otherwise. */
  readonly startedAt?: Date;
}

/** `controller` is true unless said otherwise. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** A scheduler that does not exist: nobody reports that the pod cannot be placed. */
const noScheduler = "none";

/** Never pulled: no kubelet sees the pod. */
const image = "mestore.dev/none:0";

/**
 * Makes a pod, or changes one that is there, with the status that a kubelet would write. It has no
 * node, so that the garbage collector of pods leaves it alone.
 * @returns the pod as the API server has it now
 */
export async function putPod(client: ApiClient, pod: PodDescription): Promise<KubeObject> {
  const collection = `/api/v1/namespaces/${pod.namespace}/pods`;
  const path = `${collection}/${pod.name}`;
  try {
    await client.request("POST", collection, planPod(pod));
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    await client.request("PATCH", path, { metadata: planMetadata(pod) });
  }
  return client.request(
    "PATCH",
    `${path}/status`,
    { status: planStatus(pod) },
    {
      contentType: contentTypes.merge,
    },
  );
}

function planMetadata(pod: PodDescription): object {
  const { namespace, name, annotations, ownerReference, templateHash } = pod;
  return {
    namespace,
    name,
    labels: {
      ...pod.labels,
      ...(templateHash === undefined ? {} : { "pod-template-hash": templateHash }),
    },
    ...(annotations === undefined ? {} : { annotations }),
    ...(ownerReference === undefined
      ? {}
      : { ownerReferences: [{ controller: true, ...ownerReference }] }),
  };
}

function planPod(pod: PodDescription): object {
  const { port, portName = "metrics", container = "service" } = pod;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: planMetadata(pod),
    spec: {
      schedulerName: noScheduler,
      automountServiceAccountToken: false,
      containers: [{ name: container, image, ports: [{ name: portName, containerPort: port }] }],
    },
  };
}

function planStatus(pod: PodDescription): object {
  const { ip, container = "service", ready = true, restarts = 0 } = pod;
  const since = (pod.startedAt ?? new Date()).toISOString().replace(/\.\d+/, "");
  const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
    type,
    status: ready || !type.endsWith("Ready") ? "True" : "False",
    lastTransitionTime: since,
  }));
  return {
    phase: "Running",
    podIP: ip,
    podIPs: [{ ip }],
    startTime: since,
    conditions,
    containerStatuses: [
      {
        name: container,
        image,
        imageID: "",
        ready,
        started: true,
        restartCount: restarts,
        state: { running: { startedAt: since } },
      },
    ],
  };
}
