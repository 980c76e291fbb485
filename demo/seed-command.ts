import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { awaitSchema } from "./await-schema.ts";
import { defaultSeed } from "./catalogue.ts";
import { seedDemo, type SeedProgress } from "./seed.ts";
import { SeedError } from "./seed-error.ts";

/** The program around `seedDemo`: `bun demo/main.ts`, and a Job that runs once and may run again. */

interface SeedFlags {
  readonly postgres?: string;
  readonly postgresEnv?: string;
  readonly products: number;
  readonly seed: number;
  readonly wait?: number;
}

/** In a cluster the database and the migrations start together with us, from images still to come. */
const jobWaitSeconds = 300;

/** A Job has its deadline in its own settings. */
const longestWaitSeconds = 3600;

/**
 * Runs the program with its arguments. Answers the exit code: 0 there is a catalogue, 1 there is none,
 * 2 wrong usage. Progress and errors go to standard error, the result to standard output.
 */
export async function runSeedCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const command = createCommand();
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const { postgres, postgresEnv, products, seed, wait } = command.opts<SeedFlags>();
  const postgresUrl = postgresEnv === undefined ? postgres : environment[postgresEnv];
  if (postgresUrl === undefined || postgresUrl === "") {
    const missing =
      postgresEnv === undefined
        ? "one of --postgres and --postgres-env is required"
        : `the environment has no ${postgresEnv}`;
    return fail(missing, 2);
  }

  const bar = createProgressLine();
  try {
    const waitSeconds = wait ?? (postgresEnv === undefined ? 0 : jobWaitSeconds);
    const result = await awaitSchema(
      () => seedDemo({ postgresUrl, products, seed, onProgress: bar.show }),
      { waitSeconds, onWait: tell },
    );
    bar.clear();
    const rate = Math.round(result.products / result.seconds);
    process.stdout.write(
      `Seeded ${format(result.products)} products with ${format(result.variants)} variants ` +
        `in ${result.seconds.toFixed(1)} s (${format(rate)} products/s).\n`,
    );
    return 0;
  } catch (error) {
    bar.clear();
    if (!(error instanceof SeedError)) throw error;
    if (error.code === "NOT_EMPTY") {
      process.stdout.write(`Done before: ${error.message}.\n`);
      return 0;
    }
    return fail(error.message, error.code === "BAD_OPTIONS" ? 2 : 1);
  }
}

function createCommand(): Command {
  return new Command("mestore-demo")
    .description(
      "Fills an empty, migrated database with the demonstration catalogue; leaves one that holds anything as it is.",
    )
    .option("--postgres <url>", "postgres://user:password@host:port/database")
    .addOption(
      new Option(
        "--postgres-env <name>",
        "the variable that holds the address, so that no process list shows it",
      ).conflicts("postgres"),
    )
    .option("--products <count>", "how many products", parseCount, 5000)
    .option("--seed <number>", "another seed makes another catalogue", parseCount, defaultSeed)
    .option(
      "--wait <seconds>",
      `how long to wait for the database and its schema (${jobWaitSeconds} with --postgres-env, else 0)`,
      parseWait,
    )
    .allowExcessArguments(false)
    .exitOverride();
}

function fail(message: string, code: number): number {
  process.stderr.write(`error: ${message}\n`);
  return code;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function parseWait(text: string): number {
  const seconds = parseCount(text);
  if (seconds > longestWaitSeconds)
    throw new InvalidArgumentError(`It must be at most ${longestWaitSeconds}.`);
  return seconds;
}

/** A line that is rewritten on a terminal; elsewhere one line for every tenth part. */
function createProgressLine(): { show: (progress: SeedProgress) => void; clear: () => void } {
  const { isTTY } = process.stderr;
  let tenths = 0;
  return {
    show({ products, total }) {
      const line = `Seeding: ${format(products)} of ${format(total)} products`;
      const reached = Math.floor((products * 10) / total);
      if (isTTY) process.stderr.write(`\r${line}`);
      else if (reached > tenths) process.stderr.write(`${line}\n`);
      tenths = reached;
    },
    clear() {
      if (isTTY) process.stderr.write("\r\u001b[K");
    },
  };
}

function format(count: number): string {
  return count.toLocaleString("en");
}
