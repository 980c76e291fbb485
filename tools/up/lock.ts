import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { waitFor } from "../stack/wait-for.ts";

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a home, so that two `up`, or an `up` and a `down`, do not start and stop the
 * same things at once. It is SQLite's lock on a file, which the kernel gives back when its holder
 * ends, however it ends: there is no stale lock to clean up.
 * @param onWait told once when somebody else holds it
 * @throws StackFault ALREADY_RUNNING when it is still held at the deadline
 */
export async function takeLock(path: string, timeoutMs: number, onWait: () => void): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const first = tryLock(path);
  if (first !== null) return first;
  onWait();
  try {
    return await waitFor(() => tryLock(path), { timeoutMs, intervalMs: 100, what: "the lock" });
  } catch {
    throw new StackFault(
      "ALREADY_RUNNING",
      `another ./mestore has been starting or stopping things here for over ${Math.round(timeoutMs / 1000)} s`,
      "See what it does: ./mestore status; end it with Ctrl-C where it was started.",
    );
  }
}

function tryLock(path: string): Lock | null {
  const database = new Database(path, { create: true });
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") return null;
    throw error;
  }
  return {
    release() {
      database.run("ROLLBACK");
      database.close();
    },
  };
}
