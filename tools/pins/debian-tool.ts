import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { cacheDirectory } from "../stack/paths.ts";
import { debianRelease, hasApt, unpackDebianPackages } from "./debian.ts";
import { putInPlace, workInCache } from "./room.ts";
import type { StepOptions } from "./run-step.ts";
import type { DebianSource, ToolName } from "./table.ts";

/** Where a tool from a package is kept: a link to the unpacked file, or a script that starts it. */
export function debianToolPath(
  name: ToolName,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return join(cacheDirectory(env), "tools", `${name}-${debianRelease()}`, name);
}

/**
 * Brings a tool from its package.
 * @throws StackFault MISSING_TOOL where there is no apt, INSTALL_FAILED, DISK_FULL, INTERRUPTED
 */
export async function unpackDebianTool(
  name: ToolName,
  source: DebianSource,
  options: StepOptions,
): Promise<void> {
  if (!hasApt())
    throw new StackFault(
      "MISSING_TOOL",
      `${name} is missing, and this system has no apt-get to fetch it with`,
      `Put it on PATH. ${source.elsewhere}`,
    );
  const root = await unpackDebianPackages([source.package], options);
  const file = locate(root, source);
  const missing = findMissingLibraries(file);
  const { libraries = [] } = source;
  if (missing.length > 0 && libraries.length === 0)
    throw new StackFault(
      "INSTALL_FAILED",
      `${name} of package ${source.package} needs ${missing.join(", ")}`,
      `Run: apt-get install -y --no-install-recommends ${source.package}`,
    );
  const libraryRoot = missing.length > 0 ? await unpackDebianPackages(libraries, options) : null;
  await workInCache(join(cacheDirectory(), "tools"), (room) => {
    const finished = join(room, name);
    mkdirSync(finished);
    if (libraryRoot === null) symlinkSync(file, join(finished, name));
    else
      writeFileSync(join(finished, name), startWithLibraries(file, libraryRoot), { mode: 0o755 });
    putInPlace(finished, dirname(debianToolPath(name)));
    return Promise.resolve();
  });
}

function locate(root: string, { package: packageName, paths }: DebianSource): string {
  const file = paths.map((path) => join(root, path)).find((path) => existsSync(path));
  if (file !== undefined) return file;
  throw new StackFault(
    "INSTALL_FAILED",
    `package ${packageName} of this release holds no ${paths.join(" or ")}`,
  );
}

/** Shared libraries that a program links and the machine lacks; none for what is no program. */
function findMissingLibraries(file: string): string[] {
  const { stdout } = Bun.spawnSync(["ldd", file], { stdout: "pipe", stderr: "ignore" });
  return [...stdout.toString().matchAll(/^\s*(\S+) => not found$/gm)].map(([, name = ""]) => name);
}

/** A script that starts a program with the libraries of an unpacked package tree. */
export function startWithLibraries(file: string, root: string): string {
  const folders = ["lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync({ cwd: root, absolute: true, onlyFiles: false }),
  ]);
  return `#!/bin/sh\nLD_LIBRARY_PATH='${folders.join(":")}' exec '${file}' "$@"\n`;
}
