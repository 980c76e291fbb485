import { Command, CommanderError, InvalidArgumentError } from "commander";
import { defaultSeed } from "./catalogue.ts";
import { seedDemo, type SeedProgress } from "./seed.ts";
import { SeedError } from "./seed-error.ts";

/** `bun demo/seed.ts`: the program around `seedDemo`. */

interface SeedFlags {
  readonly postgres: string;
  readonly products: number;
  readonly seed: number;
}

/**
 * Runs the program with its arguments. Answers the exit code: 0 done, 1 not seeded, 2 wrong usage.
 * Progress and errors go to standard error, the result to standard output.
 */
export async function runSeedCommand(args: readonly string[]): Promise<number> {
  const command = new Command("bun demo/seed.ts")
    .description("Fills an empty, migrated database with the demonstration catalogue.")
    .requiredOption("--postgres <url>", "postgres://user:password@host:port/database")
    .option("--products <count>", "how many products", parseCount, 5000)
    .option("--seed <number>", "another seed makes another catalogue", parseCount, defaultSeed)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }

  const flags = command.opts<SeedFlags>();
  const bar = createProgressLine();
  try {
    const { products, variants, seconds } = await seedDemo({
      postgresUrl: flags.postgres,
      products: flags.products,
      seed: flags.seed,
      onProgress: bar.show,
    });
    bar.clear();
    const rate = Math.round(products / seconds);
    process.stdout.write(
      `Seeded ${format(products)} products with ${format(variants)} variants ` +
        `in ${seconds.toFixed(1)} s (${format(rate)} products/s).\n`,
    );
    return 0;
  } catch (error) {
    bar.clear();
    if (!(error instanceof SeedError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return error.code === "BAD_OPTIONS" ? 2 : 1;
  }
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
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
