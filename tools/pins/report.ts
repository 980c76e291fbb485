import colours from "picocolors";
import { abortOnSignals } from "../abort-on-signals.ts";
import { createProgress } from "../checks/progress.ts";
import type { StackFault } from "../stack/fault.ts";
import { goModules, type ToolName, toolNames, tools } from "./table.ts";
import {
  dropGoCaches,
  type FoundTool,
  lookUpTool,
  planErrands,
  prepareTools,
  tellVersion,
} from "./tool.ts";

/** What `./mestore tools` tells. */

/** Width of the longest name, and of a version such as `2.42.0`. */
const nameWidth = Math.max(...toolNames.map((name) => name.length));
const versionWidth = 7;

/** Prints which tools are there. Gives whether all are. */
export function listTools(names: readonly ToolName[]): boolean {
  const found = names.map((name) => ({ name, tool: lookUpTool(name) }));
  for (const { name, tool } of found)
    console.log(tool === null ? formatLine(name, "", "not there yet") : formatTool(tool));
  return found.every(({ tool }) => tool !== null);
}

export interface BringOptions {
  /** Leaves what Go downloaded and compiled; it goes by itself once every tool is there. */
  readonly keepGoCache: boolean;
}

/**
 * Brings the tools with progress and prints where each came from. Gives whether all could be had.
 * @throws StackFault DISK_FULL or INTERRUPTED
 */
export async function bringTools(
  names: readonly ToolName[],
  { keepGoCache }: BringOptions,
): Promise<boolean> {
  const signal = abortOnSignals();
  const progress = createProgress();
  const missing = names.filter((name) => lookUpTool(name) === null);
  if (planErrands(missing).some(({ kind }) => kind === "go"))
    progress.say(
      `To bring: ${missing.join(", ")}. From nothing all tools together take 20 to 25 minutes on two cores.`,
    );
  const outcomes = await prepareTools(names, { progress, signal });
  const faults = new Map<StackFault, ToolName[]>();
  for (const name of names) {
    const outcome = outcomes.get(name);
    if (outcome instanceof Error) faults.set(outcome, [...(faults.get(outcome) ?? []), name]);
    else if (outcome !== undefined) progress.say(formatTool(outcome));
  }
  for (const [fault, those] of faults) {
    progress.say(`\n${colours.red("cannot be had")}: ${those.join(", ")}\n${fault.message}`);
    if (fault.hint !== undefined) progress.say(fault.hint);
  }
  if (!keepGoCache) await dropGoCaches(progress);
  return faults.size === 0;
}

function formatTool(tool: FoundTool): string {
  const whose = tool.origin === "machine" ? "this machine's" : describeSource(tool.name);
  return formatLine(tool.name, versionOf(tool) ?? "", `${tool.path} (${whose})`);
}

function formatLine(name: string, version: string, rest: string): string {
  return `  ${colours.bold(name.padEnd(nameWidth))}  ${version.padEnd(versionWidth)}  ${rest}`;
}

function describeSource(name: ToolName): string {
  const { source } = tools[name];
  if (source.kind === "debian") return `Debian package ${source.package}`;
  const { path } = goModules[source.module];
  return path === null ? "built by Go" : `built by Go from ${path}`;
}

function versionOf({ name, path, origin }: FoundTool): string | null {
  const { present, source } = tools[name];
  if (origin === "cache" && source.kind === "go") return goModules[source.module].version;
  return present?.kind === "program" ? tellVersion(path, present) : null;
}
