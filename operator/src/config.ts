import { Command, CommanderError, Option } from "commander";
import { type LogLevel, logLevels } from "@mestore/telemetry/logger";
import { z } from "zod";

/** What the operator runs with. Nothing of it is read from the environment. */
export interface Config {
  readonly source: "file";
  /** Directory of PerformanceProfile YAML. */
  readonly profilesDirectory: string;
  /** The tuning document, replaced whole. */
  readonly tuningFile: string;
  /** Directory of the status for people and of the loop's memory. */
  readonly statusDirectory: string;
  /** Address of the service's `/metrics`. */
  readonly scrapeUrl: string;
  /** Port of the operator's own `/metrics`; 0: a free one, printed in the log. */
  readonly metricsPort: number;
  /** Divides every period of the laws; at least 1. */
  readonly timeScale: number;
  readonly logLevel: LogLevel;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  /** `exitCode` 0 for `--help`, 2 for wrong usage. */
  | { readonly ok: false; readonly exitCode: number; readonly text: string };

/** The port that Kubernetes operators serve their metrics on by convention (controller-runtime). */
const defaultMetricsPort = 8080;

const wrong = (text: string) => ({ error: text });

const optionsSchema = z.strictObject({
  source: z.literal("file"),
  profiles: z.string().min(1, wrong("must name a directory")),
  tuningFile: z.string().min(1, wrong("must name a file")),
  statusDir: z.string().min(1, wrong("must name a directory")),
  scrape: z.url({ protocol: /^https?$/, error: "must be an http or https address" }),
  metricsPort: z.coerce
    .number(wrong("must be a port from 0 to 65535"))
    .int(wrong("must be a port from 0 to 65535"))
    .min(0, wrong("must be a port from 0 to 65535"))
    .max(65_535, wrong("must be a port from 0 to 65535")),
  timeScale: z.coerce
    .number(wrong("must be a number of at least 1"))
    .min(1, wrong("must be a number of at least 1"))
    .max(1000, wrong("must be at most 1000")),
  logLevel: z.enum(logLevels),
});

function createCommand(): Command {
  return new Command("mestore-operator")
    .description(
      "Keeps a service inside its performance objectives: reads its metrics, decides by the control laws, writes its tuning document.",
    )
    .addOption(
      new Option("--source <kind>", "where profiles live and tuning goes")
        .choices(["file"])
        .makeOptionMandatory(),
    )
    .requiredOption("--profiles <dir>", "directory of PerformanceProfile YAML")
    .requiredOption("--tuning-file <file>", "the tuning document that the service reads")
    .requiredOption("--status-dir <dir>", "where status and the loop's memory are written")
    .requiredOption("--scrape <url>", "address of the service's /metrics")
    .option(
      "--metrics-port <port>",
      "port of the operator's own /metrics; 0 takes a free one",
      String(defaultMetricsPort),
    )
    .option("--time-scale <n>", "divides every period of the laws, to watch the loop faster", "1")
    .addOption(
      new Option("--log-level <level>", "least level that is logged")
        .choices(logLevels)
        .default("info"),
    )
    .allowExcessArguments(false)
    .helpOption("-h, --help", "print this text");
}

/** Parses the arguments behind the program's name. Every wrong value is named at once. */
export function parseConfig(args: readonly string[]): ParsedConfig {
  let text = "";
  const collect = (part: string) => {
    text += part;
  };
  const command = createCommand()
    .exitOverride()
    .configureOutput({ writeOut: collect, writeErr: collect });
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { ok: false, exitCode: error.exitCode === 0 ? 0 : 2, text };
  }
  const options = optionsSchema.safeParse(command.opts());
  if (!options.success) {
    const lines = options.error.issues.map(
      (issue) => `error: ${flagOf(String(issue.path[0]))} ${issue.message}\n`,
    );
    return { ok: false, exitCode: 2, text: lines.join("") };
  }
  const { source, profiles, tuningFile, statusDir, scrape, ...rest } = options.data;
  const config = {
    source,
    profilesDirectory: profiles,
    tuningFile,
    statusDirectory: statusDir,
    scrapeUrl: scrape,
    ...rest,
  };
  return { ok: true, config };
}

/** `tuningFile` is `--tuning-file`. */
function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
