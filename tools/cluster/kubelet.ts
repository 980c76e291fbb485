import { mkdirSync } from "node:fs";
import { prepareTool } from "../pins/tool.ts";
import { writePrivate } from "./control-plane-files.ts";
import { clusterDomain } from "./control-plane-plan.ts";
import type { Launches } from "./launches.ts";
import {
  insideNode,
  nodeAddresses,
  nodeName,
  nodeNames,
  nodePaths,
  type NodePlan,
} from "./node-plan.ts";

/** Starts the kubelet unless it runs. The node is Ready some 3 s later. */
export async function ensureKubelet(plan: NodePlan, launches: Launches): Promise<void> {
  const paths = nodePaths(plan.directory);
  mkdirSync(paths.podLogs, { recursive: true, mode: 0o755 });
  // A pod that wants the machine's resolver gets none: nothing here leads out of the machine.
  writePrivate(paths.configuration("resolv.conf"), "");
  const configuration = paths.configuration("kubelet.json");
  writePrivate(configuration, JSON.stringify(planConfiguration(plan), null, 2));
  await launches.ensure("kubelet", {
    command: [
      await prepareTool("kubelet"),
      `--config=${configuration}`,
      `--kubeconfig=${paths.kubeconfig("kubelet")}`,
      `--root-dir=${insideNode.kubeletRoot}`,
      `--cert-dir=${insideNode.kubeletRoot}/pki`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddresses(plan.subnet).node}`,
    ],
    logPath: paths.log("kubelet"),
  });
}

/** @see https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function planConfiguration(plan: NodePlan): object {
  const paths = nodePaths(plan.directory);
  const { node, dns } = nodeAddresses(plan.subnet);
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: node,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: paths.certificate("ca") },
    },
    authorization: { mode: "Webhook" },
    clusterDNS: [dns],
    clusterDomain,
    resolvConf: paths.configuration("resolv.conf"),
    containerRuntimeEndpoint: `unix://${insideNode.containerdSocket}`,
    // Pods of two nodes on one machine are counted apart, and go with their node.
    cgroupRoot: `/${nodeNames(plan).cgroup}`,
    cgroupDriver: "cgroupfs",
    // Many a machine still has version 1.
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    makeIPTablesUtilChains: false,
    podLogsDir: paths.podLogs,
    healthzBindAddress: "127.0.0.1",
    syncFrequency: `${plan.syncFrequencySeconds}s`,
    nodeStatusUpdateFrequency: "5s",
    // What was loaded by hand cannot be pulled again, so it is never thrown away.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "memory.available": "200Mi",
      "nodefs.available": "1%",
      "imagefs.available": "1%",
    },
  };
}
