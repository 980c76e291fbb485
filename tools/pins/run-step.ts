import { type Command, runCommand } from "../checks/run-command.ts";
import { StackFault, saysDiskFull } from "../stack/fault.ts";

/** What a long piece of work tells, and what ends it. */
export interface StepOptions {
  /** Each line that the program writes. */
  readonly onLine?: (line: string) => void;
  /** Ends the program; what it had begun counts for nothing. */
  readonly signal?: AbortSignal;
}

export interface StepFailure {
  /** What could not be done, as the beginning of a sentence: "Go could not build kwok 0.8.0". */
  readonly what: string;
  /** What a person can do about it, unless the disk is full, for which there is a standard one. */
  readonly hint: string;
}

/** How much of the end of a failed program's output is quoted. */
const quotedLines = 8;

/**
 * Runs a program that has to succeed and gives what it wrote.
 * @throws StackFault DISK_FULL, INTERRUPTED or INSTALL_FAILED
 */
export async function runStep(
  command: Command,
  { what, hint }: StepFailure,
  { onLine, signal = new AbortController().signal }: StepOptions = {},
): Promise<string> {
  const { exitCode, output } = await runCommand(command, signal, onLine);
  if (signal.aborted) throw new StackFault("INTERRUPTED", "interrupted");
  if (exitCode === 0) return output;
  const end = output.trim().split("\n").slice(-quotedLines).join("\n");
  if (saysDiskFull(output)) throw new StackFault("DISK_FULL", `${what}: ${end}`);
  throw new StackFault("INSTALL_FAILED", `${what}:\n${end}`, hint);
}
