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
/** What text in a JSON string can have without an end of a word or of the string: no space, no quote, no escape but that of `\`. */
const inWord = String.raw`(?:[^\s"\\]|\\\\)`;
/**
 * `scheme://user:password@`; the user is kept, since it tells which account failed. The password ends
 * at the last `@` of the word, because people paste passwords with `@`, `'` or `/` in them. A host
 * with its port and a path is none. The length, that of the longest tokens of clouds, bounds the search.
 */
const urlPassword = new RegExp(
  String.raw`(\b[a-z][a-z0-9+.-]{0,31}://[^\s"'/:@?#[\]\\]{0,256}:)(?!\d{1,5}(?:[/?#]|\\?"))${inWord}{1,4096}@`,
  "gi",
);
/** `?password=…`, `&access_token=…`: the value of a query parameter named like a secret. */
const querySecret = new RegExp(
  String.raw`([?&;][\w.-]{0,64}?${secretName.source.replace("$", "")}=)[^\s"\\&#]+`,
  "gi",
);

/**
 * Takes the values of fields named like a secret (`password`, `accessToken`, `authorization`, …, at
 * any depth), the passwords of URLs and the values of their parameters named like a secret, also inside
 * messages and stacks, out of one JSON line.
 */
export function redactLine(line: string): string {
  const searched = line.length > longestLine ? shortenTexts(line) : line;
  const named = hasSecretName.test(searched) ? redactFields(searched) : searched;
  const withoutPasswords = named.includes("://")
    ? named.replace(urlPassword, `$1${censored}@`)
    : named;
  return withoutPasswords.includes("=")
    ? withoutPasswords.replace(querySecret, `$1${censored}`)
    : withoutPasswords;
}

/**
 * Beyond some hundred thousand characters the engine gives up a search and finds nothing. No stack or
 * statement is as long as this, so long texts lose their ends in such a line.
 */
const longestLine = 64 * 1024;
const longestText = 8 * 1024;

function shortenTexts(line: string): string {
  const fields: unknown = JSON.parse(line, (_name, value: unknown) =>
    typeof value === "string" && value.length > longestText
      ? `${value.slice(0, longestText)}…`
      : value,
  );
  return `${JSON.stringify(fields)}${line.endsWith("\n") ? "\n" : ""}`;
}

function redactFields(line: string): string {
  const fields: unknown = JSON.parse(line, (name, value: unknown) =>
    secretName.test(name) ? censored : value,
  );
  return `${JSON.stringify(fields)}${line.endsWith("\n") ? "\n" : ""}`;
}
