import { formatFaults } from "@mestore/contract/fault";
import { createLogger, type Logger } from "@mestore/telemetry/logger";
import { type MetricsServer, serveMetrics } from "@mestore/telemetry/metrics-server";
import { observeEventLoop, observeProcess } from "@mestore/telemetry/process-metrics";
import { createRegistry } from "@mestore/telemetry/registry";
import { createApp } from "./app.ts";
import {
  createFleetShadow,
  createPageCache,
  createRedisFleetLog,
  createRedisStore,
} from "./cache/index.ts";
import { type Config, parseConfig } from "./config.ts";
import { createDatabase, type Database, poolSize } from "./database/database.ts";
import { applyMigrations, loadMigrations, loadSchemaVersion } from "./database/migrate.ts";
import type { Migration } from "./database/migration.ts";
import { findUnwell } from "./http/health-check.ts";
import { formatApi } from "./http/openapi-routes.ts";
import { createReadiness, isReady } from "./http/readiness.ts";
import { createDrain } from "./http/drain.ts";
import { openConnections } from "./http/open-connections.ts";
import { createHistory } from "./performance/index.ts";
import { untuned, watchTuningFile } from "./tuning/index.ts";

/** Exit codes: 0 after an orderly end, 1 when something failed, 2 for a wrong command or environment. */
const failed = 1;
const misused = 2;

/** Without one the service runs. */
const commands: readonly string[] = ["migrate", "health", "openapi"];

/** Of the process's own cache layer; with it a loaded process stays under 300 MB. */
const l1Bytes = 64 * 1024 * 1024;

/** Balancers keep idle connections for up to 60 s; whoever keeps them longer never cuts one in use. */
const idleTimeoutSeconds = 75;

/** As long as the database of a fresh installation takes to start, image and volume included. */
const migrationWaitSeconds = 60;

/** No route reads a body. */
const maxBodyBytes = 64 * 1024;

const now = () => Date.now();
const monotonicMs = () => performance.now();

class StartFailure extends Error {
  override readonly name = "StartFailure";
}

await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const [command, ...rest] = words;
  if (rest.length > 0 || (command !== undefined && !commands.includes(command)))
    return fail(misused, `usage: mestore-service [${commands.join("|")}]`);
  if (command === "openapi") return printApi();
  const parsed = parseConfig(process.env);
  if (!parsed.ok) return fail(misused, `the environment is wrong: ${formatFaults(parsed.faults)}`);
  if (command === "health") {
    const unwell = await findUnwell(parsed.value);
    return unwell === null ? undefined : fail(failed, unwell);
  }
  const logger = createLogger({ name: "mestore-service", level: parsed.value.logLevel });
  try {
    const migrations = await loadMigrations();
    if (!migrations.ok) throw new StartFailure(migrations.fault.message);
    if (command === "migrate") await migrate(parsed.value, migrations.value, logger);
    else await serve(parsed.value, migrations.value, logger);
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    fail(failed, error.message);
  }
}

/** One plain line for a person; nobody parses the log of a process that never ran. */
function fail(code: number, message: string): void {
  process.stderr.write(`mestore-service: ${message}\n`);
  process.exit(code);
}

/** Prints what docs/openapi.json is made of. Needs no environment: what an app offers, it offers without stores. */
function printApi(): void {
  const registry = createRegistry();
  const logger = createLogger({ name: "mestore-service", level: "warn" });
  const unasked = () => Promise.reject(new Error("a description asks no store"));
  const app = createApp({
    cache: createPageCache({ store: null, registry, logger, l1Bytes, monotonic: monotonicMs }),
    database: { query: unasked, isReachable: () => false, close: async () => {} },
    history: createHistory(registry, now),
    tuning: untuned,
    requestIp: () => null,
    readiness: { report: unasked },
    registry,
    logger,
    monotonicMs,
  });
  process.stdout.write(formatApi(app));
}

async function migrate(
  { databaseUrl }: Config,
  migrations: readonly Migration[],
  logger: Logger,
): Promise<void> {
  const migrated = await applyMigrations({
    url: databaseUrl,
    migrations,
    logger,
    waitSeconds: migrationWaitSeconds,
  });
  if (!migrated.ok) throw new StartFailure(`${migrated.fault.code}: ${migrated.fault.message}`);
  logger.info(
    { applied: migrated.applied.map(({ name }) => name), version: migrations.length },
    "schema is up to date",
  );
}

async function serve(
  config: Config,
  migrations: readonly Migration[],
  logger: Logger,
): Promise<void> {
  const { databaseUrl, redisUrl, tuningFile, drainSeconds } = config;
  for (const event of ["uncaughtException", "unhandledRejection"])
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, "a fault that nothing caught; exiting");
      process.exit(failed);
    });
  const registry = createRegistry();
  observeProcess(registry, now);
  const eventLoop = observeEventLoop(registry, monotonicMs);
  const database = createDatabase({ url: databaseUrl, registry, logger, monotonicMs });
  const redis = redisUrl === null ? null : { url: redisUrl, logger, monotonic: monotonicMs };
  const store = redis === null ? null : createRedisStore(redis);
  const cache = createPageCache({
    store,
    fleet: redis === null ? null : createFleetShadow({ ...redis, log: createRedisFleetLog(redis) }),
    registry,
    logger,
    l1Bytes,
    monotonic: monotonicMs,
  });
  const tuning =
    tuningFile === null
      ? null
      : watchTuningFile({
          path: tuningFile,
          apply: ({ ttlSeconds }) => cache.applyTtls(ttlSeconds),
          registry,
          logger,
        });
  await tuning?.ready;
  const history = createHistory(registry, now);
  let preparing = Promise.resolve();
  const readiness = createReadiness({
    loadSchemaVersion: () => loadSchemaVersion(database),
    requiredSchemaVersion: migrations.length,
    prepare: () => (preparing = connectAll(database, logger)),
    cacheState: () => (store === null ? "absent" : store.isUp() ? "up" : "down"),
    isDraining: () => drain.isDraining(),
    monotonicMs,
  });
  const app = createApp({
    cache,
    database,
    history,
    tuning: tuning ?? untuned,
    requestIp: (request) => server.requestIP(request)?.address ?? null,
    readiness,
    registry,
    logger,
    monotonicMs,
  });
  const metrics: MetricsServer = listen(config.host, config.metricsPort, "METRICS_PORT", () =>
    serveMetrics({ registry, port: config.metricsPort, hostname: config.host, logger }),
  );
  const server = listen(config.host, config.port, "PORT", () =>
    Bun.serve({
      port: config.port,
      hostname: config.host,
      idleTimeout: idleTimeoutSeconds,
      maxRequestBodySize: maxBodyBytes,
      development: false,
      async fetch(request) {
        const response = await app.fetch(request);
        if (drain.isDraining()) response.headers.set("connection", "close");
        return response;
      },
    }),
  );
  const drain = createDrain({
    server,
    drainSeconds,
    logger,
    exit: (code) => process.exit(code),
    async close() {
      tuning?.close();
      history.stop();
      eventLoop.stop();
      await Promise.all([metrics.stop(), cache.close(), database.close()]);
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => void drain.onSignal(signal));
  history.start();
  await readiness.report();
  await preparing;
  const report = await readiness.report();
  const started = {
    url: server.url.origin,
    metricsUrl: metrics.url,
    startedInMs: Math.round(performance.now()),
    ...report,
  };
  if (isReady(report)) logger.info(started, "serving");
  else logger.warn(started, "serving, but not ready");
}

/** Opens every connection that requests will want, before there are any. */
async function connectAll(database: Database, logger: Logger): Promise<void> {
  const opened = await openConnections({
    ask: () => loadSchemaVersion(database),
    connections: poolSize,
    monotonicMs,
    sleep: Bun.sleep,
  });
  if (!opened) logger.warn({ connections: poolSize }, "not all connections could be opened");
}

/** Opens a socket; a port that somebody else has is a failure to start, told in one line. */
function listen<Server>(host: string, port: number, variable: string, open: () => Server): Server {
  try {
    return open();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const reason =
      code === "EADDRINUSE"
        ? "the port is in use"
        : error instanceof Error
          ? error.message
          : String(error);
    throw new StartFailure(`cannot listen on ${host}:${port} (${variable}): ${reason}`);
  }
}
