import { statSync } from "node:fs";
import colours from "picocolors";
import { type HomePaths, logPath } from "../stack/paths.ts";
import { readLastLines } from "../stack/process.ts";

export interface LogOptions {
  readonly names: readonly string[];
  /** Last lines of each log. */
  readonly lines: number;
  /** Go on until the process is ended. */
  readonly follow: boolean;
}

/** The longest name of a part. */
const nameWidth = 8;

/** A file that grows is looked at this often; a watch would miss one that is put aside. */
const followPeriodMs = 250;

/** Prints the logs; with several names each line begins with its own. */
export async function showLogs(paths: HomePaths, options: LogOptions): Promise<void> {
  const several = options.names.length > 1;
  const write = (name: string, line: string) => {
    process.stdout.write(
      several ? `${colours.cyan(name.padEnd(nameWidth))} ${line}\n` : `${line}\n`,
    );
  };
  const followed = options.names.map((name) => ({ name, path: logPath(paths, name) }));
  const ends = followed.map(({ path }) => sizeOf(path));
  let found = false;
  for (const { name, path } of followed) {
    const lines = await readLastLines(path, options.lines);
    found ||= sizeOf(path) > 0;
    for (const line of lines) write(name, line);
  }
  if (!found) console.error(`nothing was logged in ${paths.logs}`);
  if (!options.follow) return;
  const readers = followed.map((one, index) => createReader(one.path, ends[index] ?? 0));
  for (;;) {
    for (const [index, reader] of readers.entries())
      for (const line of await reader()) write(followed[index]?.name ?? "", line);
    await Bun.sleep(followPeriodMs);
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/** Each call gives the whole lines that were added since the last. */
function createReader(path: string, from: number): () => Promise<string[]> {
  let position = from;
  let rest = "";
  const decoder = new TextDecoder();
  return async () => {
    const size = sizeOf(path);
    if (size < position) {
      // Put aside and begun anew.
      position = 0;
      rest = "";
    }
    if (size === position) return [];
    const bytes = await Bun.file(path).slice(position, size).bytes();
    position += bytes.length;
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    return lines;
  };
}
