import { type Command, InvalidArgumentError } from "commander";
import { createHomePaths } from "../stack/paths.ts";
import { wholeNumber } from "./options.ts";

/** An hour of watching is a job for the operator. */
const longestSeconds = 3600;

interface ExplainOptions {
  readonly file: string;
  readonly seconds?: number;
  readonly metrics?: string;
  readonly json?: true;
}

/** Adds `explain -f PROFILE.yaml` to the command line. */
export function registerExplain(program: Command): void {
  program
    .command("explain")
    .summary("one observation and the decisions it leads to, with reasons")
    .description(
      "Watches a service for a while and says what the control laws make of it under this profile:\n" +
        "each objective, each decision, its reason and its figures. Writes nothing.\n" +
        "Ctrl-C ends the watching and decides on what was seen.",
    )
    .requiredOption("-f, --file <profile.yaml>", "the profile to explain")
    .option("--seconds <n>", "how long to watch (default: 60)", wholeNumber(1, longestSeconds))
    .option("--metrics <url>", "the service's /metrics (default: what up runs)", parseHttpUrl)
    .option("--json", "the same for programs")
    .action(async (options: ExplainOptions) => {
      const [{ explainFile }, { createExplainProgress, formatExplained }] = await Promise.all([
        import("../explain/explain-file.ts"),
        import("../explain/format.ts"),
      ]);
      const enough = new AbortController();
      process.once("SIGINT", () => enough.abort());
      const progress = createExplainProgress(process.stderr);
      const explained = await explainFile(
        {
          file: options.file,
          metricsUrl: options.metrics ?? null,
          seconds: options.seconds ?? null,
          statePath: createHomePaths().state,
        },
        enough.signal,
        progress.show,
      ).finally(progress.close);
      const { output, errors, exitCode } = formatExplained(explained, options.json === true);
      process.stdout.write(output);
      process.stderr.write(errors);
      process.exitCode = exitCode;
    });
}

function parseHttpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol))
    throw new InvalidArgumentError("Must be an http or https URL.");
  return url.href;
}
