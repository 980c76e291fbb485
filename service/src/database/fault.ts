/**
 * Why a statement has no answer though nothing is wrong with it. `http/` answers 503 by `code`.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
  readonly code = "DATABASE_UNAVAILABLE";
}

/** The statement ran, or waited for its turn, longer than a request may. */
export class DatabaseTimeoutError extends Error {
  override readonly name = "DatabaseTimeoutError";
  readonly code = "DATABASE_TIMEOUT";
}

/**
 * What a failure of the driver says about the server. `unreachable`: nobody can be served now;
 * `lost`: this connection broke, another may do; `timeout`: the server ended the statement;
 * `statement`: the statement itself is at fault.
 */
export type DatabaseFault = "unreachable" | "lost" | "timeout" | "statement";

/** Codes of postgres.js and of the operating system when no connection can be made. */
const unreachableCodes: ReadonlySet<string> = new Set([
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

/** Codes of postgres.js and of the operating system when a connection that was made is gone. */
const lostCodes: ReadonlySet<string> = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ECONNRESET",
  "EPIPE",
]);

/**
 * SQLSTATE (PostgreSQL manual, appendix A) with which a server refuses every connection until
 * somebody changes something: authorization, unknown database.
 */
const refusedStates = /^(28...|3D000)$/;

/** cannot_connect_now: starting up or shutting down. */
const startingState = "57P03";

/**
 * SQLSTATE with which a server ends or refuses one connection: administrator, crash, idle limit,
 * connection exception, too many connections.
 */
const endedStates = /^(57P01|57P02|57P05|08...|53300)$/;

/** query_canceled, which statement_timeout raises, and lock_not_available. */
const timeoutStates = /^(57014|55P03)$/;

/** Reads the `code` of an error that postgres.js rejected with. */
export function classifyDatabaseError(error: unknown): DatabaseFault {
  const code = errorCode(error);
  if (unreachableCodes.has(code) || code === startingState || refusedStates.test(code))
    return "unreachable";
  if (lostCodes.has(code) || endedStates.test(code)) return "lost";
  if (timeoutStates.test(code)) return "timeout";
  return "statement";
}

/** Whether a server that answers refuses these credentials or has no such database: no waiting helps. */
export function isRefusal(error: unknown): boolean {
  return refusedStates.test(errorCode(error));
}

/** The `code` that an error carries: an SQLSTATE, or one of the driver's; else "". */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
