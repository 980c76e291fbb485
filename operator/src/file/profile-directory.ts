import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { FieldFault } from "@mestore/contract/fault";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { ProfileSource, ProfileState } from "../control/ports.ts";
import { readIfPresent } from "./atomic-file.ts";
import { placeOf, type ProfileDocument, parseProfileText } from "./profile-text.ts";

/** As large as etcd lets an object be by default. */
const maximumBytes = 1024 * 1024;

const extensions = new Set([".yaml", ".yml"]);

interface ReadFile {
  /** Null: it cannot be read. */
  readonly text: string | null;
  readonly documents: readonly ProfileDocument[];
}

/**
 * ProfileSource on a directory of YAML, one or several documents a file, in the order of the files'
 * names. A text that is refused, and a file that cannot be read, leave the last good profile of the
 * same name in force. Dot files are passed over: editors and mounted volumes keep their drafts there.
 */
export function createProfileDirectory(directory: string): ProfileSource {
  let files = new Map<string, ReadFile>();
  let lastGood = new Map<string, PerformanceProfile>();

  async function readFile(name: string, before: ReadFile | undefined): Promise<ReadFile | null> {
    try {
      const text = await readIfPresent(join(directory, name), maximumBytes);
      if (text === null) return null;
      if (before?.text === text) return before;
      return { text, documents: parseProfileText(name, text, before?.documents) };
    } catch (error) {
      const message = `${name} cannot be read: ${(error as Error).message}`;
      return { text: null, documents: unreadable(name, message, before?.documents) };
    }
  }

  async function readFiles(): Promise<Map<string, ReadFile>> {
    const names = (await readdir(directory))
      .filter((name) => !name.startsWith(".") && extensions.has(extname(name)))
      .sort();
    const read = new Map<string, ReadFile>();
    for (const name of names) {
      const file = await readFile(name, files.get(name));
      if (file !== null) read.set(name, file);
    }
    return read;
  }

  return {
    async list() {
      files = await readFiles();
      const definedIn = new Map<string, string>();
      const good = new Map<string, PerformanceProfile>();
      const states: ProfileState[] = [];
      for (const [name, { documents }] of files) {
        for (const { key, place, profile, faults } of documents) {
          const first = definedIn.get(key);
          if (first !== undefined) {
            states.push({ key: place, profile: null, faults: [definedTwice(key, first)] });
            continue;
          }
          definedIn.set(key, name);
          const inForce = profile ?? lastGood.get(key) ?? null;
          if (inForce !== null) good.set(key, inForce);
          states.push(
            profile === null
              ? { key, profile: inForce, faults }
              : { key, profile, faults: [] as const },
          );
        }
      }
      lastGood = good;
      return states;
    },
  };
}

/** The documents that the file held last, each refused for the same fault. */
function unreadable(
  name: string,
  message: string,
  before: readonly ProfileDocument[] = [],
): readonly ProfileDocument[] {
  const place = placeOf(name, 0);
  const known = before.length > 0 ? before : [{ key: place, place }];
  return known.map((one) => ({
    key: one.key,
    place: one.place,
    profile: null,
    faults: [{ path: "", message }],
  }));
}

function definedTwice(key: string, file: string): FieldFault {
  return { path: "metadata.name", message: `${key} is already defined in ${file}` };
}
