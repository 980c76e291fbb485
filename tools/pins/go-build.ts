import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { cacheDirectory } from "../stack/paths.ts";
import { type Go, goDirectory, prepareGo } from "./go.ts";
import { planBuildArguments, planGoMod } from "./go-module.ts";
import { putInPlace, workInCache } from "./room.ts";
import { runStep, type StepOptions } from "./run-step.ts";
import { type GoModule, type GoModuleName, goModules, type ToolName, tools } from "./table.ts";

export interface GoBuild {
  readonly module: GoModuleName;
  /** Programs of that module. */
  readonly names: readonly ToolName[];
}

const buildHint =
  "Modules come from the Go module proxy (GOPROXY); check the network, and on a bare Debian that ca-certificates is installed, then run the same command again.";

/** Where a program that Go builds is kept. */
export function goToolPath(
  name: ToolName,
  module: GoModuleName,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { version } = goModules[module];
  return join(cacheDirectory(env), "tools", `${name}-${version}`, name);
}

/**
 * Builds programs of one module into the cache. Two builds at once take turns, for one alone keeps
 * every core busy.
 * @param isThere asked again when it is our turn: another process may have built it meanwhile
 * @throws StackFault MISSING_TOOL, INSTALL_FAILED, DISK_FULL, INTERRUPTED or ALREADY_RUNNING
 */
export async function buildGoTools(
  { module, names }: GoBuild,
  isThere: (name: ToolName) => boolean,
  options: StepOptions & { readonly onWait?: () => void } = {},
): Promise<void> {
  const directory = goDirectory();
  mkdirSync(directory, { recursive: true });
  await workInCache(
    directory,
    async (room) => {
      const missing = names.filter((name) => !isThere(name));
      if (missing.length === 0) return;
      checkSpace(module, directory);
      const go = await prepareGo(room, options.signal);
      await buildInRoom({ module, names: missing }, go, room, options);
    },
    options.onWait,
  );
}

const gibibyte = 2 ** 30;

/** Modules and compiled packages of all tools come to some 10 GB, nearly all of it Kubernetes; the rest is passing. */
const neededBytes: Readonly<Partial<Record<GoModuleName, number>>> = { kubernetes: 12 * gibibyte };

/** A full disk is better told before a quarter of an hour than after it. What was begun goes on. */
function checkSpace(module: GoModuleName, directory: string): void {
  const needed = neededBytes[module];
  const { path, version } = goModules[module];
  if (needed === undefined || existsSync(join(directory, "mod", `${path}@v${version}`))) return;
  const { bavail, bsize } = statfsSync(directory);
  const problem = findSpaceProblem(bavail * bsize, needed, directory);
  if (problem !== null) throw new StackFault("DISK_FULL", `${module}: ${problem}`);
}

/** Why so much room does not do, null when it does. */
export function findSpaceProblem(
  freeBytes: number,
  neededBytes: number,
  directory: string,
): string | null {
  if (freeBytes >= neededBytes) return null;
  const format = (bytes: number) => `${(bytes / gibibyte).toFixed(1)} GiB`;
  return `to build it takes up to ${format(neededBytes)} in ${directory} for a while, and ${format(freeBytes)} are free`;
}

async function buildInRoom(
  { module: moduleName, names }: GoBuild,
  { program, env }: Go,
  room: string,
  options: StepOptions,
): Promise<void> {
  const module = goModules[moduleName];
  const source = join(room, "source");
  const built = join(room, "built");
  mkdirSync(source);
  mkdirSync(built);
  const what = `Go could not build ${moduleName} ${module.version}`;
  const run = (args: readonly string[]) =>
    runStep(
      { words: [program, ...args], cwd: source, env, withDescendants: true },
      { what, hint: buildHint },
      options,
    );

  const goMod = join(source, "go.mod");
  writeFileSync(goMod, planGoMod(moduleName, { ...module, path: null }));
  if (module.path === null)
    copyFileSync(join(import.meta.dir, moduleName, "main.go"), join(source, "main.go"));
  else {
    const stagedBy = module.staged === true ? await readGoMod(module, run) : "";
    writeFileSync(goMod, planGoMod(moduleName, module, stagedBy));
  }
  const importPaths = new Map(names.map((name) => [name, importPathOf(name)]));
  await run(["build", ...planBuildArguments(module), "-o", `${built}/`, ...importPaths.values()]);
  for (const [name, importPath] of importPaths) {
    // Go calls a program after its package, and the one of `.` after its module.
    const made = join(built, importPath === "." ? moduleName : basename(importPath));
    const finished = join(room, name);
    mkdirSync(finished);
    renameSync(made, join(finished, name));
    putInPlace(finished, join(goToolPath(name, moduleName), ".."));
  }
}

function importPathOf(name: ToolName): string {
  const { source } = tools[name];
  if (source.kind !== "go") throw new Error(`${name} is not built by Go`);
  return source.importPath;
}

/** The text of a module's own go.mod. */
async function readGoMod(
  { path, version }: GoModule,
  run: (args: readonly string[]) => Promise<string>,
): Promise<string> {
  const output = await run(["mod", "download", "-json", `${path}@v${version}`]);
  // Lines on standard error ("go: downloading …") may stand around it.
  const told = /"GoMod": "([^"]+)"/.exec(output)?.[1];
  if (told === undefined)
    throw new Error(`go mod download did not tell where go.mod is: ${output}`);
  return readFileSync(told, "utf8");
}

/**
 * Removes what only building needs, several GB. A new version of a pin downloads and compiles again.
 * @returns whether there was anything
 */
export async function removeGoCaches(): Promise<boolean> {
  const directory = goDirectory();
  return workInCache(directory, (room) => {
    const remains = new Bun.Glob("*").scanSync({ cwd: directory, onlyFiles: false });
    const removable = [...remains].filter((name) => name !== "lock" && name !== basename(room));
    for (const name of removable) rmSync(join(directory, name), { recursive: true, force: true });
    return Promise.resolve(removable.length > 0);
  });
}
