import { StackFault, saysDiskFull } from "./fault.ts";
import { isAlive, type ProcessId, readLastLines } from "./process.ts";
import { waitFor } from "./wait-for.ts";

export interface Readiness {
  /** For people: "PostgreSQL". */
  readonly name: string;
  readonly server: ProcessId;
  readonly logPath: string;
  readonly timeoutMs: number;
  /** Asks for a sign of life; throws or rejects while there is none. */
  readonly probe: () => Promise<unknown>;
}

/** Lines of a log that a failure shows. */
const shownLines = 8;

/**
 * Waits until a server that was just started answers.
 * @throws StackFault NOT_READY at the deadline, PROCESS_DIED when it ended, DISK_FULL when its log
 * says so; the message ends with the last lines of the log
 */
export async function waitUntilReady(readiness: Readiness): Promise<void> {
  const { name, server, logPath, timeoutMs, probe } = readiness;
  let reason: string;
  try {
    const state = await waitFor(
      async () => {
        if (!isAlive(server)) return "ended";
        await probe();
        return "ready";
      },
      { timeoutMs, intervalMs: 50, what: "an answer" },
    );
    if (state === "ready") return;
    reason = "it ended by itself";
  } catch (error) {
    reason = (error as Error).message;
  }
  const log = (await readLastLines(logPath, shownLines)).join("\n");
  const full = saysDiskFull(log);
  throw new StackFault(
    full ? "DISK_FULL" : isAlive(server) ? "NOT_READY" : "PROCESS_DIED",
    `${name} did not come up: ${reason}. The end of ${logPath}:\n${log}`,
  );
}
