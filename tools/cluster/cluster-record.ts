import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import type { HomePaths } from "../stack/paths.ts";
import { z } from "zod";
import { writePrivate } from "./control-plane-files.ts";

/** `.mestore/cluster`: everything of the cluster that `./mestore cluster up` starts. */
export function clusterDirectory(paths: HomePaths): string {
  return join(paths.home, "cluster");
}

/** Outside the directory, which `down` removes. */
export function clusterLock(paths: HomePaths): string {
  return join(paths.home, "cluster.lock");
}

/**
 * What a cluster was started as, so that another `up` goes on with it and `down` knows what there is
 * to clean up. All else follows from it.
 */
const recordSchema = z.object({
  schemaVersion: z.literal(1),
  port: z.int(),
  /** Of etcd, without a node. */
  etcdPort: z.int(),
  etcdPeerPort: z.int(),
  /** Null without a node. */
  node: z.object({ subnet: z.int(), syncFrequencySeconds: z.number() }).nullable(),
  startedAt: z.iso.datetime(),
});

/** See `recordSchema`. */
export type ClusterRecord = z.infer<typeof recordSchema>;

const recordPath = (directory: string) => join(directory, "cluster.json");

/** Null where there is no cluster. @throws StackFault STATE_UNREADABLE */
export function loadRecord(directory: string): ClusterRecord | null {
  let text: string;
  try {
    text = readFileSync(recordPath(directory), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new StackFault(
      "STATE_UNREADABLE",
      `${recordPath(directory)} cannot be read: ${(error as Error).message}`,
      `It says what runs. End the processes noted in ${directory}/launches by hand, then delete ${directory}.`,
    );
  }
}

/** Written before anything is started, so that `down` always knows what to look for. */
export function saveRecord(directory: string, record: ClusterRecord): void {
  writePrivate(recordPath(directory), `${JSON.stringify(record, null, 2)}\n`);
}
