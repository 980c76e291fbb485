import type { ToolName } from "../pins/table.ts";
import { dropGoCaches, findTool, prepareTools } from "../pins/tool.ts";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { asStackFault, type StackFault } from "../stack/fault.ts";
import { findProgram } from "../stack/find-program.ts";
import type { Progress } from "./progress.ts";
import type { SuiteName } from "./suites.ts";

/** What the control plane that tests share is made of. */
const controlPlane = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;

/** The pinned tools that the tests of a suite drive; `./mestore tools` brings them. */
export const toolsOf: Readonly<Record<SuiteName, readonly ToolName[]>> = {
  fast: [],
  stores: [],
  rules: ["promtool", "prometheus"],
  browser: [],
  charts: ["helm3", "helm4", "kubeconform", "kube-score", "promtool", ...controlPlane],
  cluster: [...controlPlane, "kube-scheduler", "kwok"],
  node: [
    ...controlPlane,
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "cni",
    "nft",
    "conntrack",
    "pause",
    "metrics-server",
    "coredns",
    "helm3",
    "helm4",
    // Its image is made of it.
    "prometheus",
  ],
  soak: [...controlPlane],
};

/** What `suite` lacks on this machine, in words; null when it lacks nothing. */
export function findMissingTool(suite: SuiteName): string | null {
  return findObstacle(suite) ?? toolsOf[suite].find((name) => findTool(name) === null) ?? null;
}

/** What a suite lacks that we cannot bring. */
function findObstacle(suite: SuiteName): string | null {
  if (suite === "node" && (process.platform !== "linux" || process.getuid?.() !== 0))
    return "Linux with root";
  if (suite !== "browser" || process.env["CHROMIUM"] !== undefined) return null;
  const browsers = ["chromium", "google-chrome"];
  return browsers.some((name) => findProgram(name) !== null) ? null : browsers.join(" or ");
}

/**
 * Brings what the suites need and this machine lacks. Gives why a suite cannot run, for those that
 * cannot.
 */
export async function prepareSuites(
  suites: readonly SuiteName[],
  progress: Progress,
  signal: AbortSignal,
): Promise<ReadonlyMap<SuiteName, string>> {
  const reasons = new Map<SuiteName, string>();
  for (const suite of suites) {
    const reason = await findReason(suite);
    if (reason !== null) reasons.set(suite, reason);
  }
  const faults = await bring(
    suites.filter((suite) => !reasons.has(suite)).flatMap((suite) => toolsOf[suite]),
    progress,
    signal,
  );
  for (const suite of suites) {
    const name = toolsOf[suite].find((tool) => faults.has(tool));
    const fault = name === undefined ? undefined : faults.get(name);
    if (fault !== undefined && !reasons.has(suite))
      reasons.set(suite, `it needs ${name}. ${describeFault(fault)}`);
  }
  return reasons;
}

/** Why a suite cannot run here whatever we bring. */
async function findReason(suite: SuiteName): Promise<string | null> {
  const obstacle = findObstacle(suite);
  if (obstacle !== null) return `it needs ${obstacle}`;
  if (suite !== "node") return null;
  const { checkNodePreconditions } = await import("../cluster/preconditions.ts");
  try {
    await checkNodePreconditions((await openGuardedRoom()).directory);
    return null;
  } catch (error) {
    const fault = asStackFault(error);
    if (fault === null) throw error;
    return describeFault(fault);
  }
}

async function bring(
  names: readonly ToolName[],
  progress: Progress,
  signal: AbortSignal,
): Promise<ReadonlyMap<ToolName, StackFault>> {
  if (names.every((name) => findTool(name) !== null)) return new Map();
  try {
    const outcomes = await prepareTools(names, { progress, signal });
    await dropGoCaches(progress);
    return new Map(
      [...outcomes].flatMap(([name, outcome]) =>
        outcome instanceof Error ? [[name, outcome] as const] : [],
      ),
    );
  } catch (error) {
    const fault = asStackFault(error);
    if (fault === null) throw error;
    return new Map(
      names.filter((name) => findTool(name) === null).map((name) => [name, fault] as const),
    );
  }
}

function describeFault({ message, hint }: StackFault): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}
