import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../checks/progress.ts";
import { asStackFault, StackFault } from "../stack/fault.ts";
import { findProgram } from "../stack/find-program.ts";
import { cacheDirectory } from "../stack/paths.ts";
import { debianToolPath, unpackDebianTool } from "./debian-tool.ts";
import { buildGoTools, goToolPath, removeGoCaches } from "./go-build.ts";
import {
  type GoModuleName,
  goModules,
  type PresentDirectory,
  type PresentProgram,
  type ToolName,
  toolNames,
  tools,
} from "./table.ts";
import { fitsVersion, parseVersion } from "./version.ts";

export type { ToolName };

type Environment = Readonly<Record<string, string | undefined>>;

/** A tool that is there. */
export interface FoundTool {
  readonly name: ToolName;
  /** Absolute path of the program; of a directory of programs for `cni`. */
  readonly path: string;
  readonly origin: "machine" | "cache";
}

export interface PrepareOptions {
  /** Told what is built and how long it takes; silence where there is none. */
  readonly progress?: Progress;
  /** Ends a build. What was finished stays. */
  readonly signal?: AbortSignal;
}

/** The tool where it is there: a fitting one of the machine before our own. Builds nothing. */
export function lookUpTool(name: ToolName, env: Environment = process.env): FoundTool | null {
  if (!runsHere(name)) return null;
  const { present } = tools[name];
  const path =
    present === null
      ? null
      : present.kind === "program"
        ? findFittingProgram(present, env)
        : findDirectory(present);
  if (path !== null) return { name, path, origin: "machine" };
  const kept = cachedPath(name, env);
  return existsSync(kept) ? { name, path: kept, origin: "cache" } : null;
}

function runsHere(name: ToolName): boolean {
  return tools[name].linuxOnly !== true || process.platform === "linux";
}

/** The path of a tool that is there, null where it would have to be built or fetched. */
export function findTool(name: ToolName): string | null {
  return lookUpTool(name)?.path ?? null;
}

/**
 * The absolute path of a tool, which is built or fetched into the cache where the machine has none
 * that fits. A cold build of the Kubernetes programs takes minutes.
 * @throws StackFault UNSUPPORTED_PLATFORM, MISSING_TOOL with the way out, INSTALL_FAILED, DISK_FULL,
 * INTERRUPTED
 */
export async function prepareTool(name: ToolName, options: PrepareOptions = {}): Promise<string> {
  const outcome = (await prepareTools([name], options)).get(name);
  if (outcome instanceof StackFault) throw outcome;
  return (outcome as FoundTool).path;
}

/** What became of each tool that was asked for: where it is, or why it cannot be had. */
export type Outcomes = ReadonlyMap<ToolName, FoundTool | StackFault>;

/**
 * Brings several tools; what is built from one module is built together. One that cannot be had
 * keeps none of the others back.
 * @throws StackFault DISK_FULL or INTERRUPTED, after which nothing further can succeed
 */
export async function prepareTools(
  names: readonly ToolName[],
  options: PrepareOptions = {},
): Promise<Outcomes> {
  const outcomes = new Map<ToolName, FoundTool | StackFault>();
  const missing: ToolName[] = [];
  for (const name of new Set(names)) {
    const found = lookUpTool(name);
    if (found === null) missing.push(name);
    else outcomes.set(name, found);
  }
  for (const errand of planErrands(missing)) {
    const fault = await run(errand, options);
    for (const name of errand.names) outcomes.set(name, fault ?? confirm(name));
  }
  return outcomes;
}

/**
 * Removes the many GB that only building needs, once there is nothing left to build. Safe while
 * others build: each build has them to itself.
 */
export async function dropGoCaches(progress: Progress): Promise<void> {
  const buildable = toolNames.filter(runsHere);
  if (!buildable.every((name) => lookUpTool(name) !== null)) return;
  if (await removeGoCaches())
    progress.say("All tools are there; what Go downloaded and compiled for them is removed.");
}

/** One build or one download. */
export type Errand =
  | { readonly kind: "go"; readonly module: GoModuleName; readonly names: readonly ToolName[] }
  | { readonly kind: "debian"; readonly package: string; readonly names: readonly ToolName[] };

/**
 * What has to be done for tools that are missing: the quick downloads first, one a package, then the
 * builds, one a module.
 */
export function planErrands(names: readonly ToolName[]): readonly Errand[] {
  const packages = new Map<string, ToolName[]>();
  const modules = new Map<GoModuleName, ToolName[]>();
  for (const name of toolNames.filter((one) => names.includes(one))) {
    const { source } = tools[name];
    if (source.kind === "debian") append(packages, source.package, name);
    else append(modules, source.module, name);
  }
  return [
    ...[...packages].map(([packageName, those]): Errand => ({
      kind: "debian",
      package: packageName,
      names: those,
    })),
    ...[...modules].map(([module, those]): Errand => ({ kind: "go", module, names: those })),
  ];
}

function append<K>(lists: Map<K, ToolName[]>, key: K, name: ToolName): void {
  lists.set(key, [...(lists.get(key) ?? []), name]);
}

/** Codes after which no other errand can succeed either. */
const hopeless: ReadonlySet<string> = new Set(["DISK_FULL", "INTERRUPTED", "ACCESS_DENIED"]);

async function run(errand: Errand, options: PrepareOptions): Promise<StackFault | null> {
  const step = options.progress?.begin(describe(errand));
  try {
    await carryOut(errand, {
      onLine: () => step?.advance(),
      onWait: () => options.progress?.say("  another process is building; waiting for it"),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    step?.end("ready");
    return null;
  } catch (error) {
    const fault = asStackFault(error);
    step?.end(fault?.code === "INTERRUPTED" ? "interrupted" : "failed");
    if (fault === null || hopeless.has(fault.code)) throw fault ?? error;
    return fault;
  }
}

function describe(errand: Errand): string {
  const names = errand.names.join(", ");
  if (errand.kind === "debian") return `${names} from the package ${errand.package}`;
  const { version } = goModules[errand.module];
  return names === errand.module ? `${names} ${version}` : `${errand.module} ${version}: ${names}`;
}

interface ErrandOptions {
  readonly onLine: () => void;
  readonly onWait: () => void;
  readonly signal?: AbortSignal;
}

async function carryOut(errand: Errand, options: ErrandOptions): Promise<void> {
  const foreign = errand.names.filter((name) => !runsHere(name));
  if (foreign.length > 0)
    throw new StackFault(
      "UNSUPPORTED_PLATFORM",
      `${foreign.join(", ")}: Linux only`,
      "A control plane without a node runs here: ./mestore cluster up",
    );
  mkdirSync(join(cacheDirectory(), "tools"), { recursive: true });
  if (errand.kind === "go") {
    await buildGoTools(errand, (name) => existsSync(cachedPath(name)), options);
    return;
  }
  for (const name of errand.names) {
    const { source } = tools[name];
    if (source.kind === "debian") await unpackDebianTool(name, source, options);
  }
}

/** A program that does not run, or is not what it should be, is not there. */
function confirm(name: ToolName): FoundTool | StackFault {
  const path = cachedPath(name);
  const { present } = tools[name];
  const problem = !existsSync(path)
    ? "is not there"
    : present?.kind === "program"
      ? findProblem(path, present)
      : null;
  return problem === null
    ? { name, path, origin: "cache" }
    : new StackFault("INSTALL_FAILED", `${path} ${problem}`);
}

/** How a shell and the loader say that a program or one of its libraries cannot be had. */
const cannotRun: ReadonlySet<number | null> = new Set([126, 127]);

/** Why a program will not do, as the end of a sentence; null when it will. */
export function findProblem(path: string, present: PresentProgram): string | null {
  const asked = askVersion(path, present);
  // One that a signal ended has no exit code.
  if (asked === null || asked.exitCode === null || cannotRun.has(asked.exitCode))
    return "does not run here";
  return fitsVersion(asked.version, present.range)
    ? null
    : `has another version (${asked.version ?? "it tells none"})`;
}

function cachedPath(name: ToolName, env: Environment = process.env): string {
  const { source } = tools[name];
  return source.kind === "go" ? goToolPath(name, source.module, env) : debianToolPath(name, env);
}

function findFittingProgram(present: PresentProgram, env: Environment): string | null {
  for (const program of present.programs) {
    const path = findProgram(program, env);
    if (path === null) continue;
    if (present.range === undefined || fitsVersion(tellVersion(path, present), present.range))
      return path;
  }
  return null;
}

/** The version that a program says it is, null where it says none. */
export function tellVersion(path: string, present: PresentProgram): string | null {
  return askVersion(path, present)?.version ?? null;
}

/** What a program that is asked for its version says; null where the system cannot even start it. */
function askVersion(path: string, { versionArguments }: PresentProgram) {
  try {
    const { stdout, stderr, exitCode } = Bun.spawnSync([path, ...versionArguments], {
      stdin: "ignore",
      timeout: 10_000,
    });
    const version = parseVersion(stdout.toString()) ?? parseVersion(stderr.toString());
    return { exitCode: exitCode as number | null, version };
  } catch {
    return null;
  }
}

function findDirectory({ directories, files }: PresentDirectory): string | null {
  return (
    directories.find((directory) => files.every((file) => isExecutable(join(directory, file)))) ??
    null
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
