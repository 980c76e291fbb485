import { existsSync, readdirSync, readFileSync } from "node:fs";
import { StackFault } from "../stack/fault.ts";
import { isAlive, type ProcessId, readBirth, signalProcess } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { createLaunches, type Launches, type LaunchSettings } from "./launches.ts";
import { runProgram } from "./run-program.ts";

/** Name of the process that holds the namespaces: with it everything in them goes. */
export const holderName = "node";

/**
 * The first process of a node. It makes a view of the file system in which the fixed paths of
 * kubelet, containerd and CNI (/run, /var/lib, /var/log) are copies in memory, while the directory of
 * the node ($1) stays the one on the disk, and holds that of the kubelet; then it does what init
 * does, and reaps orphans.
 */
const holderScript = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/node/directory
mount --bind "$1" /run/node/directory
for name in lib log; do
  mkdir -p /run/node/upper/$name /run/node/work/$name
  mount -t overlay overlay -o lowerdir=/var/$name,upperdir=/run/node/upper/$name,workdir=/run/node/work/$name /var/$name
done
mount --bind /run/node/directory "$1"
umount /run/node/directory
mkdir -p "$1/kubelet" /var/lib/kubelet
mount --bind "$1/kubelet" /var/lib/kubelet
mount --make-rshared /
mkdir -p /run/containerd /run/cni
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
: >/run/node/ready
trap : TERM INT HUP
while :; do sleep 86400 & wait $! || :; done
`;

const readyDeadlineMs = 20_000;

/** Namespaces that a command enters, as the arguments of nsenter. */
const entered = ["--net", "--mount", "--pid"] as const;

/** A running node as a place to start programs in. */
export interface Namespaces {
  /** Its first process, as the machine counts it. */
  readonly init: ProcessId;
  /** The command that runs another one inside. */
  wrap(command: readonly string[]): readonly string[];
}

/**
 * Makes the namespaces unless they are there.
 * @throws StackFault STEP_FAILED when the kernel refuses, with what it said
 */
export async function ensureNamespaces(directory: string, outside: Launches): Promise<Namespaces> {
  const logPath = `${directory}/logs/${holderName}.log`;
  const holder = await outside.ensure(holderName, {
    command: [
      "unshare",
      ...entered,
      "--fork",
      "--mount-proc",
      "--kill-child",
      "/bin/sh",
      "-c",
      holderScript,
      "sh",
      directory,
    ],
    logPath,
  });
  try {
    return await waitFor(() => findNamespaces(holder), {
      timeoutMs: readyDeadlineMs,
      what: "the namespaces of the node",
    });
  } catch (error) {
    await outside.stop(holderName, { signal: "SIGKILL" });
    const said = readFileSync(logPath, "utf8").trim().split("\n").slice(-4).join("\n");
    throw new StackFault("STEP_FAILED", `${(error as Error).message}\n${said}`);
  }
}

/** The namespaces that this process holds, null while they are not ready. */
export function findNamespaces(holder: ProcessId): Namespaces | null {
  const init = findChild(holder);
  // The last thing that it does before it waits is to write this file.
  if (init === null || !existsSync(`/proc/${init.pid}/root/run/node/ready`)) return null;
  return {
    init,
    wrap: (command) => ["nsenter", `--target=${init.pid}`, ...entered, "--", ...command],
  };
}

/** Starts programs inside; the processes are those of the programs, not of nsenter. */
export function launchInside(
  namespaces: Namespaces,
  settings: Omit<LaunchSettings, "wrap" | "unwrap">,
): Launches {
  return createLaunches({
    ...settings,
    wrap: namespaces.wrap,
    unwrap: (wrapper) =>
      waitFor(
        () => {
          const child = findChild(wrapper);
          // A program that has ended already is found dead by whoever waits for its answer.
          return child ?? (isAlive(wrapper) ? null : wrapper);
        },
        { what: "the program that nsenter starts" },
      ),
  });
}

/** Runs a program inside to its end, see `runProgram`. */
export function runInside(namespaces: Namespaces, command: readonly string[]): Promise<string> {
  return runProgram(namespaces.wrap(command));
}

/** Ends everything that runs in a node at once. */
export async function endNamespaces(holder: ProcessId): Promise<void> {
  const init = findChild(holder);
  signalProcess(holder, "SIGKILL");
  if (init !== null) signalProcess(init, "SIGKILL");
  await waitFor(() => !isAlive(holder) && (init === null || !isAlive(init)), {
    timeoutMs: readyDeadlineMs,
    what: "the processes of the node to end",
  });
}

/** The first child of a process, null where it has none. */
function findChild(parent: ProcessId): ProcessId | null {
  if (!isAlive(parent)) return null;
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || readParent(pid) !== parent.pid) continue;
    const birth = readBirth(pid);
    if (birth !== null) return { pid, birth };
  }
  return null;
}

/** proc_pid_stat(5): the parent is field 4, after the name in parentheses and the state. */
function readParent(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}
