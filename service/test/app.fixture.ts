import type { OpenAPIHono } from "@hono/zod-openapi";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger, type Logger } from "@mestore/telemetry/logger";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import { createApp } from "../src/app.ts";
import { createPageCache, createRedisStore } from "../src/cache/index.ts";
import { createDatabase, type Database } from "../src/database/database.ts";
import { applyMigrations, loadMigrations } from "../src/database/migrate.ts";
import type { Migration } from "../src/database/migration.ts";
import { createReadiness } from "../src/http/readiness.ts";
import { createHistory } from "../src/performance/index.ts";
import { untuned } from "../src/tuning/index.ts";

export const silent: Logger = createLogger({ name: "test", level: "fatal", write: () => {} });

/** The migrations of this repository. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const migrations = await loadMigrations();
  if (!migrations.ok) throw new Error(migrations.fault.message);
  return migrations.value;
}

export async function migrateFully(postgresUrl: string): Promise<void> {
  const migrations = await readMigrations();
  const migrated = await applyMigrations({ url: postgresUrl, migrations, logger: silent });
  if (!migrated.ok) throw new Error(migrated.fault.message);
}

export interface TestApp {
  readonly app: OpenAPIHono;
  readonly registry: Registry;
  readonly database: Database;
  /** SQL statements that were issued since the last call, by name. */
  takeStatements(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** The whole app in this process on real stores, as main.ts wires it, without sockets. */
export function createTestApp(stores: {
  readonly postgresUrl: string;
  readonly redisUrl: string | null;
}): TestApp {
  const registry = createRegistry();
  const monotonic = () => performance.now();
  const database = createDatabase({
    url: stores.postgresUrl,
    registry,
    logger: silent,
    monotonicMs: monotonic,
    connections: 4,
  });
  const store =
    stores.redisUrl === null
      ? null
      : createRedisStore({ url: stores.redisUrl, logger: silent, monotonic });
  const cache = createPageCache({ store, registry, logger: silent, l1Bytes: 32e6, monotonic });
  const readiness = createReadiness({
    loadSchemaVersion: async () => 0,
    requiredSchemaVersion: 0,
    cacheState: () => (store === null ? "absent" : "up"),
    isDraining: () => false,
    monotonicMs: monotonic,
  });
  const app = createApp({
    cache,
    database,
    history: createHistory(registry, () => Date.now()),
    tuning: untuned,
    requestIp: () => "127.0.0.1",
    readiness,
    registry,
    logger: silent,
    monotonicMs: monotonic,
  });
  let counted: Record<string, number> = {};
  return {
    app,
    registry,
    database,
    takeStatements() {
      const before = counted;
      counted = {};
      for (const { labels, value } of (
        registry.collect().get(`${serviceMetrics.queryDuration.name}_count`) ?? new Map()
      ).values())
        counted[labels["db_operation_name"] ?? ""] = value;
      return Object.fromEntries(
        Object.entries(counted)
          .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
          .filter(([, count]) => count > 0),
      );
    },
    async close() {
      await Promise.all([cache.close(), database.close()]);
    },
  };
}
