import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { StatusStore } from "../control/ports.ts";
import { readIfPresent, removeDrafts, replaceFile } from "./atomic-file.ts";

/** A day of one-minute slices is some 120 KB. */
const maximumBytes = 16 * 1024 * 1024;

export interface StatusDirectoryOptions<Status, Memory> {
  readonly directory: string;
  /** Null: not what was saved by this version. */
  readonly parseStatus: (input: unknown) => Status | null;
  readonly parseMemory: (input: unknown) => Memory | null;
  /** Told of a file that cannot be used; the loop starts that part afresh. */
  readonly onUnreadable: (path: string, detail: string) => void;
}

/**
 * StatusStore on a directory: `<namespace>.<name>.yaml` for people, the loop's memory beside it as
 * `<namespace>.<name>.memory.json`. Each is replaced whole, and only when its text differs.
 */
export function createStatusDirectory<Status, Memory>(
  options: StatusDirectoryOptions<Status, Memory>,
): StatusStore<Status, Memory> {
  const written = new Map<string, string>();

  const pathsOf = (key: string) => {
    const base = join(options.directory, key.replaceAll("/", "."));
    return { status: `${base}.yaml`, memory: `${base}.memory.json` };
  };

  async function load<T>(
    path: string,
    read: (text: string) => unknown,
    parsePart: (input: unknown) => T | null,
  ): Promise<T | null> {
    await removeDrafts(path);
    try {
      const text = await readIfPresent(path, maximumBytes);
      if (text === null) return null;
      const part = parsePart(read(text));
      if (part !== null) written.set(path, text);
      else options.onUnreadable(path, "not what this version writes");
      return part;
    } catch (error) {
      options.onUnreadable(path, (error as Error).message);
      return null;
    }
  }

  async function replace(path: string, text: string): Promise<void> {
    if (written.get(path) === text) return;
    await replaceFile(path, text);
    written.set(path, text);
  }

  return {
    async load(key) {
      const { status, memory } = pathsOf(key);
      return {
        status: await load(status, parse, options.parseStatus),
        memory: await load(memory, JSON.parse, options.parseMemory),
        foreignOwner: null,
      };
    },
    async save(key, status, memory) {
      const paths = pathsOf(key);
      await replace(paths.memory, `${JSON.stringify(memory)}\n`);
      await replace(paths.status, stringify(status, { lineWidth: 0 }));
    },
    async remove(key) {
      const { status } = pathsOf(key);
      written.delete(status);
      await rm(status, { force: true });
    },
  };
}
