import { SQL } from "bun";

/** Why a catalogue was not seeded. */
export type SeedErrorCode =
  /** Size or seed out of range. */
  | "BAD_OPTIONS"
  /** Not a PostgreSQL URL. */
  | "BAD_ADDRESS"
  /** Nobody answers there, or it refuses us. */
  | "UNREACHABLE"
  /** Tables of the catalogue are missing. */
  | "NO_SCHEMA"
  /** There is a catalogue already. */
  | "NOT_EMPTY"
  /** Another session holds a lock on the tables. */
  | "BUSY"
  /** The load failed on its way and was rolled back. */
  | "LOAD_FAILED";

/** An expected failure. The message is one line for a person and carries no password. */
export class SeedError extends Error {
  override readonly name = "SeedError";
  readonly code: SeedErrorCode;

  constructor(code: SeedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** SQLSTATE classes: https://www.postgresql.org/docs/18/errcodes-appendix.html */
const schemaStates = ["42P01", "42703", "3F000"];
const lockStates = ["55P03", "40P01"];
const refusalStates = ["28000", "28P01", "3D000", "53300", "57P03"];

/** The failure behind an error of the driver; `null` for a defect of ours. */
export function asSeedError(error: unknown, postgresUrl: string): SeedError | null {
  if (error instanceof SeedError) return error;
  if (!(error instanceof SQL.PostgresError)) return null;
  const state = error.errno ?? "";
  const make = (code: SeedErrorCode, message: string): SeedError =>
    new SeedError(code, message, { cause: error });
  if (refusalStates.includes(state) || /CONNECT|TIMEOUT|TLS/.test(error.code))
    return make(
      "UNREACHABLE",
      `cannot use PostgreSQL at ${describeUrl(postgresUrl)}: ${error.message}`,
    );
  if (schemaStates.includes(state))
    return make(
      "NO_SCHEMA",
      `the catalogue's schema does not fit: ${error.message}. ${migrateHint}`,
    );
  if (lockStates.includes(state))
    return make("BUSY", `the catalogue is in use by another session: ${error.message}`);
  return make("LOAD_FAILED", `PostgreSQL refused the load, nothing was kept: ${error.message}`);
}

/** What to do about a missing or old schema. */
export const migrateHint =
  "Apply the migrations first: DATABASE_URL=… bun service/src/main.ts migrate";

/** Host, port and database of a URL, without user and password. */
export function describeUrl(postgresUrl: string): string {
  if (!URL.canParse(postgresUrl)) return "(not a URL)";
  const { host, pathname } = new URL(postgresUrl);
  return `${host}${pathname}`;
}
