import { createHash } from "node:crypto";

/** One step of the schema's history: a file `0001_catalog.sql`. */
export interface Migration {
  /** 1, 2, 3, …, without a gap. */
  readonly version: number;
  /** Of the file. */
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text, line ends counted as LF so that a checkout's settings change nothing. */
  readonly checksum: string;
}

/** What a database says was applied. */
export interface RecordedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

export interface MigrationFault {
  readonly code:
    | "MIGRATION_NAME_INVALID"
    | "MIGRATION_GAP"
    | "MIGRATION_CHANGED"
    | "MIGRATION_FAILED"
    | "MIGRATION_LOCKED"
    | "DATABASE_UNAVAILABLE"
    /** It answers, and lets us in neither now nor later: the password, or there is no such database. */
    | "DATABASE_REFUSED";
  readonly message: string;
}

export type ParsedMigrations =
  | { readonly ok: true; readonly value: readonly Migration[] }
  | { readonly ok: false; readonly fault: MigrationFault };

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** Orders the files of the migrations directory. Versions must run from 1 without a gap or a twin. */
export function parseMigrations(
  files: readonly { readonly name: string; readonly text: string }[],
): ParsedMigrations {
  const migrations: Migration[] = [];
  for (const { name, text } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const version = Number(fileName.exec(name)?.[1]);
    if (Number.isNaN(version))
      return refuse("MIGRATION_NAME_INVALID", `${name} is not named like 0001_what_it_does.sql`);
    if (version !== migrations.length + 1)
      return refuse(
        "MIGRATION_GAP",
        `${name} stands where version ${migrations.length + 1} belongs`,
      );
    migrations.push({ version, name, text, checksum: checksumOf(text) });
  }
  return { ok: true, value: migrations };
}

function refuse(code: MigrationFault["code"], message: string) {
  return { ok: false, fault: { code, message } } as const;
}

function checksumOf(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
}

export type NextMigration =
  | { readonly kind: "apply"; readonly migration: Migration }
  | { readonly kind: "done" }
  | { readonly kind: "refuse"; readonly fault: MigrationFault };

/**
 * The step to take on a database that has recorded these. A database ahead of the code is left as
 * it is: an older version of the service keeps serving while a newer one has migrated already.
 */
export function decideNextMigration(
  migrations: readonly Migration[],
  recorded: readonly RecordedMigration[],
): NextMigration {
  const applied = new Map(recorded.map((one) => [one.version, one]));
  for (const migration of migrations) {
    const before = applied.get(migration.version);
    if (before === undefined) return { kind: "apply", migration };
    if (before.checksum !== migration.checksum)
      return {
        kind: "refuse",
        fault: {
          code: "MIGRATION_CHANGED",
          message: `${migration.name} was applied with another text (as ${before.name}); add a new migration instead of changing it`,
        },
      };
  }
  return { kind: "done" };
}
