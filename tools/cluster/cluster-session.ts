import { existsSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { StackFault } from "../stack/fault.ts";
import type { HomePaths } from "../stack/paths.ts";
import { readResidentBytes } from "../stack/process.ts";
import { formatBytes, formatMs } from "../terminal.ts";
import { takeLock } from "../up/lock.ts";
import { type ClusterRecord, clusterDirectory, clusterLock, loadRecord } from "./cluster-record.ts";
import { lockTimeoutMs, planControlPlane, tellWait } from "./cluster-up.ts";
import { loadImages } from "./containerd.ts";
import { serverUrl } from "./control-plane-files.ts";
import { controlPlaneParts, controlPlanePaths } from "./control-plane-plan.ts";
import { createLaunches } from "./launches.ts";
import { findNamespaces, holderName } from "./namespaces.ts";
import { removeNode } from "./node.ts";
import { nodeParts, planNode } from "./node-plan.ts";
import { tellPart } from "./tell-part.ts";

/** `./mestore cluster down`: ends exactly what `up` started, and removes what it made on the machine. */
export async function runClusterDown(
  paths: HomePaths,
  { keep }: { readonly keep: boolean },
): Promise<void> {
  const directory = clusterDirectory(paths);
  const lock = await takeLock(clusterLock(paths), lockTimeoutMs, tellWait);
  const startMs = performance.now();
  try {
    const record = loadRecord(directory);
    if (record === null) {
      rmSync(directory, { recursive: true, force: true });
      console.log("no cluster is here");
      return;
    }
    const launches = createLaunches({ directory });
    if (record.node === null) {
      for (const part of controlPlaneParts.toReversed()) await launches.stop(part);
      if (!keep) rmSync(directory, { recursive: true });
    } else await removeNode({ directory, subnet: record.node.subnet }, launches, { keep });
    tellPart("cluster", `down after ${formatMs(performance.now() - startMs)}`);
    if (keep)
      console.log("its objects and images are kept; ./mestore cluster up goes on with them");
  } finally {
    lock.release();
    rmSync(clusterLock(paths), { force: true });
  }
}

/** `./mestore cluster load`: images for the pods of the node that runs. Prints their references. */
export async function runClusterLoad(paths: HomePaths, archives: readonly string[]): Promise<void> {
  const directory = clusterDirectory(paths);
  const holder = createLaunches({ directory }).find(holderName);
  const namespaces = holder === null ? null : findNamespaces(holder);
  if (namespaces === null)
    throw new StackFault(
      "STEP_FAILED",
      "there is no node that images could be loaded into",
      "Start one: ./mestore cluster up --node",
    );
  for (const reference of await loadImages(
    namespaces,
    archives.map((one) => resolve(one)),
  ))
    console.log(reference);
}

/** What `status` tells of one part. */
export interface PartStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly residentBytes: number | null;
  readonly log: string;
}

/** What `status --json` prints; these names are for scripts and stay. */
export interface ClusterStatus {
  readonly server: string;
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly startedAt: string;
  readonly parts: readonly PartStatus[];
}

/** `./mestore cluster status`. False when there is no cluster, or something of it does not run. */
export function showClusterStatus(paths: HomePaths, { json }: { readonly json: boolean }): boolean {
  const directory = clusterDirectory(paths);
  const record = existsSync(directory) ? loadRecord(directory) : null;
  const status = record === null ? null : observe(directory, record);
  if (json) console.log(JSON.stringify(status, null, 2));
  else if (status === null) console.log("no cluster is here; ./mestore cluster up starts one");
  else tellStatus(status);
  return status !== null && status.parts.every(({ pid }) => pid !== null);
}

function observe(directory: string, record: ClusterRecord): ClusterStatus {
  const paths = controlPlanePaths(directory);
  const launches = createLaunches({ directory });
  const controlPlane =
    record.node === null
      ? planControlPlane(directory, record)
      : planNode({ directory, port: record.port, ...record.node }).controlPlane;
  const names = [...controlPlaneParts, ...(record.node === null ? [] : [holderName, ...nodeParts])];
  return {
    server: serverUrl(controlPlane),
    kubeconfig: paths.kubeconfig("admin"),
    auditLog: paths.auditLog,
    startedAt: record.startedAt,
    parts: names.map((name) => {
      const pid = launches.find(name)?.pid ?? null;
      const residentBytes = pid === null ? null : readResidentBytes(pid);
      return { name, pid, residentBytes, log: paths.log(name) };
    }),
  };
}

function tellStatus({ server, kubeconfig, auditLog, parts }: ClusterStatus): void {
  for (const { name, pid, residentBytes, log } of parts) {
    const state =
      pid === null
        ? `does not run, see ${log}`
        : `process ${pid}${residentBytes === null ? "" : `, ${formatBytes(residentBytes)}`}`;
    tellPart(name, state);
  }
  console.log(`\nAPI server   ${server}\nkubeconfig   ${kubeconfig}\naudit log    ${auditLog}`);
}
