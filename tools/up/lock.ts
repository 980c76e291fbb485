import { Database } from "bun:sqlite";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { asStackFault, StackFault } from "../stack/fault.ts";
import { waitFor } from "../stack/wait-for.ts";

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a home, so that two `up`, or an `up` and a `down`, do not start and stop the
 * same things at once. It is SQLite's lock on a file, which the kernel gives back when its holder
 * ends, however it ends: there is no stale lock to clean up. Nothing is written to the disk, so that
 * a full one keeps nobody from stopping things.
 * @param onWait told once when somebody else holds it
 * @throws StackFault ALREADY_RUNNING when it is still held at the deadline, DISK_FULL or
 * ACCESS_DENIED when there can be no lock file here
 */
export async function takeLock(path: string, timeoutMs: number, onWait: () => void): Promise<Lock> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw asStackFault(error) ?? error;
  }
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
  let database: Database | undefined;
  try {
    database = new Database(path, { create: true });
    database.run("PRAGMA busy_timeout = 0");
    // The rollback journal of the default mode is a file, which needs space.
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
    // A file that may only be read gives a transaction that locks nothing; a change in it, which
    // is never committed, tells.
    database.run("PRAGMA user_version = 1");
  } catch (error) {
    database?.close();
    const { code = "" } = error as { code?: string };
    if (code === "SQLITE_BUSY") return null;
    if (code === "SQLITE_FULL") throw new StackFault("DISK_FULL", `no space for the lock ${path}`);
    if (code.startsWith("SQLITE_")) throw describeRefusal(path, error as Error);
    throw asStackFault(error) ?? error;
  }
  const held = database;
  return {
    release() {
      held.run("ROLLBACK");
      held.close();
    },
  };
}

/** SQLite tells that it cannot open or write the file, the operating system also tells why. */
function describeRefusal(path: string, refusal: Error): StackFault {
  try {
    closeSync(openSync(path, "a"));
  } catch (error) {
    const fault = asStackFault(error);
    if (fault !== null) return fault;
  }
  return new StackFault(
    "STEP_FAILED",
    `the lock ${path} cannot be taken: ${refusal.message}`,
    "Locks of files must work there, which some network file systems lack; MESTORE_HOME=DIRECTORY moves it.",
  );
}
