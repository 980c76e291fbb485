import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Redis from "ioredis";
import postgres from "postgres";
import { openGuardedRoom } from "./death-guard.ts";
import { findLastingPort, isPortFree } from "./free-port.ts";
import { makeReachableDirectory } from "./paths.ts";
import * as postgresServer from "./postgres.ts";
import { preparePostgres } from "./postgres-install.ts";
import { isAlive, type ProcessId, signalProcess, stopProcess } from "./process.ts";
import * as valkeyServer from "./valkey.ts";
import { waitFor } from "./wait-for.ts";

/**
 * Real stores for `.stores.test.ts` files. `./mestore test` starts one PostgreSQL and one Valkey and
 * names them in the environment; a test run by hand finds none and starts its own, once a process.
 * Whatever is started here ends with the process that started it (death-guard.ts).
 */
export const testPostgresVariable = "MESTORE_TEST_POSTGRES_URL";
export const testRedisVariable = "MESTORE_TEST_REDIS_URL";

export interface TestStores {
  /** A database of its own, empty, whose user may do everything in it. */
  readonly postgresUrl: string;
  /** A logical database of its own, empty. */
  readonly redisUrl: string;
}

/** A server that one test has to itself, to hurt it. */
export interface TestServer {
  readonly url: string;
  /** Process of the server that runs now, another one after `restart`. */
  readonly pid: number;
  /** Sends a signal. After one that ends the server, resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same address; ends it first if it runs. PostgreSQL keeps its data, Valkey starts empty. */
  restart(): Promise<void>;
  /** Ends it and removes its files. Safe to call twice. */
  stop(): Promise<void>;
}

/** Test files that may have a Valkey database of their own before numbers are used again. */
const logicalDatabases = 4096;

/**
 * Tests lose nothing when the machine crashes, so nothing is flushed to the disk. Commits stay
 * synchronous: what was committed survives a kill of the server.
 */
const fastSettings = [
  "fsync=off",
  "full_page_writes=off",
  "max_connections=300",
  "shared_buffers=64MB",
];

/** Two stores, empty and one's own, on servers that this run shares. */
export async function useStores(): Promise<TestStores> {
  const shared = await findSharedStores();
  const [postgresUrl, redisUrl] = await Promise.all([
    createDatabase(shared.postgresUrl),
    claimLogicalDatabase(shared.redisUrl),
  ]);
  return { postgresUrl, redisUrl };
}

async function createDatabase(adminUrl: string): Promise<string> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(`create database ${name} template template0`);
  } finally {
    await sql.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Database 0 holds the counter; everybody else gets the next number. */
async function claimLogicalDatabase(sharedUrl: string): Promise<string> {
  const client = new Redis(sharedUrl);
  try {
    const taken = await client.incr("mestore:test:databases");
    const index = 1 + ((taken - 1) % (logicalDatabases - 1));
    await client.select(index);
    await client.flushdb();
    const url = new URL(sharedUrl);
    url.pathname = `/${index}`;
    return url.href;
  } finally {
    client.disconnect();
  }
}

export interface SharedStores extends TestStores {
  /** Ends both servers and removes their files. */
  stop(): Promise<void>;
}

/** Starts the servers that all test files of one run share. */
export async function startSharedStores(): Promise<SharedStores> {
  const [database, cache] = await Promise.allSettled([startPostgres(), startValkey()]);
  if (database.status === "fulfilled" && cache.status === "fulfilled")
    return {
      postgresUrl: database.value.url,
      redisUrl: cache.value.url,
      stop: async () => {
        await Promise.all([database.value.stop(), cache.value.stop()]);
      },
    };
  for (const one of [database, cache]) if (one.status === "fulfilled") await one.value.stop();
  throw database.status === "rejected" ? database.reason : (cache as PromiseRejectedResult).reason;
}

let sharedStores: Promise<TestStores> | undefined;

function findSharedStores(): Promise<TestStores> {
  const postgresUrl = process.env[testPostgresVariable];
  const redisUrl = process.env[testRedisVariable];
  if (postgresUrl !== undefined && redisUrl !== undefined)
    return Promise.resolve({ postgresUrl, redisUrl });
  sharedStores ??= startOncePerProcess();
  return sharedStores;
}

/**
 * `bun test --isolate` gives each file fresh modules and a fresh environment in the same process;
 * only a file can tell the next one what runs already.
 */
async function startOncePerProcess(): Promise<TestStores> {
  const note = join((await openGuardedRoom()).directory, "shared-stores.json");
  if (existsSync(note)) return JSON.parse(readFileSync(note, "utf8")) as TestStores;
  const { postgresUrl, redisUrl } = await startSharedStores();
  writeFileSync(note, JSON.stringify({ postgresUrl, redisUrl }), { mode: 0o600 });
  return { postgresUrl, redisUrl };
}

/** How often a server is given another port when somebody took the free one first. */
const portAttempts = 3;

/** A Valkey for one test alone. */
export async function startValkey(): Promise<TestServer> {
  const binary = await valkeyServer.prepareValkey();
  const directory = await makeRoom("valkey");
  const password = randomBytes(12).toString("hex");
  return serve({
    directory,
    launch: (port) =>
      valkeyServer.startValkey({
        binary,
        directory,
        password,
        port,
        logPath: join(directory, "log"),
        databases: logicalDatabases,
      }),
    end: stopAtOnce,
  });
}

/** A PostgreSQL for one test alone. Its URL names an empty database. */
export async function startPostgres(): Promise<TestServer> {
  const install = preparePostgres();
  const directory = await makeRoom("postgres");
  const dataDirectory = join(directory, "data");
  const password = randomBytes(12).toString("hex");
  await postgresServer.ensureCluster({ install, dataDirectory, password, durable: false });
  return serve({
    directory,
    launch: (port) =>
      postgresServer.startPostgres({
        install,
        dataDirectory,
        password,
        port,
        logPath: join(directory, "log"),
        settings: fastSettings,
      }),
    end: (id) => postgresServer.stopPostgres(id),
  });
}

/** Its data is thrown away, so it need not end well. */
async function stopAtOnce(id: ProcessId): Promise<void> {
  await stopProcess(id, { signal: "SIGKILL" });
}

async function makeRoom(name: string): Promise<string> {
  const room = await openGuardedRoom();
  const directory = join(room.directory, `${name}-${randomBytes(4).toString("hex")}`);
  makeReachableDirectory(directory);
  return directory;
}

interface Service {
  readonly directory: string;
  readonly launch: (port: number) => Promise<ProcessId & { readonly url: string }>;
  readonly end: (id: ProcessId) => Promise<unknown>;
}

async function serve({ directory, launch, end }: Service): Promise<TestServer> {
  const room = await openGuardedRoom();
  const start = async (port: number) => {
    const server = await launch(port);
    room.guard(server);
    return server;
  };
  const { server, port } = await startOnFreePort(start);
  let running = server;
  return {
    url: server.url,
    get pid() {
      return running.pid;
    },
    async kill(signal) {
      signalProcess(running, signal);
      if (!endingSignals.has(signal)) return;
      await waitFor(() => !isAlive(running), { what: `process ${running.pid} to end` });
    },
    async restart() {
      await end(running);
      room.release(running.pid);
      running = await start(port);
    },
    async stop() {
      await stopAtOnce(running);
      room.release(running.pid);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const endingSignals: ReadonlySet<NodeJS.Signals> = new Set([
  "SIGKILL",
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
]);

async function startOnFreePort<T>(
  start: (port: number) => Promise<T>,
): Promise<{ server: T; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findLastingPort();
    try {
      return { server: await start(port), port };
    } catch (error) {
      if (attempt === portAttempts || (await isPortFree(port))) throw error;
    }
  }
}
