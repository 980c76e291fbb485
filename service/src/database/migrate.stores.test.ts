import { describe, expect, test } from "bun:test";
import { createLogger } from "@mestore/telemetry/logger";
import { startPostgres, useStores } from "@mestore/tools/stack/test-stores";
import postgres from "postgres";
import { readMigrations, silent } from "../../test/app.fixture.ts";
import { applyMigrations, type Migrated, migrationLock } from "./migrate.ts";
import { type Migration, parseMigrations } from "./migration.ts";

function write(files: Readonly<Record<string, string>>): readonly Migration[] {
  const parsed = parseMigrations(Object.entries(files).map(([name, text]) => ({ name, text })));
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const two = {
  "0001_one.sql": "CREATE TABLE one (a int); INSERT INTO one VALUES (1);",
  "0002_two.sql": "CREATE TABLE two (a int);",
};

async function withDatabase(
  run: (bed: {
    migrate(files: Readonly<Record<string, string>>): Promise<Migrated>;
    sql: postgres.Sql;
    url: string;
  }) => Promise<void>,
): Promise<void> {
  const { postgresUrl: url } = await useStores();
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  try {
    await run({
      url,
      sql,
      migrate: (files) => applyMigrations({ url, migrations: write(files), logger: silent }),
    });
  } finally {
    await sql.end();
  }
}

function names(migrated: Migrated): readonly string[] {
  if (!migrated.ok) throw new Error(migrated.fault.message);
  return migrated.applied.map(({ name }) => name);
}

describe("applyMigrations", () => {
  test("applies what is missing, once, and records it", () =>
    withDatabase(async ({ migrate, sql }) => {
      expect(names(await migrate({ "0001_one.sql": two["0001_one.sql"] }))).toEqual([
        "0001_one.sql",
      ]);
      expect(names(await migrate(two))).toEqual(["0002_two.sql"]);
      expect(names(await migrate(two))).toEqual([]);
      expect(await sql`SELECT version, name FROM schema_migrations ORDER BY version`).toMatchObject(
        [
          { version: 1, name: "0001_one.sql" },
          { version: 2, name: "0002_two.sql" },
        ],
      );
    }));

  test("brings this repository's schema to an empty database", () =>
    withDatabase(async ({ url, sql }) => {
      const migrations = await readMigrations();
      const migrated = await applyMigrations({ url, migrations, logger: silent });
      expect(names(migrated)).toHaveLength(migrations.length);
      const tables = await sql`
        SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`;
      expect(tables.map(({ name }) => String(name)).sort()).toEqual([
        "brands",
        "categories",
        "products",
        "schema_migrations",
        "stock",
        "variants",
        "vendors",
      ]);
    }));

  test("may run in several processes at once: each step is taken by one of them", () =>
    withDatabase(async ({ migrate, sql }) => {
      const all = await Promise.all(Array.from({ length: 6 }, () => migrate(two)));
      expect(all.flatMap(names).sort()).toEqual(["0001_one.sql", "0002_two.sql"]);
      expect(await sql`SELECT count(*)::int AS rows FROM one`).toMatchObject([{ rows: 1 }]);
    }));

  test("refuses to go on when an applied migration's text has changed, and names it", () =>
    withDatabase(async ({ migrate, sql }) => {
      await migrate({ "0001_one.sql": two["0001_one.sql"] });
      const migrated = await migrate({ ...two, "0001_one.sql": "CREATE TABLE other (a int);" });
      expect(migrated).toMatchObject({ ok: false, fault: { code: "MIGRATION_CHANGED" } });
      expect(!migrated.ok && migrated.fault.message).toContain("0001_one.sql");
      expect(await sql`SELECT to_regclass('two') AS two`).toMatchObject([{ two: null }]);
    }));

  test("leaves nothing of a migration that fails, keeps those before it, and can be repeated", () =>
    withDatabase(async ({ migrate, sql }) => {
      const broken = { ...two, "0002_two.sql": "CREATE TABLE two (a int); SELECT 1 / 0;" };
      const migrated = await migrate(broken);
      expect(migrated).toMatchObject({ ok: false, fault: { code: "MIGRATION_FAILED" } });
      expect(!migrated.ok && migrated.fault.message).toContain("0002_two.sql: division by zero");
      expect(await sql`SELECT to_regclass('two') AS two`).toMatchObject([{ two: null }]);
      expect(names(await migrate(two))).toEqual(["0002_two.sql"]);
    }));

  test("does nothing to a database that is ahead of the code", () =>
    withDatabase(async ({ migrate }) => {
      await migrate(two);
      expect(names(await migrate({ "0001_one.sql": two["0001_one.sql"] }))).toEqual([]);
    }));

  test("gives up when another process holds the lock for too long", () =>
    withDatabase(async ({ url, sql, migrate }) => {
      await migrate(two);
      await sql.begin(async (tx) => {
        await tx.unsafe(`SELECT pg_advisory_xact_lock(${migrationLock})`);
        const migrated = await applyMigrations({
          url,
          migrations: write(two),
          logger: silent,
          lockTimeoutSeconds: 1,
        });
        expect(migrated).toMatchObject({ ok: false, fault: { code: "MIGRATION_LOCKED" } });
      });
    }));

  test("says that there is no database", async () => {
    const migrated = await applyMigrations({
      url: "postgres://nobody:secret@127.0.0.1:1/none",
      migrations: write(two),
      logger: silent,
    });
    expect(migrated).toMatchObject({ ok: false, fault: { code: "DATABASE_UNAVAILABLE" } });
    expect(JSON.stringify(migrated)).not.toContain("secret");
  });

  test("waits for a database that is not up yet, and says so", async () => {
    const database = await startPostgres();
    try {
      await database.kill("SIGKILL");
      let restarted: Promise<void> | undefined;
      const logger = createLogger({
        name: "test",
        level: "warn",
        write(line) {
          expect(line).toContain("waiting for the database");
          restarted ??= database.restart();
        },
      });
      const { url } = database;
      const migrated = await applyMigrations({
        url,
        migrations: write(two),
        logger,
        waitSeconds: 90,
      });
      expect(names(migrated)).toEqual(["0001_one.sql", "0002_two.sql"]);
      expect(restarted).toBeDefined();
      await restarted;
    } finally {
      await database.stop();
    }
  });

  test("waits no longer than it was told", async () => {
    const lines: string[] = [];
    const migrated = await applyMigrations({
      url: "postgres://nobody:secret@127.0.0.1:1/none",
      migrations: write(two),
      logger: createLogger({ name: "test", level: "warn", write: (line) => lines.push(line) }),
      waitSeconds: 1,
    });
    expect(migrated).toMatchObject({ ok: false, fault: { code: "DATABASE_UNAVAILABLE" } });
    expect(lines).toHaveLength(1);
  });

  test.each([
    ["a wrong password", (url: URL) => (url.password = "wrong")],
    ["a database that there is not", (url: URL) => (url.pathname = "/no_such_database")],
  ])("does not wait with %s", async (_, spoil) => {
    const url = new URL((await useStores()).postgresUrl);
    spoil(url);
    const lines: string[] = [];
    const migrated = await applyMigrations({
      url: url.href,
      migrations: write(two),
      logger: createLogger({ name: "test", level: "warn", write: (line) => lines.push(line) }),
      waitSeconds: 3600,
    });
    expect(migrated).toMatchObject({ ok: false, fault: { code: "DATABASE_REFUSED" } });
    expect(lines).toEqual([]);
  });
});
