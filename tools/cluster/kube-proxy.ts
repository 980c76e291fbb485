import { dirname } from "node:path";
import { prepareTool } from "../pins/tool.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { writePrivate } from "./control-plane-files.ts";
import type { Launches } from "./launches.ts";
import { nodeAddresses, nodeName, nodePaths, type NodePlan } from "./node-plan.ts";

const healthPort = 10_256;

const readyDeadlineMs = 30_000;

/** A connection that is opened while the firewall rules are written may go nowhere. */
const probeTimeoutMs = 1_000;

/** Starts kube-proxy unless it runs, and waits until Services are reachable. */
export async function ensureKubeProxy(plan: NodePlan, launches: Launches): Promise<void> {
  const paths = nodePaths(plan.directory);
  const { node } = nodeAddresses(plan.subnet);
  const running = launches.find("kube-proxy");
  const configuration = paths.configuration("kube-proxy.json");
  // It ends when its configuration is touched.
  if (running === null)
    writePrivate(configuration, JSON.stringify(planConfiguration(plan), null, 2));
  const [proxy, nft, conntrack] = await Promise.all([
    prepareTool("kube-proxy"),
    prepareTool("nft"),
    prepareTool("conntrack"),
  ]);
  const logPath = paths.log("kube-proxy");
  const server = await launches.ensure("kube-proxy", {
    command: [proxy, `--config=${configuration}`],
    logPath,
    programDirectories: [dirname(nft), dirname(conntrack)],
  });
  await waitUntilReady({
    name: "kube-proxy",
    server,
    logPath,
    timeoutMs: readyDeadlineMs,
    probe: async () => {
      const response = await fetch(`http://${node}:${healthPort}/healthz`, {
        signal: AbortSignal.timeout(probeTimeoutMs),
      });
      if (!response.ok) throw new Error(`kube-proxy: ${response.status}`);
    },
  });
}

/** @see https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
function planConfiguration(plan: NodePlan): object {
  const { node, podCidr } = nodeAddresses(plan.subnet);
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clientConnection: { kubeconfig: nodePaths(plan.directory).kubeconfig("kube-proxy") },
    clusterCIDR: podCidr,
    hostnameOverride: nodeName,
    bindAddress: node,
    healthzBindAddress: `${node}:${healthPort}`,
    metricsBindAddress: "127.0.0.1:10249",
    nodePortAddresses: [`${node}/32`],
    oomScoreAdj: 0,
    // The machine's limits of connections are its own business.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}
