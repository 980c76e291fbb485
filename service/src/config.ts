import { type FieldFault, parseWith } from "@mestore/contract/fault";
import { logLevels } from "@mestore/telemetry/logger";
import { z } from "zod";

/** Environment of the service as it was given; a variable set to nothing counts as absent. */
export type Environment = Readonly<Record<string, string | undefined>>;

const port = z
  .string()
  .regex(/^\d{1,5}$/, "not a port number")
  .transform(Number)
  .refine((value) => value <= 65_535, "not a port number: above 65535");

/** Says what is wrong without repeating the value, which may hold a password. */
const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `not a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    );

const redisUrl = url(["redis:", "rediss:"]).refine(
  (text) => !URL.canParse(text) || /^\/?(\d{1,5})?$/.test(new URL(text).pathname),
  "the path names no logical database: redis://host:6379/0",
);

/** Longest drain; a supervisor that waits longer before it kills would be a mistake. */
const maxDrainSeconds = 300;

const environmentSchema = z.object({
  PORT: port.default(8000),
  HOST: z.string().max(255).default("0.0.0.0"),
  METRICS_PORT: port.default(9464),
  DATABASE_URL: url(["postgres:", "postgresql:"]),
  REDIS_URL: redisUrl.optional(),
  TUNING_FILE: z.string().optional(),
  DRAIN_SECONDS: z
    .string()
    .regex(/^\d+(\.\d+)?$/, "not a number of seconds")
    .transform(Number)
    .refine((value) => value <= maxDrainSeconds, `more than ${maxDrainSeconds} seconds`)
    .default(5),
  LOG_LEVEL: z.enum(logLevels, `not one of ${logLevels.join(", ")}`).default("info"),
});

/** What the environment asks of this process. Holds passwords inside its URLs: never log it. */
export interface Config {
  /** Of the storefront. 0 takes a free one. */
  readonly port: number;
  /** Address that both servers listen on. Default: every IPv4 address, as a container needs it. */
  readonly host: string;
  /** Of `/metrics`. 0 takes a free one. */
  readonly metricsPort: number;
  readonly databaseUrl: string;
  /** Null: no shared cache layer; each process keeps its own. */
  readonly redisUrl: string | null;
  /** Null: the initial TTLs stay in force. */
  readonly tuningFile: string | null;
  /** How long a process that was told to stop still answers, so that clients can move on. */
  readonly drainSeconds: number;
  readonly logLevel: (typeof logLevels)[number];
}

export type ParsedConfig =
  | { readonly ok: true; readonly value: Config }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** Reads the environment, or gives every fault at once; a fault never repeats a secret value. */
export function parseConfig(environment: Environment): ParsedConfig {
  const given = Object.fromEntries(
    Object.keys(environmentSchema.shape).flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const missing: FieldFault[] =
    "DATABASE_URL" in given
      ? []
      : [
          {
            path: "DATABASE_URL",
            message: "is required: postgres://user:password@host:5432/database",
          },
        ];
  const parsed = parseWith(environmentSchema, given);
  if (!parsed.ok) {
    const others = parsed.faults.filter(({ path }) => path !== missing[0]?.path);
    return { ok: false, faults: [...missing, ...others] };
  }
  const { value } = parsed;
  if (value.PORT !== 0 && value.PORT === value.METRICS_PORT)
    return { ok: false, faults: [{ path: "METRICS_PORT", message: "is the same as PORT" }] };
  return {
    ok: true,
    value: Object.freeze({
      port: value.PORT,
      host: value.HOST,
      metricsPort: value.METRICS_PORT,
      databaseUrl: value.DATABASE_URL,
      redisUrl: value.REDIS_URL ?? null,
      tuningFile: value.TUNING_FILE ?? null,
      drainSeconds: value.DRAIN_SECONDS,
      logLevel: value.LOG_LEVEL,
    }),
  };
}
