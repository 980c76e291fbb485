import { dirname, join } from "node:path";
import postgres from "postgres";
import {
  type HomePaths,
  logPath,
  makeReachableDirectory,
  notePath,
  repositoryRoot,
} from "../stack/paths.ts";
import { ensureCluster, postgresUrl, startPostgres } from "../stack/postgres.ts";
import { preparePostgres } from "../stack/postgres-install.ts";
import { launchProcess, type ProcessId, readLastLines } from "../stack/process.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { pingRedis, prepareValkey, startValkey, valkeyUrl } from "../stack/valkey.ts";
import { loadSecret } from "./secret.ts";
import type { PartName, PartSettings, UpSettings } from "./state.ts";

/** Where each part listens; all on the loopback interface. */
export interface Ports {
  readonly postgres: number;
  readonly valkey: number;
  readonly metrics: number;
  readonly operatorMetrics: number;
}

/** Addresses that parts find each other by. */
export interface Addresses {
  readonly url: string;
  readonly metricsUrl: string;
  readonly operatorMetricsUrl: string;
  readonly postgresUrl: string;
  readonly redisUrl: string;
}

/** One part as it shall run. */
export interface Part {
  /** All that it is started with: another value of one of them means a restart. */
  readonly settings: PartSettings;
  /** Starts it and waits until it is ready. `onLaunched` is told as soon as its process exists. */
  start(onLaunched: (id: ProcessId) => void): Promise<void>;
  /** Asks for a sign of life, whatever else may be missing. Rejects when there is none. */
  probe(): Promise<unknown>;
}

const probeTimeoutMs = 2_000;
const serviceDeadlineMs = 30_000;
const operatorDeadlineMs = 15_000;
const trafficDeadlineMs = 15_000;

/**
 * The shoppers live as long as the stack. Should it go without stopping them, they leave after ten
 * minutes without an answer: longer than a person needs to bring a shop back that has died.
 */
const trafficSilenceSeconds = 600;

/** Time for answers under way when the service is told to stop: nobody else balances load here. */
const drainSeconds = "1";

/** Lives with the data, so that the two are made and deleted together. */
export const postgresPasswordFile = (paths: HomePaths) => join(paths.postgres, "password");
const valkeyPasswordFile = (paths: HomePaths) => join(paths.valkey, "password");

export function createAddresses(paths: HomePaths, settings: UpSettings, ports: Ports): Addresses {
  return {
    url: `http://127.0.0.1:${settings.port}`,
    metricsUrl: `http://127.0.0.1:${ports.metrics}/metrics`,
    operatorMetricsUrl: `http://127.0.0.1:${ports.operatorMetrics}/metrics`,
    postgresUrl:
      settings.postgres ?? postgresUrl(ports.postgres, loadSecret(postgresPasswordFile(paths))),
    redisUrl: settings.redis ?? valkeyUrl(ports.valkey, loadSecret(valkeyPasswordFile(paths))),
  };
}

/** What a program of ours gets of our environment; everything else is said explicitly. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const passed = ["PATH", "HOME", "TMPDIR", "TZ", "LANG", "LOG_LEVEL"];
  return Object.fromEntries(
    passed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** One of our programs, without the .env file that a person may keep in the checkout. */
function programCommand(path: string): string[] {
  return [process.execPath, "--no-env-file", join(repositoryRoot, path)];
}

/** The parts that these settings ask for. */
export function createParts(
  paths: HomePaths,
  settings: UpSettings,
  ports: Ports,
): Partial<Record<PartName, Part>> {
  const addresses = createAddresses(paths, settings, ports);
  return {
    ...(settings.postgres === null && { postgres: createPostgresPart(paths, ports, addresses) }),
    ...(settings.redis === null && { valkey: createValkeyPart(paths, ports, addresses) }),
    service: createServicePart(paths, settings, ports, addresses),
    ...(settings.operator && { operator: createOperatorPart(paths, settings, ports, addresses) }),
    ...(settings.traffic !== "none" && { traffic: createTrafficPart(paths, settings, addresses) }),
  };
}

function createPostgresPart(paths: HomePaths, ports: Ports, addresses: Addresses): Part {
  const dataDirectory = join(paths.postgres, "data");
  return {
    settings: { port: ports.postgres, dataDirectory },
    async start(onLaunched) {
      makeReachableDirectory(paths.postgres);
      const install = preparePostgres();
      const password = loadSecret(postgresPasswordFile(paths));
      await ensureCluster({ install, dataDirectory, password, durable: true });
      await startPostgres({
        install,
        dataDirectory,
        password,
        port: ports.postgres,
        logPath: logPath(paths, "postgres"),
        notePath: notePath(paths, "postgres"),
        onLaunched,
      });
    },
    probe: () => probePostgres(addresses.postgresUrl),
  };
}

/** Rejects when no PostgreSQL answers there within 2 s. */
export async function probePostgres(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: probeTimeoutMs / 1000, onnotice: () => {} });
  let timer: Timer | undefined;
  try {
    await Promise.race([
      sql`select 1`,
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("no answer in 2 s")), probeTimeoutMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    void sql.end({ timeout: 0 });
  }
}

function createValkeyPart(paths: HomePaths, ports: Ports, addresses: Addresses): Part {
  return {
    settings: { port: ports.valkey },
    async start(onLaunched) {
      await startValkey({
        binary: await prepareValkey(),
        directory: paths.valkey,
        password: loadSecret(valkeyPasswordFile(paths)),
        port: ports.valkey,
        logPath: logPath(paths, "valkey"),
        notePath: notePath(paths, "valkey"),
        onLaunched,
      });
    },
    probe: () => pingRedis(addresses.redisUrl, probeTimeoutMs),
  };
}

/** Rejects unless the address answers with a 2xx within 2 s. */
export async function probeHttp(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}

/** Program of the service; `migrate` behind it applies the migrations and ends. */
export const serviceCommand = programCommand("service/src/main.ts");

function createServicePart(
  paths: HomePaths,
  settings: UpSettings,
  ports: Ports,
  addresses: Addresses,
): Part {
  return {
    settings: {
      port: settings.port,
      metricsPort: ports.metrics,
      postgres: addresses.postgresUrl,
      redis: addresses.redisUrl,
    },
    async start(onLaunched) {
      const server = await launchProcess({
        command: serviceCommand,
        cwd: repositoryRoot,
        env: {
          ...childEnvironment(),
          HOST: "127.0.0.1",
          PORT: String(settings.port),
          METRICS_PORT: String(ports.metrics),
          DATABASE_URL: addresses.postgresUrl,
          REDIS_URL: addresses.redisUrl,
          TUNING_FILE: paths.tuningFile,
          DRAIN_SECONDS: drainSeconds,
        },
        logPath: logPath(paths, "service"),
        notePath: notePath(paths, "service"),
      });
      onLaunched(server);
      await waitUntilReady({
        name: "the service",
        server,
        logPath: logPath(paths, "service"),
        timeoutMs: serviceDeadlineMs,
        probe: () => probeHttp(`${addresses.url}/readyz`),
      });
    },
    // Never touches a store: a service whose store has died is not dead.
    probe: () => probeHttp(`${addresses.url}/livez`),
  };
}

function createOperatorPart(
  paths: HomePaths,
  settings: UpSettings,
  ports: Ports,
  addresses: Addresses,
): Part {
  const probe = () => probeHttp(addresses.operatorMetricsUrl);
  return {
    settings: {
      scrape: addresses.metricsUrl,
      metricsPort: ports.operatorMetrics,
      timeScale: settings.timeScale,
    },
    async start(onLaunched) {
      const server = await launchProcess({
        command: [
          ...programCommand("operator/src/main.ts"),
          ...["--source", "file"],
          ...["--profiles", paths.profiles],
          ...["--tuning-file", paths.tuningFile],
          ...["--status-dir", paths.status],
          ...["--scrape", addresses.metricsUrl],
          ...["--metrics-port", String(ports.operatorMetrics)],
          ...["--time-scale", String(settings.timeScale)],
        ],
        cwd: repositoryRoot,
        env: childEnvironment(),
        logPath: logPath(paths, "operator"),
        notePath: notePath(paths, "operator"),
      });
      onLaunched(server);
      await waitUntilReady({
        name: "the operator",
        server,
        logPath: logPath(paths, "operator"),
        timeoutMs: operatorDeadlineMs,
        probe,
      });
    },
    probe,
  };
}

function createTrafficPart(paths: HomePaths, settings: UpSettings, addresses: Addresses): Part {
  const log = logPath(paths, "traffic");
  return {
    settings: { against: addresses.url, workload: settings.traffic },
    async start(onLaunched) {
      const startedAt = Date.now();
      const server = await launchProcess({
        command: [
          ...programCommand("loadtest/traffic.ts"),
          ...["--against", addresses.url],
          ...["--workload", settings.traffic],
          ...["--until-silent-seconds", String(trafficSilenceSeconds)],
        ],
        cwd: repositoryRoot,
        env: childEnvironment(),
        logPath: log,
        notePath: notePath(paths, "traffic"),
      });
      onLaunched(server);
      await waitUntilReady({
        name: "the traffic",
        server,
        logPath: log,
        timeoutMs: trafficDeadlineMs,
        probe: () => expectCatalogueLine(log, startedAt),
      });
    },
    // It serves nobody; that it lives is all that can be asked.
    probe: () => Promise.resolve(),
  };
}

/** The driver says `catalogue` when it knows what to ask for, and begins. */
async function expectCatalogueLine(log: string, sinceMs: number): Promise<void> {
  const lines = await readLastLines(log, 10);
  const begun = lines.some((line) => {
    if (!line.includes('"event":"catalogue"')) return false;
    const { time } = JSON.parse(line) as { time: string };
    return Date.parse(time) >= sinceMs;
  });
  if (!begun) throw new Error("it has not read the catalogue yet");
}

/** Directories that the parts write to. */
export function partDirectories(paths: HomePaths): string[] {
  return [
    paths.home,
    paths.logs,
    paths.launches,
    paths.profiles,
    paths.status,
    dirname(paths.tuningFile),
  ];
}
