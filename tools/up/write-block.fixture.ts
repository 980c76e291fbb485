import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isRoot } from "../stack/paths.ts";

/** A directory in which writing can be made impossible. */
export interface BlockableDirectory {
  /** What a command says of it when writing failed. */
  readonly expected: string;
  /**
   * Nothing can be written from now on.
   * @param running a process that runs already and is to be hindered too
   */
  block(running?: number): void;
  unblock(): void;
  /** Removes it. */
  remove(): void;
}

/**
 * An ordinary user loses the right to write. Root may write anywhere: the directory is a small disk
 * that gets full; where a container may not mount one, the limit of file sizes falls to nothing.
 */
export function makeBlockableDirectory(directory: string): BlockableDirectory {
  mkdirSync(directory, { recursive: true });
  if (!isRoot) return blockByRights(directory);
  const mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", directory];
  return Bun.spawnSync(mount).exitCode === 0 ? blockByDisk(directory) : blockByLimit(directory);
}

function blockByRights(directory: string): BlockableDirectory {
  const unblock = () => chmodSync(directory, 0o700);
  return {
    expected: "MESTORE_HOME=",
    block: () => chmodSync(directory, 0o500),
    unblock,
    remove() {
      unblock();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function blockByDisk(directory: string): BlockableDirectory {
  const filler = join(directory, "filler");
  return {
    expected: "The disk is full",
    block: () => fill(filler),
    unblock: () => rmSync(filler, { force: true }),
    remove() {
      run("umount", "-l", directory);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The limit is that of a process, which those that it starts inherit. */
function blockByLimit(directory: string): BlockableDirectory {
  const unblock = () => run("prlimit", "--pid", String(process.pid), "--fsize=unlimited:");
  return {
    expected: "ulimit -f",
    block(running = process.pid) {
      for (const pid of new Set([process.pid, running]))
        run("prlimit", "--pid", String(pid), "--fsize=0:");
    },
    unblock,
    remove() {
      unblock();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

function fill(path: string): void {
  const file = openSync(path, "a");
  try {
    const page = new Uint8Array(4096);
    for (;;) writeSync(file, page);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}
