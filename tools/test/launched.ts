import { join } from "node:path";
import { repositoryRoot } from "../stack/paths.ts";

export interface Finished {
  readonly exitCode: number;
  /** Standard output and error, without colours. */
  readonly output: string;
}

/** No command of these tests may hang: past this it is killed, and its exit code says so. */
const deadlineMs = 60_000;

/** Starts the command line in a process of its own, with its data in `home`. */
export function startCli(home: string, args: readonly string[]) {
  return Bun.spawn([process.execPath, join(repositoryRoot, "tools/cli.ts"), ...args], {
    cwd: "/",
    env: { ...process.env, MESTORE_HOME: home, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
}

/** Runs the command line to its end. */
export async function runCli(home: string, ...args: string[]): Promise<Finished> {
  return finish(startCli(home, args));
}

export async function finish(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<Finished> {
  const [said, complained, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, output: said + complained };
}
