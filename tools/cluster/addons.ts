import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { prepareTool } from "../pins/tool.ts";
import { type ApiClient, contentTypes } from "./api-client.ts";
import { formatCorefile, listVolumes, planAddonObjects } from "./addon-objects.ts";
import { writePrivate } from "./control-plane-files.ts";
import type { Launches } from "./launches.ts";
import { metricsServerPort, nodeAddresses, nodePaths, type NodePlan } from "./node-plan.ts";

/** Who writes the objects of the addons. */
const fieldManager = "mestore-cluster";

/**
 * How often metrics-server asks the kubelet. Less than the timeout of one question, 5 s, makes it end
 * at once.
 */
const metricsResolution = "10s";

/** Starts CoreDNS and metrics-server unless they run, and makes what they need in the cluster. */
export async function ensureAddons(
  plan: NodePlan,
  client: ApiClient,
  launches: Launches,
): Promise<void> {
  const paths = nodePaths(plan.directory);
  for (const name of listVolumes()) {
    const directory = join(paths.volumes, name);
    mkdirSync(directory, { recursive: true });
    // Whoever a store runs as may write; the directory above is the owner's alone.
    chmodSync(directory, 0o777);
  }
  const authority = readFileSync(paths.certificate("ca"), "utf8");
  for (const { collection, object } of planAddonObjects(plan, authority))
    await client.request(
      "PATCH",
      `${collection}/${object.metadata.name}?fieldManager=${fieldManager}&force=true`,
      object,
      { contentType: contentTypes.apply },
    );
  await Promise.all([ensureCoreDns(plan, launches), ensureMetricsServer(plan, launches)]);
}

async function ensureCoreDns(plan: NodePlan, launches: Launches): Promise<void> {
  const paths = nodePaths(plan.directory);
  const configuration = paths.configuration("Corefile");
  writePrivate(configuration, formatCorefile(plan));
  await launches.ensure("coredns", {
    command: [await prepareTool("coredns"), "-conf", configuration],
    logPath: paths.log("coredns"),
  });
}

async function ensureMetricsServer(plan: NodePlan, launches: Launches): Promise<void> {
  const paths = nodePaths(plan.directory);
  const kubeconfig = paths.kubeconfig("metrics-server");
  await launches.ensure("metrics-server", {
    command: [
      await prepareTool("metrics-server"),
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--bind-address=${nodeAddresses(plan.subnet).node}`,
      `--secure-port=${metricsServerPort}`,
      `--tls-cert-file=${paths.certificate("metrics-server")}`,
      `--tls-private-key-file=${paths.key("metrics-server")}`,
      // The kubelet signs the certificate of its own port itself.
      "--kubelet-insecure-tls",
      "--kubelet-preferred-address-types=InternalIP",
      "--kubelet-request-timeout=5s",
      `--metric-resolution=${metricsResolution}`,
    ],
    logPath: paths.log("metrics-server"),
  });
}
