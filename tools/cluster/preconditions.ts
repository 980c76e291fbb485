import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { findProgram } from "../stack/find-program.ts";
import { isPortFree } from "../stack/free-port.ts";
import { isRoot } from "../stack/paths.ts";
import { findPortOwner } from "../up/port-owner.ts";
import { findCgroupProblem } from "./cgroups.ts";
import { runProgram } from "./run-program.ts";

/** What a node needs of the machine, looked at before anything is started, each with its way out. */

/** linux/capability.h */
const neededCapabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

/** Programs of util-linux and iproute2, which nearly every Linux has. */
const neededPrograms = {
  unshare: "apt-get install -y util-linux",
  nsenter: "apt-get install -y util-linux",
  mount: "apt-get install -y mount",
  ip: "apt-get install -y iproute2",
} as const;

const withoutNode = "A control plane without a node runs here: ./mestore cluster up";

/**
 * @param directory of the node, where images and containers are to be kept
 * @throws StackFault UNSUPPORTED_PLATFORM, ACCESS_DENIED, MISSING_TOOL or STEP_FAILED with what is missing
 */
export async function checkNodePreconditions(directory: string): Promise<void> {
  if (process.platform !== "linux")
    throw new StackFault("UNSUPPORTED_PLATFORM", "a node runs on Linux only", withoutNode);
  const awkward = findPathProblem(directory);
  if (awkward !== null)
    throw new StackFault(
      "STEP_FAILED",
      awkward,
      `MESTORE_HOME=DIRECTORY keeps the node elsewhere. ${withoutNode}`,
    );
  const problem = findRightsProblem(isRoot, readFileSync("/proc/self/status", "utf8"));
  if (problem !== null) throw new StackFault("ACCESS_DENIED", problem.message, problem.hint);
  for (const [name, command] of Object.entries(neededPrograms))
    if (findProgram(name) === null)
      throw new StackFault("MISSING_TOOL", `a node needs the program ${name}`, `Run: ${command}`);
  const cgroups = findCgroupProblem();
  if (cgroups !== null)
    throw new StackFault(
      "UNSUPPORTED_PLATFORM",
      `pods are counted by control groups: ${cgroups}`,
      `Mount them (mount -t cgroup2 none /sys/fs/cgroup). ${withoutNode}`,
    );
  await tryNamespaces(directory);
}

/** Why a node cannot have this directory, null when it can: overlayfs separates its options by commas, their paths by colons. */
export function findPathProblem(directory: string): string | null {
  const found = /[,:"\\\p{Cc}]/u.exec(directory)?.[0];
  if (found === undefined) return null;
  return `a node mounts what lies in ${directory}, and a mount cannot name a path with ${JSON.stringify(found)} in it`;
}

/** Why these rights do not do, null when they do. @param status text of /proc/self/status */
export function findRightsProblem(
  root: boolean,
  status: string,
): { readonly message: string; readonly hint: string } | null {
  if (!root)
    return {
      message: "a node has containers, mounts and networks, which only root may make",
      hint: `Run: sudo ./mestore cluster up --node. ${withoutNode}`,
    };
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const missing = Object.entries(neededCapabilities).flatMap(([name, bit]) =>
    (effective >> BigInt(bit)) & 1n ? [] : [name],
  );
  if (missing.length === 0) return null;
  return {
    message: `root lacks ${missing.join(" and ")} here, as in a container without privileges`,
    hint: `Start the container with --privileged. ${withoutNode}`,
  };
}

/** Makes, for a moment, what a node is made of: asking the kernel is surer than reading its settings. */
async function tryNamespaces(directory: string): Promise<void> {
  const trial = join(directory, "trial");
  const folders = ["lower", "upper", "work", "merged"].map((name) => join(trial, name));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const script =
    "mount --make-rprivate / && " +
    'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4" && ' +
    "ip link add probe0 type veth peer name probe1";
  try {
    await runProgram([
      "unshare",
      "--net",
      "--mount",
      "--pid",
      "--fork",
      "--mount-proc",
      "/bin/sh",
      "-c",
      script,
      "sh",
      ...folders,
    ]);
  } catch (error) {
    throw new StackFault(
      "UNSUPPORTED_PLATFORM",
      `this kernel does not give a node its own mounts (overlayfs) and network (veth): ${(error as Error).message}`,
      `MESTORE_HOME=DIRECTORY keeps images on another file system, for overlayfs does not take each. ${withoutNode}`,
    );
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

/** @throws StackFault PORT_TAKEN with who has it */
export async function checkPortFree(port: number): Promise<void> {
  if (await isPortFree(port)) return;
  const owner = findPortOwner(port);
  const who = owner === null ? "somebody else" : `process ${owner.pid} (${owner.command})`;
  throw new StackFault(
    "PORT_TAKEN",
    `port ${port} is taken by ${who}`,
    `Stop it, or choose another one: ./mestore cluster up --port ${port + 1}`,
  );
}
