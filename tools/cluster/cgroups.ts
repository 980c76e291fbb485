import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { waitFor } from "../stack/wait-for.ts";

/** Where Linux shows its control groups: one hierarchy (version 2) or one per controller (version 1). */
const cgroupRoot = "/sys/fs/cgroup";

/** Controllers without which no kubelet starts. */
const neededControllers = ["cpu", "memory", "pids"] as const;

const isUnified = () => existsSync(join(cgroupRoot, "cgroup.controllers"));

/** Directories in which a group of ours stands. */
function listHierarchies(): string[] {
  if (isUnified()) return [cgroupRoot];
  return readdirSync(cgroupRoot, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(cgroupRoot, name))
    .filter((path) => existsSync(join(path, "cgroup.procs")));
}

/** What is missing for a kubelet to count and limit what pods use; null when nothing is. */
export function findCgroupProblem(): string | null {
  if (!existsSync(cgroupRoot)) return `${cgroupRoot} is not there`;
  const found = isUnified()
    ? readFileSync(join(cgroupRoot, "cgroup.controllers"), "utf8").trim().split(" ")
    : listHierarchies().map((path) => path.slice(cgroupRoot.length + 1));
  const missing = neededControllers.filter(
    (name) => !found.some((one) => one.split(",").includes(name)),
  );
  return missing.length === 0 ? null : `the controllers ${missing.join(", ")} are missing`;
}

/**
 * Makes the group under which all pods of a node are counted.
 * @throws StackFault STEP_FAILED when the machine does not let us
 */
export function createCgroup(name: string): void {
  try {
    for (const hierarchy of listHierarchies()) {
      if (isUnified()) delegateControllers(hierarchy);
      const path = join(hierarchy, name);
      mkdirSync(path, { recursive: true });
      if (isUnified()) delegateControllers(path);
      else copyCpuset(hierarchy, path);
    }
  } catch (error) {
    throw new StackFault(
      "STEP_FAILED",
      `no control group can be made under ${cgroupRoot}: ${(error as Error).message}`,
      "Inside a container it has to be started with --privileged and --cgroupns=private.",
    );
  }
}

/** Version 2: a group's children have the controllers that it passes on. */
function delegateControllers(path: string): void {
  const controllers = readFileSync(join(path, "cgroup.controllers"), "utf8").trim();
  if (controllers === "") return;
  const switched = controllers.split(" ").map((name) => `+${name}`);
  writeFileSync(join(path, "cgroup.subtree_control"), switched.join(" "));
}

/** Version 1: a group without processors or memory nodes of its own takes no process. */
function copyCpuset(hierarchy: string, path: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"])
    if (existsSync(join(path, file)))
      writeFileSync(join(path, file), readFileSync(join(hierarchy, file), "utf8"));
}

/** Removes the group and all below it; processes that were just killed may take a moment to leave. */
export async function removeCgroup(name: string): Promise<void> {
  const tryAll = () => {
    for (const hierarchy of listHierarchies()) removeTree(join(hierarchy, name));
    return !listHierarchies().some((hierarchy) => existsSync(join(hierarchy, name)));
  };
  await waitFor(tryAll, {
    timeoutMs: 30_000,
    intervalMs: 50,
    what: `the control group ${name} to become empty`,
  });
}

function removeTree(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  rmdirSync(path);
}
