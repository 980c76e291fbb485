import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completeReport, parseJunit, type TestReport } from "./junit.ts";
import { runCommand } from "./run-command.ts";

export interface TestRun {
  readonly root: string;
  /** Test files from the root. */
  readonly files: readonly string[];
  /** Worker processes. Absent: one a core. */
  readonly workers?: number;
  /** The most that one test may take, where it says nothing itself. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestRunResult {
  readonly report: TestReport;
  /** What the runner wrote, but for what passed; empty when nothing failed. */
  readonly failureOutput: string;
}

/**
 * Runs exactly these files by `bun test`, each isolated from the others. `onFile` is told of every
 * file that has reported.
 */
export async function runTestFiles(
  run: TestRun,
  signal: AbortSignal,
  onFile: (file: string) => void = () => {},
): Promise<TestRunResult> {
  const room = await mkdtemp(join(tmpdir(), "mestore-junit-"));
  const reportFile = join(room, "report.xml");
  const heard = new Set<string>();
  try {
    const { exitCode, output } = await runCommand(
      {
        words: [
          process.execPath,
          "test",
          "--isolate",
          run.workers === undefined ? "--parallel" : `--parallel=${run.workers}`,
          ...(run.timeoutMs === undefined ? [] : [`--timeout=${run.timeoutMs}`]),
          "--reporter=junit",
          `--reporter-outfile=${reportFile}`,
          // A path that begins with a dot is that file; anything else is a pattern.
          ...run.files.map((file) => `./${file}`),
        ],
        cwd: run.root,
        env: { NO_COLOR: "1", ...run.env },
      },
      signal,
      (line) => {
        const file = fileOfHeading(line);
        if (file === undefined || heard.has(file)) return;
        heard.add(file);
        onFile(file);
      },
    );
    const written = Bun.file(reportFile);
    const xml = (await written.exists()) ? await written.text() : "";
    const report = completeReport(parseJunit(xml), run.files, exitCode);
    return {
      report,
      failureOutput: report.tally.failed === 0 ? "" : quoteFailures(output),
    };
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/** `bun test` writes a heading, then what the file's tests wrote and came to. */
function fileOfHeading(line: string): string | undefined {
  return /^(\S+\.test\.tsx?):$/.exec(line)?.[1];
}

/**
 * The runner's output without what passed. Not cut down to the files that
 * failed: workers write past each other, and what a test threw may stand under another file's
 * heading (seen on Bun 1.4.5).
 */
export function quoteFailures(output: string): string {
  const quoted: string[] = [];
  for (const line of output.split("\n")) {
    if (/^\((pass|skip)\) /.test(line)) continue;
    if (fileOfHeading(line) !== undefined) {
      // One with nothing under it goes when the next comes.
      while (quoted.length > 0 && isBlankOrHeading(quoted.at(-1))) quoted.pop();
      if (quoted.length > 0) quoted.push("");
    }
    if (line !== "" || quoted.at(-1) !== "") quoted.push(line);
  }
  while (quoted.length > 0 && isBlankOrHeading(quoted.at(-1))) quoted.pop();
  return quoted.join("\n");
}

function isBlankOrHeading(line = ""): boolean {
  return line === "" || fileOfHeading(line) !== undefined;
}
