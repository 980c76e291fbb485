import { type Command, Option } from "commander";
import { createHomePaths } from "../stack/paths.ts";
import { defaultPort, defaultProducts, type GivenOptions } from "../up/settings.ts";
import { trafficChoices } from "../up/state.ts";
import { storeUrl, wholeNumber } from "./options.ts";

/** As many as the generator has been tried with, and some. */
const mostProducts = 5_000_000;

interface UpOptions extends GivenOptions {
  readonly detach?: true;
  readonly fresh?: true;
  readonly yes?: true;
}

export function registerUp(program: Command): void {
  program
    .command("up")
    .summary("start everything: stores, shop, operator, shoppers")
    .description(
      "Starts PostgreSQL and Valkey, fills an empty catalogue, starts the shop and the operator that tunes it.\n" +
        "What runs already stays as it is: `up` once more brings back what died, or changes what you name.",
    )
    .option("--detach", "leave it running in the background and return")
    .option("--port <port>", `where the shop listens (${defaultPort})`, wholeNumber(1, 65_535))
    .option(
      "--products <n>",
      `size of the demonstration catalogue, when it is empty (${defaultProducts})`,
      wholeNumber(1, mostProducts),
    )
    .addOption(
      new Option(
        "--traffic <workload>",
        "shoppers to send: demo is 400 product requests/s, so that there is something to see (none)",
      ).choices(trafficChoices),
    )
    .option("--operator", "start the operator again after --no-operator")
    .option("--no-operator", "without the operator: TTLs stay as they are")
    .addOption(
      new Option(
        "--time-scale <n>",
        "divide every period of the operator by this (15 with --traffic demo, else 1)",
      ).argParser(wholeNumber(1, 1000)),
    )
    .option("--fresh", "delete the data first; asks before it does")
    .option("--yes", "do not ask")
    .option(
      "--postgres <url>",
      "a PostgreSQL of your own instead of the embedded one",
      storeUrl(["postgres:", "postgresql:"]),
    )
    .option(
      "--redis <url>",
      "a Redis or Valkey of your own instead of the embedded one",
      storeUrl(["redis:", "rediss:"]),
    )
    .action(async (options: UpOptions, command: Command) => {
      const { detach, fresh, yes, operator, ...given } = options;
      // Commander answers `true` when neither form of --operator was typed.
      const typed = command.getOptionValueSource("operator") === "cli" && operator !== undefined;
      const { runUp } = await import("../up/session.ts");
      process.exitCode = await runUp(createHomePaths(), {
        given: typed ? { ...given, operator } : given,
        detach: detach === true,
        fresh: fresh === true,
        confirmed: yes === true,
      });
    });
}
