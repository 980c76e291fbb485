import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import postgres from "postgres";
import { StackFault, saysDiskFull } from "./fault.ts";
import { makeReachableDirectory } from "./paths.ts";
import { commandOf, type PostgresInstall } from "./postgres-install.ts";
import {
  launchProcess,
  type ProcessId,
  readBirth,
  readCommandLine,
  stopProcess,
} from "./process.ts";
import { waitUntilReady } from "./readiness.ts";

/**
 * A PostgreSQL server of our own, run without a container. The wrapper that comes with the binaries
 * is not used: it ends the server together with the process that started it, and `up --detach` must
 * not.
 */

const owner = "mestore";
const database = "mestore";

export interface PostgresServer extends ProcessId {
  readonly port: number;
  readonly url: string;
}

const firstStartDeadlineMs = 30_000;

/** The environment of the server: its messages in English, so that logs can be read by anybody. */
const serverEnv = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

/** Makes a directory that the server's user owns, in a place that user can reach. */
function makeServerDirectory(install: PostgresInstall, directory: string): void {
  makeReachableDirectory(directory);
  if (install.runAs !== null) chownSync(directory, install.runAs.uid, install.runAs.gid);
  chmodSync(directory, 0o700);
}

export interface ClusterOptions {
  readonly install: PostgresInstall;
  /** Made when it is missing; left alone when it holds a cluster. */
  readonly dataDirectory: string;
  readonly password: string;
  /** Whether the files must survive a crash of the machine. */
  readonly durable: boolean;
}

/**
 * Makes the database cluster unless it is there. A directory that an interrupted run left half made
 * is made anew: initdb runs beside it, and the result is moved into place.
 * @throws StackFault DISK_FULL or STEP_FAILED with what initdb said
 */
export async function ensureCluster({
  install,
  dataDirectory,
  password,
  durable,
}: ClusterOptions): Promise<void> {
  if (existsSync(join(dataDirectory, "PG_VERSION"))) return;
  const room = dirname(dataDirectory);
  makeReachableDirectory(room);
  const partial = `${dataDirectory}.new`;
  rmSync(partial, { recursive: true, force: true });
  makeServerDirectory(install, partial);
  const passwordFile = join(room, `${basename(dataDirectory)}.password`);
  try {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (install.runAs !== null) chownSync(passwordFile, install.runAs.uid, install.runAs.gid);
    const initdb = Bun.spawn(
      commandOf(install, "initdb", [
        `--pgdata=${partial}`,
        `--username=${owner}`,
        "--auth=scram-sha-256",
        `--pwfile=${passwordFile}`,
        // With LANG unset initdb would choose SQL_ASCII.
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        ...(durable ? [] : ["--no-sync"]),
      ]),
      {
        cwd: "/",
        env: serverEnv,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        timeout: 120_000,
      },
    );
    const [said, complained, exitCode] = await Promise.all([
      initdb.stdout.text(),
      initdb.stderr.text(),
      initdb.exited,
    ]);
    if (exitCode !== 0) {
      const text = `${said}\n${complained}`.trim();
      throw new StackFault(
        saysDiskFull(text) ? "DISK_FULL" : "STEP_FAILED",
        `initdb could not make a database cluster in ${dataDirectory}:\n${text.split("\n").slice(-8).join("\n")}`,
      );
    }
    rmSync(dataDirectory, { recursive: true, force: true });
    renameSync(partial, dataDirectory);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(partial, { recursive: true, force: true });
  }
}

export interface StartPostgresOptions {
  readonly install: PostgresInstall;
  readonly dataDirectory: string;
  readonly password: string;
  readonly port: number;
  readonly logPath: string;
  /** Settings beyond the defaults, as `name=value`. */
  readonly settings?: readonly string[];
  /** Told as soon as the process exists, long before it is ready. */
  readonly onLaunched?: (id: ProcessId) => void;
  /** See `launchProcess`. */
  readonly notePath?: string;
}

/** After a kill of the server its last workers hold the shared memory for a moment more. */
const leftoverMessage = "pre-existing shared memory block";
const leftoverAttempts = 10;
const leftoverPauseMs = 300;

/**
 * Starts the server on the loopback interface and waits until it answers a query. The database
 * `mestore` is there afterwards.
 * @throws StackFault NOT_READY, PROCESS_DIED or DISK_FULL with the last lines of the log
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      const leftover = error instanceof StackFault && error.message.includes(leftoverMessage);
      if (!leftover || attempt === leftoverAttempts) throw error;
      await Bun.sleep(leftoverPauseMs);
    }
  }
}

async function startOnce(options: StartPostgresOptions): Promise<PostgresServer> {
  const {
    install,
    dataDirectory,
    password,
    port,
    logPath,
    settings = [],
    onLaunched,
    notePath,
  } = options;
  await releaseDataDirectory(dataDirectory);
  const fixed = [
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
  ];
  const server = await launchProcess({
    command: commandOf(install, "postgres", [
      ...["-D", dataDirectory],
      ...[...fixed, ...settings].flatMap((setting) => ["-c", setting]),
    ]),
    env: serverEnv,
    cwd: "/",
    logPath,
    notePath,
  });
  onLaunched?.(server);
  const adminUrl = postgresUrl(port, password, "postgres");
  try {
    await waitUntilAnswering(server, adminUrl, logPath);
    await ensureDatabase(adminUrl);
  } catch (error) {
    await stopPostgres(server);
    throw error;
  }
  return { ...server, port, url: postgresUrl(port, password) };
}

export function postgresUrl(port: number, password: string, name: string = database): string {
  return `postgres://${owner}:${password}@127.0.0.1:${port}/${name}`;
}

/**
 * A lock file that a crash left behind stops the server when its process number has been given to
 * somebody else since. A server that truly runs there is ours, forgotten by a lost state file: it
 * is stopped, for it holds the data.
 */
async function releaseDataDirectory(dataDirectory: string): Promise<void> {
  const lockFile = join(dataDirectory, "postmaster.pid");
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, "utf8").split("\n")[0]);
  const birth = Number.isInteger(pid) ? readBirth(pid) : null;
  const isServer = birth !== null && (readCommandLine(pid)?.includes(dataDirectory) ?? false);
  if (isServer) await stopPostgres({ pid, birth });
  rmSync(lockFile, { force: true });
}

/** Ends the server at once but cleanly: open transactions roll back, nothing needs recovery. */
export function stopPostgres(id: ProcessId): ReturnType<typeof stopProcess> {
  // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
  return stopProcess(id, { signal: "SIGINT", graceMs: 15_000 });
}

async function waitUntilAnswering(server: ProcessId, url: string, logPath: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await waitUntilReady({
      name: "PostgreSQL",
      server,
      logPath,
      timeoutMs: firstStartDeadlineMs,
      probe: () => sql`select 1`,
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    const found = await sql`select 1 from pg_database where datname = ${database}`;
    if (found.length === 0) await sql.unsafe(`create database ${database}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
