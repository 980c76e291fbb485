import pino from "pino";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Log fields come first, then the message; an error goes under `err`. */
export type Logger = pino.Logger;

export interface LoggerOptions {
  /** The program, in the field `name` of every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Takes one line, its newline included. Default: standard output, written at once. */
  readonly write?: (line: string) => void;
}

/**
 * JSON lines with level, time (ISO 8601, UTC), pid and name. An error is written with its stack and
 * with every `cause` behind it. Secrets never reach a line: see `redactLine`.
 */
export function createLogger({ name, level, write }: LoggerOptions): Logger {
  const out = write ?? standardOutput();
  const err = pino.stdSerializers.errWithCause;
  return pino(
    {
      level,
      base: { pid: process.pid, name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err, error: err },
    },
    { write: (line: string) => out(redactLine(line)) },
  );
}

function standardOutput(): (line: string) => void {
  const destination = pino.destination({ dest: 1, sync: true });
  return (line) => {
    destination.write(line);
  };
}

const censored = "[redacted]";
const secretName =
  /(?:password|passwd|passphrase|secret|token|authorization|cookie|api[-_]?key|private[-_]?key|credentials?)$/i;
/** Whether any field of a line has such a name: most lines have none, and are not parsed. */
const hasSecretName = new RegExp(secretName.source.replace("$", String.raw`"\s*:`), "i");
/** `scheme://user:password@`; the user is kept, since it tells which account failed. */
const urlPassword = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/[^\s"'/:@?#]*:)[^\s"'/@]+@/gi;

/**
 * Takes the values of fields named like a secret (`password`, `accessToken`, `authorization`, …, at
 * any depth) and the passwords of URLs, also inside messages and stacks, out of one JSON line.
 */
export function redactLine(line: string): string {
  const named = hasSecretName.test(line) ? redactFields(line) : line;
  return named.includes("://") ? named.replace(urlPassword, `$1${censored}@`) : named;
}

function redactFields(line: string): string {
  const fields: unknown = JSON.parse(line, (name, value: unknown) =>
    secretName.test(name) ? censored : value,
  );
  return `${JSON.stringify(fields)}${line.endsWith("\n") ? "\n" : ""}`;
}
