import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { abortOnSignals } from "../abort-on-signals.ts";
import { createProgress } from "../checks/progress.ts";
import { prepareTools, type ToolName } from "../pins/tool.ts";
import { StackFault } from "../stack/fault.ts";
import { findLastingPort } from "../stack/free-port.ts";
import type { HomePaths } from "../stack/paths.ts";
import { formatMs } from "../terminal.ts";
import { tellPart } from "./tell-part.ts";
import { takeLock } from "../up/lock.ts";
import {
  type ClusterRecord,
  clusterDirectory,
  clusterLock,
  loadRecord,
  saveRecord,
} from "./cluster-record.ts";
import { loadImages } from "./containerd.ts";
import { ensureControlPlanePart } from "./control-plane.ts";
import { serverUrl, writeControlPlaneFiles } from "./control-plane-files.ts";
import {
  controlPlanePaths,
  controlPlaneParts,
  type ControlPlanePlan,
  plannedParts,
} from "./control-plane-plan.ts";
import { createLaunches, type Launches } from "./launches.ts";
import { holderName, type Namespaces } from "./namespaces.ts";
import { ensureNode } from "./node.ts";
import { listTakenSubnets } from "./node-network.ts";
import {
  defaultApiPort,
  firstSubnet,
  firstTestSubnet,
  nodeAddresses,
  nodeParts,
  planNode,
} from "./node-plan.ts";
import { checkNodePreconditions, checkPortFree } from "./preconditions.ts";

/** What a person asked for; absent: as it is, or the default. */
export interface ClusterUpRequest {
  readonly node?: true;
  readonly port?: number;
  readonly syncFrequencySeconds?: number;
  readonly images: readonly string[];
  /** Where to put a further copy of the kubeconfig. */
  readonly kubeconfig?: string;
}

/**
 * How often the kubelet looks at every pod. Kubernetes' own default is a minute, after which a changed
 * ConfigMap may take up to 85 s to arrive; with a second it takes 0.3 to 2 s (measured), for a few
 * per cent of one core.
 */
const defaultSyncFrequencySeconds = 1;

/** Service addresses of a cluster without pods: they lead nowhere. */
const unusedServiceCidr = "10.96.0.0/16";

const loopback = "127.0.0.1";

/** Longer than a cold build of all tools on a slow machine. */
export const lockTimeoutMs = 3_600_000;

/** Says why nothing happens for a while. */
export const tellWait = () =>
  console.log("another ./mestore cluster is at work here; waiting for it");

/**
 * `./mestore cluster up`: starts what does not run, leaves alone what does.
 * @throws StackFault of what is missing or does not come up
 */
export async function runClusterUp(paths: HomePaths, request: ClusterUpRequest): Promise<void> {
  const directory = clusterDirectory(paths);
  const lock = await takeLock(clusterLock(paths), lockTimeoutMs, tellWait);
  const signal = abortOnSignals();
  try {
    const found = loadRecord(directory);
    if (found !== null) refuseOtherShape(found, request);
    if (request.node !== true && request.images.length > 0)
      throw new StackFault(
        "STEP_FAILED",
        "images are loaded into a node, and this cluster has none",
        "./mestore cluster up --node --image ARCHIVE",
      );
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const launches = createLaunches({ directory });
    // Before minutes of building what could not be used.
    if (request.node === true && launches.find(holderName) === null)
      await checkNodePreconditions(directory);
    await bringTools(
      request.node === true ? [...controlPlaneParts, ...nodeTools] : controlPlaneParts,
      signal,
    );
    const startMs = performance.now();
    const namespaces =
      request.node === true
        ? await bringNodeUp(directory, found, request, launches, signal)
        : await bringControlPlaneUp(directory, found, request, launches, signal);
    if (namespaces !== null && request.images.length > 0)
      for (const reference of await loadImages(
        namespaces,
        request.images.map((one) => resolve(one)),
      ))
        tellPart("image", reference);
    tellPart("cluster", `up after ${formatMs(performance.now() - startMs)}`);
    tellWayIn(directory, request);
  } finally {
    lock.release();
  }
}

const nodeTools: readonly ToolName[] = [
  ...nodeParts,
  "containerd-shim-runc-v2",
  "ctr",
  "runc",
  "cni",
  "nft",
  "conntrack",
  "pause",
];

/** All that can be had is brought before the first one that cannot is told. */
async function bringTools(names: readonly ToolName[], signal: AbortSignal): Promise<void> {
  const outcomes = await prepareTools(names, { progress: createProgress(), signal });
  for (const outcome of outcomes.values()) if (outcome instanceof StackFault) throw outcome;
}

/** Between two parts: one that has begun comes up, so that `down` and the next `up` know all of them. */
function throwIfInterrupted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new StackFault(
    "INTERRUPTED",
    "interrupted",
    "What runs already stays: ./mestore cluster up goes on with it, ./mestore cluster down ends it.",
  );
}

/** A cluster is changed in its shape by ending it; what is kept of it would contradict the rest. */
function refuseOtherShape(found: ClusterRecord, request: ClusterUpRequest): void {
  const { port, syncFrequencySeconds } = request;
  const wishes = [
    [
      found.node !== null,
      request.node === true,
      found.node === null ? "has no node" : "has a node",
    ],
    [found.port, port ?? found.port, `has its API server on port ${found.port}`],
    [
      found.node?.syncFrequencySeconds,
      syncFrequencySeconds ?? found.node?.syncFrequencySeconds,
      `has a sync frequency of ${found.node?.syncFrequencySeconds} s`,
    ],
  ] as const;
  const difference = wishes.find(([is, wanted]) => is !== wanted);
  if (difference === undefined) return;
  throw new StackFault(
    "ALREADY_RUNNING",
    `the cluster here ${difference[2]}`,
    "To have another one: ./mestore cluster down, then this command again.",
  );
}

async function bringControlPlaneUp(
  directory: string,
  found: ClusterRecord | null,
  request: ClusterUpRequest,
  launches: Launches,
  signal: AbortSignal,
): Promise<null> {
  const record = found ?? {
    schemaVersion: 1,
    port: request.port ?? defaultApiPort,
    etcdPort: await findLastingPort(),
    etcdPeerPort: await findLastingPort(),
    node: null,
    startedAt: new Date().toISOString(),
  };
  if (launches.find("kube-apiserver") === null) await checkPortFree(record.port);
  const plan = planControlPlane(directory, record);
  if (launches.list().size === 0) await writeControlPlaneFiles(plan);
  saveRecord(directory, record);
  for (const part of plannedParts(plan)) {
    throwIfInterrupted(signal);
    const runs = launches.find(part) !== null;
    await ensureControlPlanePart(part, plan, launches);
    tellPart(part, runs ? "runs already" : "started");
  }
  return null;
}

/** The control plane of a cluster without a node. */
export function planControlPlane(
  directory: string,
  { port, etcdPort, etcdPeerPort }: ClusterRecord,
): ControlPlanePlan {
  return {
    directory,
    address: loopback,
    port,
    etcdPort,
    etcdPeerPort,
    serviceCidr: unusedServiceCidr,
    auditLevel: "Metadata",
    controllers: true,
    scheduler: true,
  };
}

async function bringNodeUp(
  directory: string,
  found: ClusterRecord | null,
  request: ClusterUpRequest,
  launches: Launches,
  signal: AbortSignal,
): Promise<Namespaces> {
  const subnet = found?.node?.subnet ?? chooseSubnet(await listTakenSubnets());
  const syncFrequencySeconds =
    found?.node?.syncFrequencySeconds ??
    request.syncFrequencySeconds ??
    defaultSyncFrequencySeconds;
  const plan = planNode({
    directory,
    subnet,
    port: found?.port ?? request.port ?? defaultApiPort,
    syncFrequencySeconds,
  });
  const { port, etcdPort, etcdPeerPort } = plan.controlPlane;
  saveRecord(directory, {
    schemaVersion: 1,
    port,
    etcdPort,
    etcdPeerPort,
    node: { subnet, syncFrequencySeconds },
    startedAt: found?.startedAt ?? new Date().toISOString(),
  });
  const startMs = performance.now();
  const { namespaces } = await ensureNode(plan, launches, {
    onStep(what) {
      tellPart("node", `${what} (${formatMs(performance.now() - startMs)})`);
      throwIfInterrupted(signal);
    },
  });
  return namespaces;
}

/** The first range that the machine routes nowhere yet. @throws StackFault STEP_FAILED */
export function chooseSubnet(taken: ReadonlySet<number>): number {
  for (let subnet = firstSubnet; subnet < firstTestSubnet; subnet += 1)
    if (!taken.has(subnet)) return subnet;
  throw new StackFault(
    "STEP_FAILED",
    `every range from ${nodeAddresses(firstSubnet).range} to ${nodeAddresses(firstTestSubnet - 1).range} is in use on this machine`,
    "See who routes them: ip route",
  );
}

function tellWayIn(directory: string, { kubeconfig }: ClusterUpRequest): void {
  const own = controlPlanePaths(directory).kubeconfig("admin");
  if (kubeconfig !== undefined) {
    copyFileSync(own, kubeconfig);
    chmodSync(kubeconfig, 0o600);
  }
  const record = loadRecord(directory);
  if (record === null) return;
  const server =
    record.node === null
      ? serverUrl(planControlPlane(directory, record))
      : `https://${nodeAddresses(record.node.subnet).node}:${record.port}`;
  console.log(`
API server   ${server}
kubeconfig   ${kubeconfig === undefined ? own : resolve(kubeconfig)}
audit log    ${controlPlanePaths(directory).auditLog}

  export KUBECONFIG=${quoteForShell(kubeconfig === undefined ? own : resolve(kubeconfig))}
  ./mestore cluster down      ends it, --keep keeps its objects and images`);
}

/** A word as a shell takes it: as it is where nothing in it means anything to a shell. */
export function quoteForShell(word: string): string {
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
