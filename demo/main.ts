import { runSeedCommand } from "./seed-command.ts";

/** The program of the demonstration image, and `bun demo/main.ts` in a checkout. */
process.exitCode = await runSeedCommand(process.argv.slice(2), process.env);
