import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { waitFor } from "../stack/wait-for.ts";
import { coreDnsUser, metricsServerUser } from "./addon-objects.ts";
import { ensureAddons } from "./addons.ts";
import type { ApiClient } from "./api-client.ts";
import { isTrue } from "./apply-crd.ts";
import { createCgroup, removeCgroup } from "./cgroups.ts";
import { ensureContainerd } from "./containerd.ts";
import { createAdminClient, ensureControlPlanePart } from "./control-plane.ts";
import { type Client, writeControlPlaneFiles } from "./control-plane-files.ts";
import { plannedParts } from "./control-plane-plan.ts";
import { ensureKubelet } from "./kubelet.ts";
import { ensureKubeProxy } from "./kube-proxy.ts";
import type { Launches } from "./launches.ts";
import {
  endNamespaces,
  ensureNamespaces,
  findNamespaces,
  holderName,
  launchInside,
  type Namespaces,
} from "./namespaces.ts";
import { ensureNodeNetwork, isConnected, waitForLinkToGo } from "./node-network.ts";
import { nodeAddresses, nodeName, nodeNames, nodePaths, type NodePlan } from "./node-plan.ts";

/** A cold machine unpacks and links for a while; warm the node is ready after 3 s. */
const readyDeadlineMs = 90_000;

/** A node that runs. */
export interface RunningNode {
  readonly namespaces: Namespaces;
  /** The programs inside. */
  readonly launches: Launches;
  readonly client: ApiClient;
}

/** For whoever watches a node come up. */
export interface NodeHooks {
  /** Told what has been reached, for people. */
  readonly onStep?: (what: string) => void;
}

/**
 * Brings a control plane and a node up, or what of it does not run; what runs stays as it is.
 * @param outside starts the process that holds the node on the machine itself
 * @throws StackFault of whatever part does not come up
 */
export async function ensureNode(
  plan: NodePlan,
  outside: Launches,
  { onStep = () => {} }: NodeHooks = {},
): Promise<RunningNode> {
  const { directory, controlPlane } = plan;
  const paths = nodePaths(directory);
  mkdirSync(directory, { recursive: true });
  // Pods of any user reach their volumes below it, and nobody lists it.
  chmodSync(directory, 0o711);
  const fresh = outside.find(holderName) === null;
  for (const path of [paths.log("etcd"), paths.configuration("x")])
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (fresh) await writeControlPlaneFiles(controlPlane, planClients(plan));
  createCgroup(nodeNames(plan).cgroup);
  const namespaces = await ensureNamespaces(directory, outside);
  await ensureNodeNetwork(plan, namespaces);
  const launches = launchInside(namespaces, { directory });
  const parts = plannedParts(controlPlane);
  const runtime = ensureContainerd(plan, namespaces, launches);
  // Whichever fails first is told; the other one's failure must not be unhandled meanwhile.
  runtime.catch(() => {});
  for (const part of parts) await ensureControlPlanePart(part, controlPlane, launches);
  onStep("the API server answers");
  const client = createAdminClient(controlPlane);
  await runtime;
  onStep("containerd runs");
  const beginning = launches.find("kubelet") === null ? new Date() : null;
  await ensureKubelet(plan, launches);
  await Promise.all([ensureAddons(plan, client, launches), ensureKubeProxy(plan, launches)]);
  await waitFor(() => isNodeReady(client, beginning), {
    timeoutMs: readyDeadlineMs,
    what: "the node to be Ready",
  });
  await waitFor(() => client.request("GET", "/api/v1/namespaces/default/serviceaccounts/default"), {
    timeoutMs: readyDeadlineMs,
    what: "the controllers",
  });
  onStep("the node is Ready");
  return { namespaces, launches, client };
}

/**
 * Whether the node is Ready, by a kubelet that began after `since`: what an earlier one reported
 * stays in kept data for a while. Times of the API are whole seconds.
 */
async function isNodeReady(client: ApiClient, since: Date | null): Promise<boolean> {
  const { status } = await client.request("GET", `/api/v1/nodes/${nodeName}`);
  const { lastHeartbeatTime } = status.conditions.find(
    (one: { readonly type: string }) => one.type === "Ready",
  );
  const isFresh = since === null || Date.parse(lastHeartbeatTime) >= since.getTime() - 1000;
  return isFresh && isTrue(status, "Ready");
}

/** Programs of the node as users of the API server. */
function planClients({ subnet }: NodePlan): Client[] {
  return [
    {
      name: "kubelet",
      subject: { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] },
    },
    { name: "kube-proxy", subject: { commonName: "system:kube-proxy" } },
    { name: "coredns", subject: { commonName: coreDnsUser } },
    {
      name: "metrics-server",
      subject: {
        commonName: metricsServerUser,
        dnsNames: ["metrics-server.kube-system.svc"],
        ipAddresses: [nodeAddresses(subnet).node],
      },
    },
  ];
}

/** Programs that own data on the disk, which end in order when it is kept. */
const writers = ["containerd", "etcd"] as const;

/**
 * Ends a node and removes everything that it has on the machine: its processes with their mounts and
 * networks, its control group, its directory.
 * @param keep leaves the directory with etcd's data, images and certificates
 */
export async function removeNode(
  plan: Pick<NodePlan, "directory" | "subnet">,
  outside: Launches,
  { keep = false }: { readonly keep?: boolean } = {},
): Promise<void> {
  const holder = outside.find(holderName);
  if (holder !== null) {
    if (keep) for (const name of writers) await outside.stop(name);
    const namespaces = findNamespaces(holder);
    const linked = namespaces !== null && (await isConnected(namespaces));
    await endNamespaces(holder);
    await outside.stop(holderName);
    // A link of that name may be another node's when this one came no further.
    if (linked) await waitForLinkToGo(plan);
  }
  await removeCgroup(nodeNames(plan).cgroup);
  if (!keep && existsSync(plan.directory)) rmSync(plan.directory, { recursive: true });
}
