import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { takeLock } from "../up/lock.ts";

/** What lies in the cache half made; its maker holds the lock of the directory. */
const partialPrefix = "partial-";

/** A cold build of Kubernetes takes a quarter of an hour on two cores, and longer on busy ones. */
const lockTimeoutMs = 5_400_000;

/**
 * Works in a directory of the cache that others may use at the same time: one builds, the others
 * wait and find what it made. The room is a passing directory on the same disk, so that what is
 * finished is put in its place by a rename.
 * @param onWait told once when somebody else is at work
 * @throws StackFault ALREADY_RUNNING when somebody else takes over an hour
 */
export async function workInCache<T>(
  directory: string,
  work: (room: string) => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  const lock = await takeLock(join(directory, "lock"), lockTimeoutMs, onWait).catch(
    (error: unknown) => {
      if (!(error instanceof StackFault) || error.code !== "ALREADY_RUNNING") throw error;
      throw new StackFault(
        "ALREADY_RUNNING",
        `another process has been building in ${directory} for over an hour`,
        "Wait for it, or end it, then run the same command again.",
      );
    },
  );
  try {
    // Left by a process that was killed: whoever holds the lock is alone.
    for (const name of readdirSync(directory))
      if (name.startsWith(partialPrefix))
        rmSync(join(directory, name), { recursive: true, force: true });
    const room = mkdtempSync(join(directory, partialPrefix));
    try {
      return await work(room);
    } finally {
      rmSync(room, { recursive: true, force: true });
    }
  } finally {
    lock.release();
  }
}

/** Puts a finished directory in its place, where nobody sees half of one. */
export function putInPlace(finished: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  rmSync(target, { recursive: true, force: true });
  renameSync(finished, target);
}
