import { existsSync } from "node:fs";
import { checkArrows } from "./arrows.ts";
import { checkHabits } from "./habits.ts";
import { checkPurity } from "./purity.ts";
import { packageFolders } from "./rooms.ts";
import { parseSource, type SourceFacts } from "./source.ts";
import type { Violation } from "./violation.ts";

const sources = new Bun.Glob("**/*.{ts,tsx}");

/** Every TypeScript file of the workspace, from the root, in order. */
export async function listSources(root: string): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of Object.values(packageFolders)) {
    const cwd = `${root}/${folder}`;
    if (!existsSync(cwd)) continue;
    for await (const path of sources.scan({ cwd, onlyFiles: true }))
      if (!path.split("/").includes("node_modules")) paths.push(`${folder}/${path}`);
  }
  return paths.sort();
}

/** Reads the facts of these files. */
export async function loadSources(root: string, paths: readonly string[]): Promise<SourceFacts[]> {
  return Promise.all(
    paths.map(async (path) => parseSource(path, await Bun.file(`${root}/${path}`).text())),
  );
}

/** Everything in `files` that breaks a rule, by file and line. */
export function checkSources(files: readonly SourceFacts[]): Violation[] {
  return [...checkArrows(files), ...checkPurity(files), ...checkHabits(files)].sort(
    (a, b) => a.path.localeCompare(b.path) || a.line - b.line,
  );
}
