import { type Command, InvalidArgumentError } from "commander";
import { createHomePaths } from "../stack/paths.ts";
import { wholeNumber } from "./options.ts";

/** Adds `cluster up | status | load | down` to the command line. */
export function registerCluster(program: Command): void {
  const cluster = program
    .command("cluster")
    .summary("a local Kubernetes: an API server, with --node one that runs containers")
    .description(
      "A Kubernetes of this machine alone, with its own authority, RBAC and an audit log; no " +
        "container engine and no registry. Everything of it lies under .mestore/cluster.",
    )
    .helpCommand(false);
  registerClusterUp(cluster);
  cluster
    .command("status")
    .summary("what of it runs")
    .description(
      "Says what of the cluster runs and how to get in. Exits with 1 when something does not run.",
    )
    .option("--json", "the same for programs")
    .action(async (options: { json?: true }) => {
      const { showClusterStatus } = await import("../cluster/cluster-session.ts");
      if (!showClusterStatus(createHomePaths(), { json: options.json === true }))
        process.exitCode = 1;
    });
  cluster
    .command("load")
    .argument("<archive...>", "OCI archives, as ./mestore image writes them")
    .summary("load images into the node")
    .description("Loads images into the node, so that pods run them, and prints their references.")
    .action(async (archives: string[]) => {
      const { runClusterLoad } = await import("../cluster/cluster-session.ts");
      await runClusterLoad(createHomePaths(), archives);
    });
  cluster
    .command("down")
    .summary("end it and remove it")
    .description(
      "Ends what `up` started, by process number, and removes its files, mounts, links, firewall " +
        "tables and control groups.",
    )
    .option(
      "--keep",
      "keep objects and images for the next `up`, as when a machine is switched off",
    )
    .action(async (options: { keep?: true }) => {
      const { runClusterDown } = await import("../cluster/cluster-session.ts");
      await runClusterDown(createHomePaths(), { keep: options.keep === true });
    });
}

interface UpOptions {
  readonly node?: true;
  readonly port?: number;
  readonly syncFrequency?: number;
  readonly image?: string[];
  readonly kubeconfig?: string;
}

function registerClusterUp(cluster: Command): void {
  cluster
    .command("up")
    .summary("start it, or what of it does not run")
    .description(
      "Starts etcd, the API server, the controllers and the scheduler; with --node also a node: " +
        "containerd, kubelet, Services, DNS, the metrics API (kubectl top, from half a minute on) and " +
        "volumes. What runs already stays as it is.\n\n" +
        "A node needs Linux and root. It has its own network, mounts and processes; the machine has one " +
        "link and one route to it. NetworkPolicies are accepted and not enforced.",
    )
    .option("--node", "with a node that runs containers")
    .option("--port <port>", "of the API server (26443)", wholeNumber(1, 65_535))
    .option(
      "--sync-frequency <seconds>",
      "how often the kubelet looks at each pod: a changed ConfigMap arrives within 2 s with the " +
        "default of 1; Kubernetes' own default is 60",
      wholeNumber(1, 3600),
    )
    .option("--image <archive...>", "OCI archives to load, as ./mestore image writes them")
    .option("--kubeconfig <path>", "where to put a further copy of the kubeconfig", newFile)
    .action(async ({ image, syncFrequency, ...options }: UpOptions) => {
      const { runClusterUp } = await import("../cluster/cluster-up.ts");
      await runClusterUp(createHomePaths(), {
        ...options,
        images: image ?? [],
        ...(syncFrequency === undefined ? {} : { syncFrequencySeconds: syncFrequency }),
      });
    });
}

/** A person's own configuration of many clusters is not ours to replace. */
function newFile(path: string): string {
  if (/(^|\/)\.kube\/config$/.test(path))
    throw new InvalidArgumentError("That file may hold other clusters; name another one.");
  return path;
}
