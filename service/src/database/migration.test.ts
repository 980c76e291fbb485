import { describe, expect, test } from "bun:test";
import { decideNextMigration, type Migration, parseMigrations } from "./migration.ts";

const files = [
  { name: "0002_indexes.sql", text: "CREATE INDEX i ON t (a);\n" },
  { name: "0001_tables.sql", text: "CREATE TABLE t (a int);\n" },
];

function parsed(from: readonly { name: string; text: string }[]): readonly Migration[] {
  const migrations = parseMigrations(from);
  if (!migrations.ok) throw new Error(migrations.fault.message);
  return migrations.value;
}

function faultOf(names: readonly string[]): string {
  const migrations = parseMigrations(names.map((name) => ({ name, text: "" })));
  return migrations.ok ? "none" : migrations.fault.code;
}

describe("parseMigrations", () => {
  test("orders files by version", () => {
    expect(parsed(files).map(({ version, name }) => [version, name])).toEqual([
      [1, "0001_tables.sql"],
      [2, "0002_indexes.sql"],
    ]);
  });

  test("counts line ends as LF, so that a checkout on another system has the same history", () => {
    const windows = files.map(({ name, text }) => ({ name, text: text.replaceAll("\n", "\r\n") }));
    expect(parsed(windows).map(({ checksum }) => checksum)).toEqual(
      parsed(files).map(({ checksum }) => checksum),
    );
  });

  test("refuses a gap, a twin and a name without a version", () => {
    expect(faultOf(["0001_a.sql", "0003_c.sql"])).toBe("MIGRATION_GAP");
    expect(faultOf(["0001_a.sql", "0001_b.sql"])).toBe("MIGRATION_GAP");
    expect(faultOf(["0002_b.sql"])).toBe("MIGRATION_GAP");
    expect(faultOf(["first.sql"])).toBe("MIGRATION_NAME_INVALID");
  });
});

describe("decideNextMigration", () => {
  const migrations = parsed(files);

  test("takes one step after the other", () => {
    const steps: string[] = [];
    const recorded: Migration[] = [];
    for (;;) {
      const next = decideNextMigration(migrations, recorded);
      if (next.kind !== "apply") break;
      steps.push(next.migration.name);
      recorded.push(next.migration);
    }
    expect(steps).toEqual(["0001_tables.sql", "0002_indexes.sql"]);
    expect(decideNextMigration(migrations, recorded)).toEqual({ kind: "done" });
  });

  test("refuses to go on from a migration whose text changed, and names it", () => {
    const next = decideNextMigration(migrations, [
      { version: 1, name: "0001_tables.sql", checksum: "another" },
    ]);
    expect(next).toMatchObject({ kind: "refuse", fault: { code: "MIGRATION_CHANGED" } });
    expect(JSON.stringify(next)).toContain("0001_tables.sql");
  });

  test("leaves a database alone that is ahead of the code", () => {
    const ahead = [...migrations, { version: 3, name: "0003_later.sql", checksum: "unknown here" }];
    expect(decideNextMigration(migrations, ahead)).toEqual({ kind: "done" });
  });
});
