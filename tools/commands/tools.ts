import { type Command, InvalidArgumentError } from "commander";
import { type ToolName, toolNames } from "../pins/table.ts";

/** Adds `tools [NAME…] [--list] [--keep-go-cache]` to the command line. */
export function registerTools(program: Command): void {
  program
    .command("tools")
    .argument("[name...]", "which ones; none: all of them", collectName)
    .option("--list", "only look what is there; build and fetch nothing")
    .option(
      "--keep-go-cache",
      "keep what Go downloaded and compiled (some 10 GB) for the next time",
    )
    .summary("build or find the command-line tools of tests and cluster")
    .description(
      "Brings the pinned tools that tests and the local cluster drive, and says where each came " +
        "from: a fitting program on PATH is used, else one is built by Go or unpacked from a Debian " +
        "package into the cache. From nothing all of them take 20 to 25 minutes on two cores. " +
        "Exits with 1 when one cannot be had, or is not there (--list).\n\n" +
        `There are ${toolNames.join(", ")}.`,
    )
    .action(async (named: ToolName[], options: { list?: true; keepGoCache?: true }) => {
      const { listTools, bringTools } = await import("../pins/report.ts");
      const names = named.length === 0 ? toolNames : named;
      const complete =
        options.list === true
          ? listTools(names)
          : await bringTools(names, { keepGoCache: options.keepGoCache === true });
      if (!complete) process.exitCode = 1;
    });
}

function collectName(text: string, previous: readonly ToolName[] = []): ToolName[] {
  const name = toolNames.find((known) => known === text);
  if (name === undefined)
    throw new InvalidArgumentError(`There is no such tool; there are ${toolNames.join(", ")}.`);
  return [...previous, name];
}
