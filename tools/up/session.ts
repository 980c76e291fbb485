import { rmSync } from "node:fs";
import { dirname, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import colours from "picocolors";
import { asStackFault, StackFault } from "../stack/fault.ts";
import { type HomePaths, isRoot } from "../stack/paths.ts";
import { isAlive, stopProcess } from "../stack/process.ts";
import { tellStep } from "../terminal.ts";
import { showLive } from "./live.ts";
import { type Lock, takeLock } from "./lock.ts";
import { bringUp, type BroughtUp } from "./run.ts";
import type { GivenOptions } from "./settings.ts";
import { livingParts, loadState, loadStateAndNotes, saveState } from "./state.ts";
import { describeOutcome, stopParts } from "./stop.ts";

/** Longer than any start takes, the seed of a large catalogue included. */
const lockTimeoutMs = 600_000;

/** How long a foreground `up` may take to stop everything, each part killed at its deadline. */
const launcherGraceMs = 60_000;

export interface UpRequest {
  readonly given: GivenOptions;
  /** Leave it running and return. */
  readonly detach: boolean;
  /** Delete data first. */
  readonly fresh: boolean;
  /** Whether to delete without asking. */
  readonly confirmed: boolean;
}

const tellWait = () =>
  console.log("another ./mestore is starting or stopping things here; waiting for it");

/** `./mestore up`. Resolves with the exit code. */
export async function runUp(paths: HomePaths, request: UpRequest): Promise<number> {
  const abort = new AbortController();
  let begun = false;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => {
      // While it waits for the lock, nothing is ours to stop.
      if (!begun) process.exit(130);
      abort.abort(new StackFault("INTERRUPTED", "stopped before everything was up"));
    });
  if (request.fresh && !(await confirmFresh(paths, request.confirmed))) return 1;
  const lock = await takeLock(paths.lock, lockTimeoutMs, tellWait);
  begun = true;
  try {
    if (request.fresh) await deleteData(paths);
    const result = await bringUp(paths, request.given, abort.signal);
    tellAddresses(paths, result, request.detach);
    if (request.detach) {
      const { launcher: _, ...state } = result.state;
      saveState(paths.state, state);
      return 0;
    }
  } finally {
    lock.release();
  }
  if ((await showLive(paths, abort.signal)) === "aborted") await stopEverything(paths);
  else console.log("stopped by another ./mestore");
  return 0;
}

async function stopEverything(paths: HomePaths): Promise<void> {
  console.log("stopping");
  const lock = await takeLockToStop(paths);
  try {
    await stopParts(paths, (report) => tellStep(report.name, describeOutcome(report)));
  } finally {
    lock?.release();
  }
}

/** Where the disk is too full for a lock file, nobody holds one, and things must stop all the same. */
async function takeLockToStop(paths: HomePaths): Promise<Lock | null> {
  try {
    return await takeLock(paths.lock, lockTimeoutMs, tellWait);
  } catch (error) {
    if (asStackFault(error)?.code === "DISK_FULL") return null;
    throw error;
  }
}

/** `./mestore down`. Resolves with the exit code. */
export async function runDown(paths: HomePaths): Promise<number> {
  const { launcher } = loadState(paths.state);
  if (launcher !== undefined && isAlive(launcher)) {
    console.log(`asking ./mestore up (process ${launcher.pid}) to stop everything`);
    await stopProcess(launcher, { graceMs: launcherGraceMs });
  }
  const lock = await takeLockToStop(paths);
  let stuck = false;
  let stopped = 0;
  try {
    await stopParts(paths, (report) => {
      stopped += 1;
      stuck ||= report.outcome === "stuck";
      tellStep(report.name, describeOutcome(report));
    });
  } finally {
    lock?.release();
  }
  if (stopped === 0)
    console.log(launcher === undefined ? "nothing is running" : "everything is stopped");
  else console.log(colours.dim("the data is kept; ./mestore up goes on with it"));
  return stuck ? 1 : 0;
}

/** What `--fresh` deletes. A profile that somebody may have edited is not part of it. */
function dataOf(paths: HomePaths): string[] {
  return [paths.postgres, paths.valkey, dirname(paths.tuningFile), paths.status, paths.logs];
}

async function confirmFresh(paths: HomePaths, confirmed: boolean): Promise<boolean> {
  if (confirmed) return true;
  if (!process.stdin.isTTY)
    throw new StackFault(
      "NOT_CONFIRMED",
      "--fresh deletes data and nobody is there to be asked",
      "Say so with --yes.",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  console.log("This stops what runs and deletes:");
  for (const directory of dataOf(paths)) console.log(`  ${directory}`);
  const answer = await terminal.question("Go on? [y/N] ");
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function deleteData(paths: HomePaths): Promise<void> {
  await stopParts(paths, (report) => tellStep(report.name, describeOutcome(report)));
  const living = Object.keys(livingParts(loadStateAndNotes(paths)));
  if (living.length > 0)
    throw new StackFault(
      "STEP_FAILED",
      `${living.join(", ")} could not be stopped; nothing was deleted`,
    );
  for (const directory of dataOf(paths)) rmSync(directory, { recursive: true, force: true });
  tellStep("data", "deleted");
}

function tellAddresses(paths: HomePaths, { state, settings }: BroughtUp, detach: boolean): void {
  const here = (path: string) => {
    const short = relative(process.cwd(), path);
    return short.startsWith("..") ? path : short;
  };
  const lines: [string, string | undefined][] = [
    ["shop", `${state.url}/api/v1/products`],
    ["OpenAPI", `${state.url}/openapi.json`],
    ["metrics", state.metricsUrl],
    ...(settings.operator
      ? ([
          ["profile", `${here(paths.profile)}   (edit it; the operator takes it up at once)`],
          ["decisions", here(paths.status)],
        ] as [string, string][])
      : []),
    ["logs", `${here(paths.logs)}   (./mestore logs service -f)`],
    ...(isRoot && settings.postgres === null
      ? ([["database", paths.postgres]] as [string, string][])
      : []),
  ];
  console.log("");
  for (const [name, text] of lines) if (text !== undefined) tellStep(name, text);
  console.log(`\n  try   curl -i '${state.url}/api/v1/products?limit=2'`);
  console.log("        ./mestore status");
  console.log(
    detach
      ? colours.dim("\n  it runs in the background; ./mestore down stops it\n")
      : colours.dim("\n  Ctrl-C stops everything; data is kept\n"),
  );
}
