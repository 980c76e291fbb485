import { abortOnSignals, interruptedExitCode } from "../abort-on-signals.ts";
import { asStackFault } from "../stack/fault.ts";
import { repositoryRoot } from "../stack/paths.ts";
import { createProgress, type Progress } from "./progress.ts";
import { runCommand } from "./run-command.ts";
import type { LeftOut } from "./selection.ts";
import { createSharedServers, type SharedServers } from "./shared-servers.ts";
import { createStaticChecks } from "./static-checks.ts";
import { suiteSettings } from "./suite-settings.ts";
import { prepareSuites } from "./suite-tools.ts";
import { parseTestFile, type SuiteName } from "./suites.ts";
import { addTallies, formatSummary, noTests, refuseSkips, type Tally } from "./summary.ts";
import { runTestFiles, type TestRun } from "./test-run.ts";
import { listSources } from "./tree.ts";

const failureExitCode = 1;

export interface SuiteRun {
  readonly suites: readonly SuiteName[];
  readonly left: readonly LeftOut[];
  /** Where nobody reads along: a test that was skipped counts as failed. */
  readonly inCi: boolean;
}

/**
 * Brings the tools that the suites need, runs them one after another and ends with the summary line.
 * Gives the exit code.
 */
export async function runSuites({ suites, left, inCi }: SuiteRun): Promise<number> {
  const progress = createProgress();
  const stop = abortOnSignals();
  const files = await listSources(repositoryRoot);
  const servers = createSharedServers(progress);
  const tallies: Tally[] = [];
  try {
    // Nothing is built for a suite that has no test.
    const inhabited = suites.filter((suite) => filesOf(files, suite).length > 0);
    const reasons = await prepareSuites(inhabited, progress, stop);
    for (const [index, suite] of suites.entries()) {
      if (stop.aborted) break;
      const own = filesOf(files, suite);
      const reason = reasons.get(suite);
      tallies.push(
        reason === undefined
          ? await runSuite(suite, own, { progress, stop, servers })
          : skipSuite(suite, own, reason, progress),
      );
      await servers.keepFor(suites.slice(index + 1));
    }
  } finally {
    await servers.keepFor([]);
  }
  for (const { suite, reason } of left)
    if (filesOf(files, suite).length > 0) progress.say(`${suite}: left out, ${reason}`);
  return conclude(addTallies(tallies), { inCi, interrupted: stop.aborted }, progress);
}

/** How many tests a file holds is not known before it runs; each counts as one. */
function skipSuite(
  suite: SuiteName,
  files: readonly string[],
  reason: string,
  progress: Progress,
): Tally {
  progress.say(`${suite}: skipped, ${reason}`);
  return { ...noTests, skipped: files.length };
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

function filesOf(files: readonly string[], suite: SuiteName): string[] {
  return files.filter((file) => {
    const test = parseTestFile(file);
    return test?.kind === "suite" && test.suite === suite;
  });
}

interface Surroundings {
  readonly progress: Progress;
  readonly stop: AbortSignal;
  readonly servers: SharedServers;
}

async function runSuite(
  suite: SuiteName,
  files: readonly string[],
  { progress, stop, servers }: Surroundings,
): Promise<Tally> {
  const checks = suite === "fast" ? await runStaticChecks(progress, stop) : noTests;
  if (files.length === 0) {
    progress.say(`${suite}: 0 tests (there is no ${suite} test file)`);
    return checks;
  }
  if (stop.aborted) return checks;
  const env = await servers.startFor(suite).catch((error: unknown) => {
    progress.say(describeError(error));
    return null;
  });
  if (env === null) return { ...checks, failed: checks.failed + 1 };
  const { workers, timeoutMs } = suiteSettings[suite];
  const run = {
    root: repositoryRoot,
    files,
    timeoutMs,
    env,
    ...(workers === undefined ? {} : { workers }),
  };
  return addTallies([checks, await runFiles(suite, run, progress, stop)]);
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

/** What a person can mend is said in words; a defect of ours keeps its stack. */
function describeError(error: unknown): string {
  const fault = asStackFault(error);
  if (fault === null) return Bun.inspect(error);
  return fault.hint === undefined ? fault.message : `${fault.message}\n${fault.hint}`;
}
