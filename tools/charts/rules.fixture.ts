import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RulesFile, releaseName, releaseNamespace } from "@mestore/dashboards/rules";
import { stringify } from "yaml";
import { prepareTool } from "../pins/tool.ts";

/** The release that tests look at, and one of its pods. */
export const testRelease = { namespace: "shop", name: "mestore" } as const;
export const testPod = "mestore-5d4f8c7b9-abcde";

/** Rules of one release, as the charts fill them in. */
export function formatReleaseRules(rules: RulesFile): string {
  return stringify(rules, { aliasDuplicateObjects: false, lineWidth: 0 })
    .replaceAll(releaseNamespace, testRelease.namespace)
    .replaceAll(releaseName, testRelease.name);
}

/** A part of the rules, where a test needs no more. */
export function filterRules(
  rules: RulesFile,
  wanted: (labels: Readonly<Record<string, string>>) => boolean,
): RulesFile {
  return {
    groups: rules.groups.map((group) => ({
      ...group,
      rules: group.rules.filter(({ labels }) => wanted(labels)),
    })),
  };
}

export interface PromtoolOutcome {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs promtool in a directory with these files. */
export async function runPromtool(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<PromtoolOutcome> {
  const program = await prepareTool("promtool");
  const directory = mkdtempSync(join(tmpdir(), "mestore-rules-"));
  try {
    for (const [name, text] of Object.entries(files)) await Bun.write(join(directory, name), text);
    const promtool = Bun.spawn([program, ...args], {
      cwd: directory,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      promtool.stdout.text(),
      promtool.stderr.text(),
      promtool.exited,
    ]);
    return { exitCode, output: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
