import { asStackFault } from "../stack/fault.ts";
import { repositoryRoot } from "../stack/paths.ts";
import {
  startSharedStores,
  testPostgresVariable,
  testRedisVariable,
} from "../stack/test-stores.ts";
import { createProgress, type Progress } from "./progress.ts";
import { runCommand } from "./run-command.ts";
import type { LeftOut } from "./selection.ts";
import { createStaticChecks } from "./static-checks.ts";
import { parseTestFile, type SuiteName } from "./suites.ts";
import { addTallies, formatSummary, noTests, refuseSkips, type Tally } from "./summary.ts";
import { runTestFiles, type TestRun } from "./test-run.ts";
import { listSources } from "./tree.ts";

const failureExitCode = 1;
/** 128 + SIGINT, as shells report it. */
const interruptedExitCode = 130;

/** Tests on real servers start and kill some of their own: two files at a time fill two cores. */
const storesWorkers = 2;
/** For a test that says nothing itself: generous on a busy machine, and a hang still ends. */
const timeoutMs = 20_000;
/** A test on real servers may wait for a cold one several times. */
const storesTimeoutMs = 120_000;

export interface SuiteRun {
  readonly suites: readonly SuiteName[];
  readonly left: readonly LeftOut[];
  /** Where nobody reads along: a test that was skipped counts as failed. */
  readonly inCi: boolean;
}

/** Runs the suites one after another and ends with the summary line. Gives the exit code. */
export async function runSuites({ suites, left, inCi }: SuiteRun): Promise<number> {
  const progress = createProgress();
  const stop = abortOnSignals();
  const files = await listSources(repositoryRoot);
  const tallies: Tally[] = [];
  for (const suite of suites) {
    if (stop.aborted) break;
    tallies.push(await runSuite(suite, filesOf(files, suite), progress, stop));
  }
  for (const { suite, reason } of left)
    if (filesOf(files, suite).length > 0) progress.say(`${suite}: left out, ${reason}`);
  return conclude(addTallies(tallies), { inCi, interrupted: stop.aborted }, progress);
}

/** Prints the summary, which is the last line whatever happened, and gives the exit code. */
function conclude(
  tally: Tally,
  { inCi, interrupted }: { readonly inCi: boolean; readonly interrupted: boolean },
  progress: Progress,
): number {
  if (inCi && tally.skipped > 0)
    progress.say("CI=true: a test that did not run has proved nothing; skips count as failures.");
  const judged = inCi ? refuseSkips(tally) : tally;
  if (interrupted) progress.say("Interrupted.");
  progress.say(formatSummary(judged));
  if (interrupted) return interruptedExitCode;
  return judged.failed > 0 ? failureExitCode : 0;
}

/** The first Ctrl-C stops what runs and lets it be cleaned up; a second one ends at once. */
function abortOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(interruptedExitCode);
      stop.abort();
    });
  return stop.signal;
}

function filesOf(files: readonly string[], suite: SuiteName): string[] {
  return files.filter((file) => {
    const test = parseTestFile(file);
    return test?.kind === "suite" && test.suite === suite;
  });
}

async function runSuite(
  suite: SuiteName,
  files: readonly string[],
  progress: Progress,
  stop: AbortSignal,
): Promise<Tally> {
  const checks = suite === "fast" ? await runStaticChecks(progress, stop) : noTests;
  if (files.length === 0) {
    progress.say(`${suite}: 0 tests (there is no ${suite} test file)`);
    return checks;
  }
  if (stop.aborted) return checks;
  const run = { root: repositoryRoot, files, timeoutMs };
  return addTallies([
    checks,
    suite === "stores"
      ? await runWithStores(run, progress, stop)
      : await runFiles(suite, run, progress, stop),
  ]);
}

async function runStaticChecks(progress: Progress, stop: AbortSignal): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const { name, command } of createStaticChecks(repositoryRoot)) {
    if (stop.aborted) break;
    const step = progress.begin(name);
    const { exitCode, output } = await runCommand(command, stop);
    if (exitCode !== 0) progress.say(`\n${output.trimEnd()}\n`);
    step.end(exitCode === 0 ? "passed" : "failed");
    tallies.push({ ...noTests, [exitCode === 0 ? "passed" : "failed"]: 1 });
  }
  return addTallies(tallies);
}

async function runFiles(
  name: string,
  run: TestRun,
  progress: Progress,
  stop: AbortSignal,
): Promise<Tally> {
  const step = progress.begin(name, run.files.length);
  const { report, failureOutput } = await runTestFiles(run, stop, () => step.advance());
  step.end(formatSummary(report.tally));
  if (failureOutput !== "") progress.say(`\n${failureOutput.trimEnd()}\n`);
  for (const { file, name: test } of report.failures) progress.say(`  failed: ${file}: ${test}`);
  for (const { file, name: test } of report.skips) progress.say(`  skipped: ${file}: ${test}`);
  return report.tally;
}

/** One PostgreSQL and one Valkey serve every file; whatever happens they end with this function. */
async function runWithStores(run: TestRun, progress: Progress, stop: AbortSignal): Promise<Tally> {
  const step = progress.begin("PostgreSQL and Valkey for the tests");
  const stores = await startSharedStores().catch((error: unknown) => {
    step.end("failed");
    progress.say(describeError(error));
    return null;
  });
  if (stores === null) return { ...noTests, failed: 1 };
  step.end("running");
  try {
    const env = {
      [testPostgresVariable]: stores.postgresUrl,
      [testRedisVariable]: stores.redisUrl,
    };
    const onStores = { ...run, workers: storesWorkers, timeoutMs: storesTimeoutMs, env };
    return await runFiles("stores", onStores, progress, stop);
  } finally {
    await stores.stop();
  }
}

/** What a person can mend is said in words; a defect of ours keeps its stack. */
function describeError(error: unknown): string {
  const fault = asStackFault(error);
  if (fault === null) return Bun.inspect(error);
  return fault.hint === undefined ? fault.message : `${fault.message}\n${fault.hint}`;
}
