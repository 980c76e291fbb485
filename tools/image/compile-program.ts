import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { runCommand } from "../checks/run-command.ts";
import { StackFault } from "../stack/fault.ts";
import { repositoryRoot } from "../stack/paths.ts";
import { type Component, npmComponent } from "./component.ts";
import { type ProgramName, programNames } from "./image-table.ts";

/** Compiles a program with Bun into one executable. The Dockerfiles run this file, too. */

interface ProgramSource {
  readonly entry: string;
  /** Directories that the program reads, each found beside the code under its last name. */
  readonly assets: readonly string[];
}

const sources: Readonly<Record<ProgramName, ProgramSource>> = {
  service: { entry: "service/src/main.ts", assets: ["service/migrations"] },
  operator: { entry: "operator/src/main.ts", assets: [] },
  demo: { entry: "demo/main.ts", assets: [] },
};

/**
 * - Names stay as they are: shortening them is the one step of Bun's minifier that has given other
 *   bytes for the same source (oven-sh/bun#40657) and wrong programs (#28742).
 * - Bytecode and the source map: 58 ms instead of 101 ms and a third less work until the service is
 *   up, and stack traces that name our lines, for 5 % more bytes (measured).
 * - What is imported when it is needed, as the operator's reader of kubeconfigs, stays a part of its own: in
 *   one piece its bytecode is loaded with the rest, which is 6 MB of every operator in a pod (measured).
 * - `__dirname` is the only way by which the path of the checkout would get into the program; what a
 *   dependency looks for beside itself does not exist in an executable anyway.
 * - A file that happens to lie in the working directory configures nothing.
 */
const compileFlags = [
  "--compile",
  "--minify-syntax",
  "--minify-whitespace",
  "--format=esm",
  "--bytecode",
  "--splitting",
  "--sourcemap=inline",
  '--define=__dirname="/app"',
  '--define=__filename="/app/program.js"',
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
] as const;

/** `mestore-service` */
export function executableName(program: ProgramName): string {
  return `mestore-${program}`;
}

export interface CompiledProgram {
  readonly path: string;
  /** Bun, and the packages of the registry whose code is in it. */
  readonly components: readonly Component[];
}

/**
 * Writes the executable of this machine's platform into a directory. The same source, packages and
 * Bun give the same bytes wherever the checkout lies.
 * @throws StackFault STEP_FAILED with what the compiler said, INTERRUPTED
 */
export async function compileProgram(
  program: ProgramName,
  directory: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<CompiledProgram> {
  const { entry, assets } = sources[program];
  const path = join(directory, executableName(program));
  const metafile = join(directory, `${program}.modules.json`);
  const { exitCode, output } = await runCommand(
    {
      words: [
        process.execPath,
        "build",
        ...compileFlags,
        ...assets.map((asset) => `--asset=${asset}`),
        `--metafile=${metafile}`,
        `--outfile=${path}`,
        entry,
      ],
      cwd: repositoryRoot,
    },
    signal,
  );
  if (signal.aborted) throw new StackFault("INTERRUPTED", "interrupted");
  if (exitCode !== 0)
    throw new StackFault("STEP_FAILED", `${program} could not be compiled:\n${output.trim()}`);
  const modules = metafileSchema.parse(JSON.parse(readFileSync(metafile, "utf8")));
  const components = findPackages(modules).map((folder) => {
    const { name, version, license } = packageSchema.parse(
      JSON.parse(readFileSync(join(repositoryRoot, folder, "package.json"), "utf8")),
    );
    return npmComponent(name, version, license ?? null);
  });
  const bun = {
    name: "bun",
    version: Bun.version,
    license: "MIT",
    purl: `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
  };
  return { path, components: [bun, ...components] };
}

const packageSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional(),
});

/** What the bundler writes about a build, as esbuild does. */
const metafileSchema = z.object({
  outputs: z.record(
    z.string(),
    z.object({ inputs: z.record(z.string(), z.object({ bytesInOutput: z.number() })) }),
  ),
});

export type Metafile = z.infer<typeof metafileSchema>;

/** The folders of the packages of which something is in the executable, sorted. */
export function findPackages({ outputs }: Metafile): readonly string[] {
  const folders = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      return folder === undefined || bytesInOutput === 0 ? [] : [folder];
    }),
  );
  return [...new Set(folders)].toSorted();
}

if (import.meta.main) {
  const [name, directory] = process.argv.slice(2);
  const program = programNames.find((known) => known === name);
  if (program === undefined || directory === undefined) {
    process.stderr.write(`usage: compile-program.ts ${programNames.join("|")} DIRECTORY\n`);
    process.exitCode = 2;
  } else await compileProgram(program, directory);
}
