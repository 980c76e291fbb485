import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRoot, makeReachableDirectory, rootRoom } from "./paths.ts";
import { launchProcess, type ProcessId, readBirth } from "./process.ts";

/**
 * A shell that looks twice a second whether its parent still lives. When it does not, it kills the
 * processes whose numbers are files in `pids/` and removes the room: no orphans, even when the
 * parent was killed and could run no handler. (The parent-death signal of prctl exists on Linux
 * only, and is lost when a process changes its user, as PostgreSQL's does.)
 */
const script = `
trap '' INT TERM HUP
while kill -0 "$1" 2>/dev/null; do sleep 0.5; done
for file in "$2"/pids/*; do
  [ -e "$file" ] && kill -KILL "\${file##*/}" 2>/dev/null
done
rm -rf -- "$2"
`;

/** A directory that lives as long as this process, with the servers that do. */
export interface GuardedRoom {
  readonly directory: string;
  /** This server shall not outlive the process that calls. */
  guard(server: ProcessId): void;
  /** The server is gone; its number may become somebody else's. */
  release(pid: number): void;
}

/**
 * The room of this process, made at the first call. Its name follows from the process, so that the
 * files of one `bun test --isolate`, which share nothing else, share it. As root it lies where the
 * user of PostgreSQL can go.
 */
export async function openGuardedRoom(): Promise<GuardedRoom> {
  const base = isRoot ? join(rootRoom, "tests") : tmpdir();
  makeReachableDirectory(base);
  const birth = (readBirth(process.pid) ?? "").replaceAll(/[^A-Za-z0-9]+/g, "-");
  const directory = join(base, `mestore-test-${process.pid}-${birth}`);
  const pids = join(directory, "pids");
  if (makeDirectory(directory)) {
    mkdirSync(pids);
    await launchProcess({
      command: ["/bin/sh", "-c", script, "sh", String(process.pid), directory],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      logPath: "/dev/null",
    });
  }
  return {
    directory,
    guard(server) {
      writeFileSync(join(pids, String(server.pid)), "");
    },
    release(pid) {
      rmSync(join(pids, String(pid)), { force: true });
    },
  };
}

/** False if we made it before. @throws if somebody else did, as a trap in a shared /tmp. */
function makeDirectory(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 });
    // Others may pass through to what is theirs, and list nothing.
    chmodSync(directory, 0o711);
    return true;
  } catch (error) {
    const found = lstatSync(directory);
    if (found.isDirectory() && found.uid === process.getuid?.()) return false;
    throw error;
  }
}
