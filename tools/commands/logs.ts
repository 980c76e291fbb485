import { type Command, InvalidArgumentError } from "commander";
import { createHomePaths } from "../stack/paths.ts";
import { partNames } from "../up/state.ts";
import { wholeNumber } from "./options.ts";

const defaultLines = 20;

export function registerLogs(program: Command): void {
  program
    .command("logs")
    .summary("what they wrote")
    .description("Prints the last lines of the logs: of one part, or of all.")
    .argument("[name]", partNames.join(", "), (name: string) => {
      if (!(partNames as readonly string[]).includes(name))
        throw new InvalidArgumentError(`Must be one of ${partNames.join(", ")}.`);
      return name;
    })
    .option("-f, --follow", "go on with what comes; Ctrl-C ends it")
    .option("-n, --lines <n>", "how many lines", wholeNumber(0, 100_000), defaultLines)
    .action(async (name: string | undefined, options: { follow?: true; lines: number }) => {
      const { showLogs } = await import("../status/logs.ts");
      await showLogs(createHomePaths(), {
        names: name === undefined ? partNames : [name],
        lines: options.lines,
        follow: options.follow === true,
      });
    });
}
