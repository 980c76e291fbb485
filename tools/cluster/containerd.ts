import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { prepareTool } from "../pins/tool.ts";
import { StackFault } from "../stack/fault.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { formatNetwork } from "./cni.ts";
import { writePrivate } from "./control-plane-files.ts";
import type { Launches } from "./launches.ts";
import { type Namespaces, runInside } from "./namespaces.ts";
import { insideNode, nodePaths, type NodePlan } from "./node-plan.ts";
import { ensurePauseArchive, pauseReference } from "./pause-image.ts";

const readyDeadlineMs = 30_000;

/** Where an image that is not loaded would be pulled from: nobody listens there, nothing leaves the machine. */
const closedRegistry = "http://127.0.0.1:9";

/** Starts containerd unless it runs, waits until it answers, and loads the pause image. */
export async function ensureContainerd(
  plan: NodePlan,
  namespaces: Namespaces,
  launches: Launches,
): Promise<void> {
  const paths = nodePaths(plan.directory);
  const [containerd, shim, runc, cni] = await Promise.all([
    prepareTool("containerd"),
    prepareTool("containerd-shim-runc-v2"),
    prepareTool("runc"),
    prepareTool("cni"),
  ]);
  for (const directory of [
    paths.containerdRoot,
    paths.cniConfiguration,
    join(paths.registryHosts, "_default"),
  ])
    mkdirSync(directory, { recursive: true, mode: 0o711 });
  const configuration = paths.configuration("containerd.toml");
  writePrivate(configuration, formatConfiguration({ ...paths, runc, cni }));
  writePrivate(join(paths.registryHosts, "_default", "hosts.toml"), formatHosts());
  writePrivate(join(paths.cniConfiguration, "10-mestore.conflist"), formatNetwork(plan));
  const logPath = paths.log("containerd");
  const server = await launches.ensure("containerd", {
    command: [containerd, "--config", configuration],
    logPath,
    programDirectories: [dirname(shim), dirname(runc)],
  });
  const ctr = await createCtr(namespaces);
  await waitUntilReady({
    name: "containerd",
    server,
    logPath,
    timeoutMs: readyDeadlineMs,
    probe: () => ctr(["version"]),
  });
  const images = await ctr(["images", "list", "--quiet"]);
  if (!images.split("\n").includes(pauseReference))
    await ctr(["images", "import", await ensurePauseArchive(plan.directory)]);
}

type Ctr = (words: readonly string[]) => Promise<string>;

/** Containerd's own client, inside the node. */
async function createCtr(namespaces: Namespaces): Promise<Ctr> {
  const ctr = await prepareTool("ctr");
  const address = `--address=${insideNode.containerdSocket}`;
  return (words) => runInside(namespaces, [ctr, address, "--namespace=k8s.io", ...words]);
}

/**
 * Loads OCI archives, so that pods can run their images.
 * @returns the references that are new or point to something new
 * @throws StackFault STEP_FAILED for a file that is no archive of images
 */
export async function loadImages(
  namespaces: Namespaces,
  archives: readonly string[],
): Promise<string[]> {
  const ctr = await createCtr(namespaces);
  const loaded: string[] = [];
  for (const archive of archives) {
    if (!(await Bun.file(archive).exists()))
      throw new StackFault(
        "STEP_FAILED",
        `${archive} is not there`,
        "./mestore image NAME writes the archive of an image and says where.",
      );
    loaded.push(...parseImported(await importArchive(ctr, archive)));
  }
  return loaded;
}

async function importArchive(ctr: Ctr, archive: string): Promise<string> {
  try {
    return await ctr(["images", "import", archive]);
  } catch (error) {
    throw new StackFault(
      "STEP_FAILED",
      `${archive} cannot be loaded: ${(error as Error).message}`,
      "It has to be an OCI archive, as ./mestore image, podman save or docker save (25 and newer) write it.",
    );
  }
}

/** `mestore.dev/operator:0.1.0 saved`, or with older versions `unpacking mestore.dev/… (sha256:…)...done`. */
export function parseImported(said: string): string[] {
  return said.split("\n").flatMap((line) => {
    const found = /^(?:unpacking )?(\S+:\S+?)\s+(?:saved|\(sha256:)/.exec(line.trim())?.[1];
    return found === undefined ? [] : [found];
  });
}

interface Places {
  readonly containerdRoot: string;
  readonly registryHosts: string;
  readonly cniConfiguration: string;
  readonly runc: string;
  readonly cni: string;
}

/** @see https://github.com/containerd/containerd/blob/main/docs/cri/config.md */
function formatConfiguration(places: Places): string {
  const text = (value: string) => JSON.stringify(value);
  return `version = 3
root = ${text(places.containerdRoot)}
state = ${text(insideNode.containerdState)}
disabled_plugins = ["io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = ${text(insideNode.containerdSocket)}

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = ${text(pauseReference)}
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = ${text(places.registryHosts)}

[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no process may lower its oom_score_adj, and every sandbox would fail.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = [${text(places.cni)}]
    conf_dir = ${text(places.cniConfiguration)}
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = ${text(places.runc)}
      SystemdCgroup = false

[plugins.'io.containerd.grpc.v1.cri']
  disable_tcp_service = true
`;
}

function formatHosts(): string {
  return `server = "${closedRegistry}"

[host."${closedRegistry}"]
  capabilities = ["pull", "resolve"]
`;
}
