import type { Command } from "commander";
import { createHomePaths } from "../stack/paths.ts";

export function registerDown(program: Command): void {
  program
    .command("down")
    .summary("stop what `up` started, keep the data")
    .description("Stops what `up` started, by process number and in order. The data is kept.")
    .action(async () => {
      const { runDown } = await import("../up/session.ts");
      process.exitCode = await runDown(createHomePaths());
    });
}
