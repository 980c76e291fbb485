import { fit } from "../terminal.ts";
import { StackFault } from "../stack/fault.ts";
import { systemPath } from "./launches.ts";

/** What a program of the machine may take; loading a large image is the longest. */
const timeoutMs = 300_000;

/** How much of what it said, and of the command, a failure shows. */
const shownLines = 6;
const shownCharacters = 120;

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws StackFault STEP_FAILED with the end of what it said
 */
export async function runProgram(command: readonly string[], input?: string): Promise<string> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${systemPath}`, LC_ALL: "C" },
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
  });
  const [output, complaint, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode === 0) return output;
  const said = `${output}\n${complaint}`.trim().split("\n").slice(-shownLines).join("\n");
  const words = fit(command.join(" "), shownCharacters);
  throw new StackFault("STEP_FAILED", `${words}: exit code ${exitCode}\n${said}`);
}
