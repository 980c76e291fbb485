import { join } from "node:path";
import { repositoryRoot } from "../stack/paths.ts";
import { basePackages, unpackPackages } from "./base-files.ts";
import { compileProgram, executableName } from "./compile-program.ts";
import { readEntry } from "./file-tree.ts";
import type { ImageContent } from "./image-content.ts";
import type { ProgramName } from "./image-table.ts";
import type { Platform } from "./oci.ts";
import { readProductVersion } from "./product-version.ts";

/** What the image of a program of ours holds: its executable. Zones and roots of trust are in Bun. */
export async function createProgramContent(
  program: ProgramName,
  platform: Platform,
  room: string,
  signal: AbortSignal,
): Promise<ImageContent> {
  const [packageFiles, { path, components }] = await Promise.all([
    unpackPackages(basePackages, platform.architecture),
    compileProgram(program, room, signal),
  ]);
  return {
    version: readProductVersion(),
    packages: basePackages,
    packageFiles,
    entries: [
      readEntry(path, `app/${executableName(program)}`),
      readEntry(join(repositoryRoot, "LICENSE"), "usr/share/doc/mestore/LICENSE"),
    ],
    binaries: [path],
    components,
  };
}
