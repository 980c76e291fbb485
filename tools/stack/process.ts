import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { waitFor } from "./wait-for.ts";

/**
 * One process, told apart from a later one that was given the same number: `birth` is when it
 * started, as the operating system writes it.
 */
export interface ProcessId {
  readonly pid: number;
  readonly birth: string;
}

const isLinux = process.platform === "linux";

let bootId: string | undefined;

/** A restart of the machine begins the count of start times anew. */
function readBootId(): string {
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  return bootId;
}

/** When the process with this number started; `null` if there is none, or only its exit status is left. */
export function readBirth(pid: number): string | null {
  if (isLinux)
    try {
      return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return null;
    }
  const { stdout, exitCode } = Bun.spawnSync(["ps", "-o", "stat=,lstart=", "-p", String(pid)], {
    env: { ...process.env, LC_ALL: "C" },
  });
  return exitCode === 0 ? parsePs(stdout.toString()) : null;
}

/**
 * proc_pid_stat(5): the name in parentheses may hold anything; state is field 3, num_threads field 20, starttime
 * field 22. A zombie with more than one thread still has its files and sockets: only the first thread has ended.
 */
function parseStat(stat: string): string | null {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [threads, ticks] = [Number(fields[16]), fields[18]];
  const hasEnded = state === "X" || (state === "Z" && threads <= 1);
  return ticks === undefined || hasEnded ? null : `${readBootId()}-${ticks}`;
}

function parsePs(line: string): string | null {
  const [state, ...start] = line.trim().split(/\s+/);
  return state === undefined || start.length === 0 || state.startsWith("Z")
    ? null
    : start.join(" ");
}

export function isAlive(id: ProcessId): boolean {
  return readBirth(id.pid) === id.birth;
}

/** Resident memory in bytes, `null` where it cannot be read. */
export function readResidentBytes(pid: number): number | null {
  if (isLinux) {
    try {
      const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      return kib === undefined ? null : Number(kib) * 1024;
    } catch {
      return null;
    }
  }
  const kib = Number(Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]).stdout.toString());
  return Number.isFinite(kib) && kib > 0 ? kib * 1024 : null;
}

/** The command line of a process, `null` where it cannot be read. */
export function readCommandLine(pid: number): string | null {
  if (!isLinux) {
    const { stdout } = Bun.spawnSync(["ps", "-o", "args=", "-p", String(pid)]);
    return stdout.toString().trim() || null;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() || null;
  } catch {
    return null;
  }
}

/** Sends a signal to exactly this process. False if it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    return false;
  }
}

export interface StopOptions {
  readonly signal?: NodeJS.Signals;
  /** How long the process may take before it is killed, in milliseconds; 5 s unless said otherwise. */
  readonly graceMs?: number;
}

/** After SIGKILL a process goes as soon as the kernel gets to it; longer means it hangs in the kernel. */
const killDeadlineMs = 5_000;

/** Asks a process to end, and ends it when it does not. Never waits beyond the grace and 5 s. */
export async function stopProcess(
  id: ProcessId,
  { signal = "SIGTERM", graceMs = 5_000 }: StopOptions = {},
): Promise<"absent" | "stopped" | "killed" | "stuck"> {
  if (!signalProcess(id, signal)) return "absent";
  // A suspended process takes no notice of anything but SIGKILL until it goes on.
  signalProcess(id, "SIGCONT");
  const gone = (timeoutMs: number) =>
    waitFor(() => !isAlive(id), { timeoutMs, what: `process ${id.pid} to end` }).then(
      () => true,
      () => false,
    );
  if (await gone(graceMs)) return "stopped";
  signalProcess(id, "SIGKILL");
  return (await gone(killDeadlineMs)) ? "killed" : "stuck";
}

export interface LaunchOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Standard output and error are appended to this file. */
  readonly logPath: string;
  /**
   * The process is noted in this file (see `readLaunchNote`), even if whoever launches it is killed
   * at that very moment.
   */
  readonly notePath?: string | undefined;
}

/**
 * Starts its arguments in the background, notes and prints the process number and ends, so that the
 * program belongs to init: Bun kills what is its own child when an isolated test file ends. A note
 * that cannot be written (a full disk, a limit of file sizes) must not keep it from telling the number.
 */
const launcher = `
log=$1 note=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
trap '' XFSZ
if [ -n "$note" ]; then
  { echo $!; { read -r stat </proc/$!/stat && echo "$stat"; } || LC_ALL=C ps -o stat=,lstart= -p $!; } >"$note" 2>/dev/null
fi
echo $!`;

/**
 * Starts a program in a session of its own: it survives this process, and a Ctrl-C at the terminal
 * does not reach it, so that whoever started it decides the order in which things stop.
 */
export async function launchProcess({
  command,
  env,
  cwd,
  logPath,
  notePath = "",
}: LaunchOptions): Promise<ProcessId> {
  // Made here, so that nobody else can read it and a full disk is an error of ours.
  closeSync(openSync(logPath, "a", 0o600));
  const shell = Bun.spawn(["/bin/sh", "-c", launcher, "sh", logPath, notePath, ...command], {
    cwd,
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    detached: true,
  });
  const pid = Number(await shell.stdout.text());
  if (!Number.isInteger(pid) || pid <= 0) throw new Error(`could not start ${command[0]}`);
  // A program that has ended before this look has no birth any more; nothing equals the empty one.
  return { pid, birth: readBirth(pid) ?? "" };
}

/** The process that a launch has noted in a file; null where there is no note, or half of one. */
export function readLaunchNote(path: string): ProcessId | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  const [number = "", line = ""] = text.split("\n");
  const pid = Number(number);
  const birth = isLinux ? parseStat(line) : parsePs(line);
  return Number.isInteger(pid) && pid > 0 && birth !== null ? { pid, birth } : null;
}

/** A log above this size is put aside at the next start, as `NAME.log.1`. */
const maxLogBytes = 32 * 1024 * 1024;

/**
 * Puts a log aside that has grown large. Called at the start of its program: while that runs, the
 * log grows as it writes, for nobody is there who could put it aside after `up --detach`.
 */
export function rotateLog(path: string): void {
  if (existsSync(path) && statSync(path).size > maxLogBytes) renameSync(path, `${path}.1`);
}

/** How much of the end of a log is read to find its last lines. */
const tailBytes = 64 * 1024;

/** The last lines of a file, fewer if it is short; none if it cannot be read. */
export async function readLastLines(path: string, count: number): Promise<string[]> {
  const file = Bun.file(path);
  if (!(await file.exists())) return [];
  const text = await file.slice(Math.max(0, file.size - tailBytes)).text();
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.slice(-count);
}
