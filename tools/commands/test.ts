import type { Command } from "commander";
import { selectSuites } from "../checks/selection.ts";
import { findMissingTool } from "../checks/suite-tools.ts";
import { suiteNames } from "../checks/suites.ts";

const usageExitCode = 2;

/** Adds `test [SUITE…] [--all]` to the command line. */
export function registerTest(program: Command): void {
  program
    .command("test")
    .argument("[suite...]", `of ${suiteNames.join(", ")}; none: what this machine can run`)
    .option("--all", "every suite but soak; implied by CI=true when none is named")
    .description("run the checks and tests; ends with a line `N passed, N failed`")
    .action(async (named: string[], { all }: { all?: true }, command: Command) => {
      const inCi = process.env["CI"] === "true";
      const selection = selectSuites({
        named,
        all: all === true || (inCi && named.length === 0),
        missingTool: findMissingTool,
      });
      if (!selection.ok) {
        const unknown = selection.unknown.join(", ");
        command.error(`error: no such suite: ${unknown}; there are ${suiteNames.join(", ")}`, {
          exitCode: usageExitCode,
        });
      }
      const { runSuites } = await import("../checks/run-suites.ts");
      const { suites, left } = selection;
      const exitCode = await runSuites({ suites, left, inCi });
      // The summary line reaches whoever reads a pipe slowly, too.
      process.stdout.write("", () => process.exit(exitCode));
    });
}
