import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { findProgram } from "../stack/find-program.ts";
import { readCommandLine } from "../stack/process.ts";

export interface PortOwner {
  readonly pid: number;
  readonly command: string;
}

/** Who listens on a TCP port; null where nobody does, or where we may not see it. */
export function findPortOwner(port: number): PortOwner | null {
  const pid = process.platform === "linux" ? findByProc(port) : findByLsof(port);
  return pid === null ? null : { pid, command: (readCommandLine(pid) ?? "unknown").slice(0, 120) };
}

function findByLsof(port: number): number | null {
  const lsof = findProgram("lsof");
  if (lsof === null) return null;
  const { stdout } = Bun.spawnSync([lsof, "-nP", "-t", `-iTCP:${port}`, "-sTCP:LISTEN"]);
  const pid = Number(stdout.toString().split("\n")[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}

/** Sockets in /proc/net/tcp are named by inode, and each process lists the inodes it holds. */
function findByProc(port: number): number | null {
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => listeners(file, port)),
  );
  if (inodes.size === 0) return null;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const owner = pids.find((pid) => holdsOneOf(pid, inodes));
  return owner === undefined ? null : Number(owner);
}

/** Inodes of the sockets that listen on `port`. */
export function parseListeners(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === "0A")
    .flatMap((fields) => fields[9] ?? []);
}

function listeners(file: string, port: number): string[] {
  try {
    return parseListeners(readFileSync(file, "utf8"), port);
  } catch {
    return [];
  }
}

function holdsOneOf(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        return inode !== undefined && inodes.has(inode);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
