import { Command, CommanderError } from "commander";
import colours from "picocolors";
import { interruptedExitCode } from "./abort-on-signals.ts";
import { registerCharts } from "./commands/charts.ts";
import { registerCluster } from "./commands/cluster.ts";
import { registerDown } from "./commands/down.ts";
import { registerExplain } from "./commands/explain.ts";
import { registerImage } from "./commands/image.ts";
import { registerLogs } from "./commands/logs.ts";
import { registerStatus } from "./commands/status.ts";
import { registerTest } from "./commands/test.ts";
import { registerTools } from "./commands/tools.ts";
import { registerUp } from "./commands/up.ts";
import { asStackFault } from "./stack/fault.ts";

/**
 * What `./mestore` hands over to. Each command loads what it needs when it runs, so that `--help`
 * is quick. Exit codes: 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted.
 */
const usageExitCode = 2;

async function main(): Promise<void> {
  const program = new Command("mestore")
    .description("A shop that stays fast, and the operator that keeps it so.")
    .helpCommand(false)
    .showHelpAfterError("(--help says more)")
    .exitOverride();
  for (const register of [
    registerUp,
    registerStatus,
    registerDown,
    registerLogs,
    registerTest,
    registerExplain,
    registerTools,
    registerImage,
    registerCharts,
    registerCluster,
  ])
    register(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = reportError(error);
  }
}

/** Tells a person what went wrong; gives the exit code. A defect of ours keeps its stack. */
function reportError(error: unknown): number {
  // Commander has printed its message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
  const fault = asStackFault(error);
  if (fault === null) {
    console.error(error);
    return 1;
  }
  console.error(`${colours.red("error")}: ${fault.message}`);
  if (fault.hint !== undefined) console.error(fault.hint);
  return fault.code === "INTERRUPTED" ? interruptedExitCode : 1;
}

// `./mestore logs | head` is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

await main();
// Whatever still holds the loop, a client that closes itself for one, is not worth waiting for.
process.exit(process.exitCode ?? 0);
