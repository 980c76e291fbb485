import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../checks/run-command.ts";
import { findProgram } from "../stack/find-program.ts";
import { repositoryRoot } from "../stack/paths.ts";

/** Which source an image is made of. */
export interface Revision {
  /** The commit, with `-dirty` behind it when files have changed since; null outside a clone. */
  readonly commit: string | null;
  /** Time of the commit in seconds since 1970; 0 outside a clone. */
  readonly committedAtSeconds: number;
}

/**
 * Reads the revision of the checkout. `SOURCE_DATE_EPOCH` is the time where it is set.
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export async function readRevision(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Revision> {
  const told = env["SOURCE_DATE_EPOCH"];
  const fixed = told !== undefined && /^\d+$/.test(told) ? Number(told) : null;
  const shown = await git("show", "--no-patch", "--format=%H %ct", "HEAD");
  const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)$/m.exec(shown ?? "") ?? [];
  if (commit === undefined) return { commit: null, committedAtSeconds: fixed ?? 0 };
  const changes = await git("status", "--porcelain");
  return {
    commit: changes === "" ? commit : `${commit}-dirty`,
    committedAtSeconds: fixed ?? Number(seconds),
  };
}

/** What git says; null where there is no git or no clone. */
async function git(...args: readonly string[]): Promise<string | null> {
  // Unpacked within somebody else's clone, git would tell the commit of that one.
  if (!existsSync(join(repositoryRoot, ".git"))) return null;
  const program = findProgram("git");
  if (program === null) return null;
  const { exitCode, output } = await runCommand(
    // Root may build in a checkout of somebody else, whose configuration git would not trust.
    { words: [program, "-c", `safe.directory=${repositoryRoot}`, ...args], cwd: repositoryRoot },
    new AbortController().signal,
  );
  return exitCode === 0 ? output.trim() : null;
}
