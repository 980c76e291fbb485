import type { Command } from "commander";
import { createHomePaths } from "../stack/paths.ts";

export function registerStatus(program: Command): void {
  program
    .command("status")
    .summary("what runs, how it is doing, what was tuned and why")
    .description(
      "One screen: what runs; each objective with its target and current value; the TTL in force per\n" +
        "cache class; the operator's last decisions with their reasons. Exits with 3 when nothing runs.",
    )
    .option("--json", "the same for programs")
    .action(async (options: { json?: true }) => {
      const { observeStack } = await import("../status/observe.ts");
      const status = await observeStack(createHomePaths());
      if (options.json === true) console.log(JSON.stringify(status, null, 2));
      else {
        const { formatStackStatus } = await import("../status/format.ts");
        process.stdout.write(formatStackStatus(status, Date.now()));
      }
      // As systemd and init scripts answer: the program is not running.
      if (!status.running) process.exitCode = 3;
    });
}
