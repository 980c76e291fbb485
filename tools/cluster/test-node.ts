import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { launchProcess, type ProcessId } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import type { KubeObject } from "./api-client.ts";
import { loadImages } from "./containerd.ts";
import { createLaunches, type Launches } from "./launches.ts";
import { findNamespaces, holderName, type Namespaces } from "./namespaces.ts";
import { ensureNode, removeNode } from "./node.ts";
import { listTakenSubnets, saysTaken } from "./node-network.ts";
import {
  defaultApiPort,
  firstTestSubnet,
  lastSubnet,
  nodeAddresses,
  nodeNames,
  type NodePlan,
  planNode,
} from "./node-plan.ts";
import { checkNodePreconditions } from "./preconditions.ts";
import { describeCluster, type TestCluster } from "./test-cluster.ts";
import { createHurtable, type Hurtable, unhurtable } from "./test-processes.ts";

/**
 * Real nodes for `.node.test.ts` files: the stack of `./mestore cluster up --node` in namespaces and
 * with addresses of its own, so that it disturbs neither a person's cluster nor another test's. Linux
 * and root. `./mestore test` starts one and names it in the environment; a test run by hand starts
 * its own, once a process. Whatever is started here ends with the process that started it.
 */
export const testNodeVariable = "MESTORE_TEST_NODE";

/** A control plane with a node under test; see `TestCluster`. */
export interface TestNode extends TestCluster {
  readonly plan: NodePlan;
  /** What the node and its pods are reached at from this machine, and CoreDNS inside them. */
  readonly addresses: ReturnType<typeof nodeAddresses>;
  /** Loads an OCI archive; gives the references of its images. */
  loadImage(archivePath: string): Promise<readonly string[]>;
  /** What a container has written, the last `tailLines` of it when given. */
  podLogs(
    namespace: string,
    pod: string,
    options?: { readonly container?: string; readonly tailLines?: number },
  ): Promise<string>;
  /**
   * Waits until the latest version of a Deployment is rolled out and available.
   * @throws when it is not within `timeoutMs` (60 s)
   */
  waitForDeployment(namespace: string, name: string, timeoutMs?: number): Promise<void>;
}

/** What a node of one's own is like. */
export interface StartNodeOptions {
  /** How often the kubelet looks at each pod, in seconds; 1 unless said otherwise. */
  readonly syncFrequencySeconds?: number;
  /** Of the controller manager: `--horizontal-pod-autoscaler-sync-period=5s`. */
  readonly controllerManagerArguments?: readonly string[];
}

/**
 * A node that this run's tests share; make a namespace of your own in it.
 * @throws StackFault where the machine cannot have one (`checkNodePreconditions`)
 */
export async function useNode(): Promise<TestNode> {
  const note = process.env[testNodeVariable] ?? (await startOncePerProcess());
  const plan = JSON.parse(readFileSync(note, "utf8")) as NodePlan;
  const outside = createLaunches({ directory: plan.directory });
  return describeNode(plan, enter(outside), unhurtable);
}

/** A node for one test alone. */
export async function startNode(options: StartNodeOptions = {}): Promise<TestNode> {
  return (await launchNode(options)).node;
}

/** The node that all test files of one run share; `note` is the value of `testNodeVariable`. */
export async function startSharedNode(): Promise<{ note: string; stop(): Promise<void> }> {
  const { plan, node } = await launchNode({
    // Fifteen seconds, the default, would be most of the time of a test of scaling.
    controllerManagerArguments: ["--horizontal-pod-autoscaler-sync-period=5s"],
  });
  const note = join(plan.directory, "plan.json");
  writeFileSync(note, JSON.stringify(plan), { mode: 0o600 });
  return { note, stop: () => node.stop() };
}

let ownShared: Promise<string> | undefined;

/** The files of one `bun test --isolate` share nothing but the process and its room. */
function startOncePerProcess(): Promise<string> {
  ownShared ??= (async () => {
    const pointer = join((await openGuardedRoom()).directory, "shared-node");
    if (existsSync(pointer)) return readFileSync(pointer, "utf8");
    const { note } = await startSharedNode();
    writeFileSync(pointer, note, { mode: 0o600 });
    return note;
  })();
  return ownShared;
}

async function launchNode(options: StartNodeOptions): Promise<{ plan: NodePlan; node: TestNode }> {
  const room = await openGuardedRoom();
  const taken = new Set(await listTakenSubnets());
  for (;;) {
    const plan = planNode({
      directory: join(room.directory, `node-${randomBytes(4).toString("hex")}`),
      subnet: chooseTestSubnet(taken),
      port: defaultApiPort,
      syncFrequencySeconds: options.syncFrequencySeconds ?? 1,
      controllerManagerArguments: options.controllerManagerArguments ?? [],
    });
    mkdirSync(plan.directory, { mode: 0o711 });
    await checkNodePreconditions(plan.directory);
    await guardNode(plan);
    const outside = createLaunches({
      directory: plan.directory,
      onLaunched: (id) => room.guard(id),
      onStopped: ({ pid }) => room.release(pid),
    });
    try {
      const { namespaces, launches } = await ensureNode(plan, outside);
      const stop = () => removeNode(plan, outside);
      const hurtable = { ...createHurtable(plan.controlPlane, launches), stop };
      return { plan, node: describeNode(plan, namespaces, hurtable) };
    } catch (error) {
      await removeNode(plan, outside);
      // Another test took the name of the link in the same moment.
      if (!saysTaken(error)) throw error;
      taken.add(plan.subnet);
    }
  }
}

function chooseTestSubnet(taken: ReadonlySet<number>): number {
  for (let subnet = firstTestSubnet; subnet <= lastSubnet; subnet += 1)
    if (!taken.has(subnet)) return subnet;
  throw new Error("every range of addresses for nodes of tests is in use: see ip route");
}

/**
 * The guard of the room kills the first process of a node, and the kernel the rest; its control group
 * stays. A shell removes it when this process has ended. Everything else goes with the namespaces.
 */
const cgroupGuard = `
trap '' INT TERM HUP
while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 0.5; done
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  found=
  for group in /sys/fs/cgroup/"$3" /sys/fs/cgroup/*/"$3"; do
    [ -d "$group" ] || continue
    found=yes
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
  done
  [ -n "$found" ] || break
  sleep 0.5
done
`;

/**
 * Lets nothing remain of a node when the process that calls is killed; see `openGuardedRoom` for the rest.
 * @returns the shell, which also ends when the directory of the node is gone
 */
export function guardNode(plan: Pick<NodePlan, "directory" | "subnet">): Promise<ProcessId> {
  const { cgroup } = nodeNames(plan);
  return launchProcess({
    command: ["/bin/sh", "-c", cgroupGuard, "sh", String(process.pid), plan.directory, cgroup],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logPath: "/dev/null",
  });
}

/** The namespaces of a node that runs. @throws when it does not */
function enter(outside: Launches): Namespaces {
  const holder = outside.find(holderName);
  const namespaces = holder === null ? null : findNamespaces(holder);
  if (namespaces === null) throw new Error("the node of this test run has ended");
  return namespaces;
}

function describeNode(plan: NodePlan, namespaces: Namespaces, hurtable: Hurtable): TestNode {
  const cluster = describeCluster(plan.controlPlane, hurtable);
  return {
    ...cluster,
    plan,
    addresses: nodeAddresses(plan.subnet),
    loadImage: (path) => loadImages(namespaces, [path]),
    podLogs(namespace, pod, { container, tailLines } = {}) {
      const query = new URLSearchParams({
        ...(container === undefined ? {} : { container }),
        ...(tailLines === undefined ? {} : { tailLines: String(tailLines) }),
      });
      return cluster.request(
        "GET",
        `/api/v1/namespaces/${namespace}/pods/${pod}/log?${query.toString()}`,
      );
    },
    async waitForDeployment(namespace, name, timeoutMs = 60_000) {
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
      await waitFor(async () => isRolledOut(await cluster.request("GET", path)), {
        timeoutMs,
        intervalMs: 100,
        what: `the deployment ${namespace}/${name} to be rolled out`,
      });
    },
  };
}

/** As `kubectl rollout status` sees it. */
function isRolledOut({ metadata, spec, status }: KubeObject): boolean {
  const {
    observedGeneration = 0,
    replicas = 0,
    updatedReplicas = 0,
    availableReplicas = 0,
  } = status;
  return (
    observedGeneration >= metadata.generation &&
    updatedReplicas === spec.replicas &&
    replicas === updatedReplicas &&
    availableReplicas === updatedReplicas
  );
}
