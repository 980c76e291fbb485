import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@mestore/telemetry/logger";
import postgres from "postgres";
import type { Database } from "./database.ts";
import { classifyDatabaseError, errorCode, isRefusal } from "./fault.ts";
import {
  decideNextMigration,
  type Migration,
  type MigrationFault,
  type ParsedMigrations,
  parseMigrations,
  type RecordedMigration,
} from "./migration.ts";

/** Where the history of the schema lives: in this repository, or embedded in a compiled program. */
export const migrationsDirectory = join(
  import.meta.dir,
  Bun.isStandaloneExecutable ? "migrations" : "../../migrations",
);

/** Reads the `.sql` files of a directory. @throws when the directory cannot be read. */
export async function loadMigrations(directory = migrationsDirectory): Promise<ParsedMigrations> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql"));
  return parseMigrations(
    await Promise.all(
      names.map(async (name) => ({ name, text: await readFile(join(directory, name), "utf8") })),
    ),
  );
}

export type Migrated =
  | { readonly ok: true; readonly applied: readonly Migration[] }
  | { readonly ok: false; readonly fault: MigrationFault };

export interface MigrateOptions {
  readonly url: string;
  readonly migrations: readonly Migration[];
  readonly logger: Logger;
  /** How long to wait for another process that is migrating. Default 60. */
  readonly lockTimeoutSeconds?: number;
  /**
   * How long to wait for a database that cannot be reached yet: one that is installed together with
   * the service takes a while to start. Default 0. Credentials that it refuses are told at once.
   */
  readonly waitSeconds?: number;
}

/** For pg_advisory_xact_lock: the ASCII codes of "MeStore". Any number does that nobody else takes. */
export const migrationLock = 0x4d_65_53_74_6f_72_65n;

/** DDL that waits for a long transaction makes everyone behind it wait too; better fail and be repeated. */
const ddlLockTimeoutSeconds = 5;

/** Between two attempts to reach a database: a Service that is new takes about a second to lead somewhere. */
const retryPauseMs = 1000;

/** How often somebody who reads the log is told that nothing has changed. */
const waitingNoticeMs = 10_000;

/**
 * Applies what the database lacks, each migration in one transaction under an advisory lock, so
 * that several processes may do it at once, behind a transaction pooler too, and a killed one leaves
 * nothing half done. Expected failures: the codes of `MigrationFault`.
 */
export async function applyMigrations(options: MigrateOptions): Promise<Migrated> {
  const { logger, waitSeconds = 0 } = options;
  const startedMs = performance.now();
  let noticedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const migrated = await tryMigrations(options);
    const nowMs = performance.now();
    if (migrated.ok || migrated.fault.code !== "DATABASE_UNAVAILABLE") return migrated;
    if (nowMs - startedMs >= waitSeconds * 1000) return migrated;
    if (nowMs - noticedMs >= waitingNoticeMs) {
      noticedMs = nowMs;
      logger.warn(
        {
          reason: migrated.fault.message,
          waitedSeconds: Math.round((nowMs - startedMs) / 1000),
          waitSeconds,
        },
        "waiting for the database",
      );
    }
    await Bun.sleep(retryPauseMs);
  }
}

async function tryMigrations(options: MigrateOptions): Promise<Migrated> {
  const { migrations, logger, lockTimeoutSeconds = 60 } = options;
  const sql = postgres(options.url, {
    max: 1,
    connect_timeout: 5,
    onnotice: () => {},
    connection: { application_name: "mestore-migrate", statement_timeout: 0 },
  });
  const applied: Migration[] = [];
  let current: Migration | null = null;
  try {
    for (;;) {
      const next = await sql.begin(async (tx) => {
        current = null;
        await tx.unsafe(`SET LOCAL lock_timeout = '${lockTimeoutSeconds}s'`);
        await tx.unsafe(`SELECT pg_advisory_xact_lock(${migrationLock})`);
        await tx.unsafe(createHistory);
        const recorded = await tx.unsafe<RecordedMigration[]>(
          "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
        );
        const step = decideNextMigration(migrations, recorded);
        if (step.kind !== "apply") return step;
        current = step.migration;
        await tx.unsafe(`SET LOCAL lock_timeout = '${ddlLockTimeoutSeconds}s'`);
        await tx.unsafe(current.text);
        await tx.unsafe(
          "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
          [current.version, current.name, current.checksum],
        );
        return step;
      });
      if (next.kind === "refuse") return { ok: false, fault: next.fault };
      if (next.kind === "done") return { ok: true, applied };
      applied.push(next.migration);
      logger.info({ migration: next.migration.name }, "migration applied");
    }
  } catch (error) {
    return { ok: false, fault: describeFailure(error, current) };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const createHistory = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`;

/** lock_not_available */
const lockTimeoutState = "55P03";

function describeFailure(error: unknown, migration: Migration | null): MigrationFault {
  const message = error instanceof Error ? error.message : String(error);
  if (isRefusal(error))
    return { code: "DATABASE_REFUSED", message: `the database refuses us: ${message}` };
  const fault = classifyDatabaseError(error);
  if (fault === "unreachable" || fault === "lost")
    return { code: "DATABASE_UNAVAILABLE", message: `the database cannot be reached: ${message}` };
  if (errorCode(error) === lockTimeoutState && migration === null)
    return { code: "MIGRATION_LOCKED", message: "another process has been migrating for too long" };
  return {
    code: "MIGRATION_FAILED",
    message: `${migration?.name ?? "the record of migrations"}: ${message}`,
  };
}

/** undefined_table */
const undefinedTableState = "42P01";

/** Version of the schema that the database is at; 0 before the first migration. */
export async function loadSchemaVersion(database: Database): Promise<number> {
  try {
    const [row] = await database.query<{ version: number | null }>({
      name: "schema_version",
      queryClass: "simple",
      text: "SELECT max(version) AS version FROM schema_migrations",
      parameters: [],
    });
    return row?.version ?? 0;
  } catch (error) {
    if (errorCode(error) === undefinedTableState) return 0;
    throw error;
  }
}
