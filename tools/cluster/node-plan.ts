import { createHash } from "node:crypto";
import { join } from "node:path";
import { firstAddress } from "./control-plane-files.ts";
import { controlPlanePaths, type ControlPlanePlan } from "./control-plane-plan.ts";

/** Programs of a node, in the order in which they start. */
export const nodeParts = [
  "containerd",
  "kubelet",
  "kube-proxy",
  "coredns",
  "metrics-server",
] as const;

/** Name of a part and of its program. */
export type NodePart = (typeof nodeParts)[number];

/**
 * A node is not the machine itself but namespaces on it (network, mounts, processes), as kind does
 * it with a container: what runs in it touches no firewall, no bridge, no mount and no fixed path of
 * the machine, several nodes live side by side, and all of it goes with one process. The machine has
 * one link to it and one route.
 */
export interface NodePlan {
  readonly directory: string;
  readonly controlPlane: ControlPlanePlan;
  /** Second number of all addresses: `10.SUBNET.0.0/16` belongs to this node. */
  readonly subnet: number;
  /** How long a kubelet may take to see that a pod should change, in seconds. */
  readonly syncFrequencySeconds: number;
}

/** Name of the node in the cluster. */
export const nodeName = "mestore-node";

/**
 * A range of 10.0.0.0/8 where neither container engines (10.88 podman, 10.89) nor the common
 * defaults of clusters (10.0, 10.42, 10.43, 10.96, 10.244) lie.
 */
export const firstSubnet = 200;
/** The end of that range. */
export const lastSubnet = 231;

/** The range has room for a person's node and those of tests: 16 of each kind. */
export const firstTestSubnet = 216;

/** Of the API server, the same in every cluster: the address is the node's own. */
export const defaultApiPort = 26_443;

/** Inside a node nothing else listens, so that these need not be searched. */
const etcdPorts = { etcdPort: 2379, etcdPeerPort: 2380 };

/** Of metrics-server. */
export const metricsServerPort = 26_444;

/** The addresses of a node. All follow from the subnet. */
export function nodeAddresses(subnet: number) {
  const serviceCidr = `10.${subnet}.64.0/18`;
  return {
    /** All of it, for the comparison with the routes that the machine has. */
    range: `10.${subnet}.0.0/16`,
    podCidr: `10.${subnet}.0.0/18`,
    serviceCidr,
    /** What the machine sends into the node: pods and Services. */
    routed: `10.${subnet}.0.0/17`,
    /** The machine's end of the link. */
    host: `10.${subnet}.128.1`,
    /** The node's end, where the API server, kubelet, CoreDNS and metrics-server listen. */
    node: `10.${subnet}.128.2`,
    linkPrefix: 30,
    dns: firstAddress(serviceCidr, 10),
  };
}

/** What may differ between nodes. */
export interface NodeChoices {
  readonly directory: string;
  readonly subnet: number;
  readonly port: number;
  readonly syncFrequencySeconds: number;
  readonly auditLevel?: ControlPlanePlan["auditLevel"];
  readonly controllerManagerArguments?: readonly string[];
}

/** A node and its control plane, which runs in the same namespaces. */
export function planNode(choices: NodeChoices): NodePlan {
  const { directory, subnet, port, syncFrequencySeconds, auditLevel = "Metadata" } = choices;
  const { node, serviceCidr } = nodeAddresses(subnet);
  return {
    directory,
    subnet,
    syncFrequencySeconds,
    controlPlane: {
      directory,
      address: node,
      advertiseAddress: node,
      port,
      ...etcdPorts,
      serviceCidr,
      auditLevel,
      controllers: true,
      scheduler: true,
      extraArguments: { "kube-controller-manager": choices.controllerManagerArguments ?? [] },
    },
  };
}

/** Names of what the machine itself sees of a node. */
export function nodeNames({ directory, subnet }: Pick<NodePlan, "directory" | "subnet">) {
  const hash = createHash("sha256").update(directory).digest("hex").slice(0, 10);
  return { link: `mestore${subnet}`, cgroup: `mestore-${hash}` };
}

/** The directories of a node's programs, beside those of its control plane. */
export function nodePaths(directory: string) {
  return {
    ...controlPlanePaths(directory),
    configuration: (name: string) => join(directory, "config", name),
    containerdRoot: join(directory, "containerd"),
    registryHosts: join(directory, "config", "registries"),
    cniConfiguration: join(directory, "config", "cni"),
    podLogs: join(directory, "pod-logs"),
    volumes: join(directory, "volumes"),
  };
}

/**
 * Inside the node /run and /var/lib are its own, so that these short names are nobody else's. (The path of a socket
 * has 107 characters at most, which the directory of a checkout may exceed.)
 */
export const insideNode = {
  containerdState: "/run/containerd",
  containerdSocket: "/run/containerd/containerd.sock",
  cniAddresses: "/run/cni",
  /** Of the node's directory, see namespaces.ts. */
  kubeletRoot: "/var/lib/kubelet",
} as const;
