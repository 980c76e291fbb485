import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { FieldFault } from "@mestore/contract/fault";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { ProfileSource, ProfileState } from "../control/ports.ts";
import { readIfPresent } from "./atomic-file.ts";
import { type ProfileDocument, parseProfileText } from "./profile-text.ts";

/** As large as etcd lets an object be by default. */
const maximumBytes = 1024 * 1024;

const extensions = new Set([".yaml", ".yml"]);

interface ReadFile {
  readonly text: string;
  readonly documents: readonly ProfileDocument[];
}

/**
 * ProfileSource on a directory of YAML, one or several documents a file, in the order of the files'
 * names. A text that is refused leaves the last good one of the same profile in force. Dot files are
 * passed over: editors and mounted volumes keep their drafts there.
 */
export function createProfileDirectory(directory: string): ProfileSource {
  let files = new Map<string, ReadFile>();
  let lastGood = new Map<string, PerformanceProfile>();

  async function readFiles(): Promise<Map<string, ReadFile>> {
    const names = (await readdir(directory))
      .filter((name) => !name.startsWith(".") && extensions.has(extname(name)))
      .sort();
    const read = new Map<string, ReadFile>();
    for (const name of names) {
      const before = files.get(name);
      const text = await readIfPresent(join(directory, name), maximumBytes);
      if (text === null) continue;
      if (before?.text === text) read.set(name, before);
      else read.set(name, { text, documents: parseProfileText(name, text, before?.documents) });
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

function definedTwice(key: string, file: string): FieldFault {
  return { path: "metadata.name", message: `${key} is already defined in ${file}` };
}
