import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  isAlive,
  launchProcess,
  type ProcessId,
  readLaunchNote,
  stopProcess,
  type StopOptions,
} from "../stack/process.ts";

/** What to run, and where it writes what it says. */
export interface Program {
  readonly command: readonly string[];
  readonly logPath: string;
  /** Further directories in which it finds the programs that it calls itself. */
  readonly programDirectories?: readonly string[];
}

/**
 * The processes of one cluster by name. Each is noted in a file as it is born, so that a later
 * command, or one after a crash of this one, knows what runs.
 */
export interface Launches {
  /** Those that run. */
  list(): ReadonlyMap<string, ProcessId>;
  /** The process of that name, null where it does not run. */
  find(name: string): ProcessId | null;
  /** Starts it unless it runs. */
  ensure(name: string, program: Program): Promise<ProcessId>;
  /** Ends it when it runs, see `stopProcess`; what remains is its log. */
  stop(name: string, options?: StopOptions): ReturnType<typeof stopProcess>;
}

/** Where processes are noted, and how they come to be. */
export interface LaunchSettings {
  /** Holds the notes, and is the working directory of all of them. */
  readonly directory: string;
  /** Makes of a command one that runs elsewhere: in the namespaces of a node. */
  readonly wrap?: (command: readonly string[]) => readonly string[];
  /** The process that a wrapper has started, which is the one to know. */
  readonly unwrap?: (wrapper: ProcessId) => Promise<ProcessId>;
  /** Told as soon as a process exists. */
  readonly onLaunched?: (id: ProcessId) => void;
  /** Told when one has ended, and its number may become somebody else's. */
  readonly onStopped?: (id: ProcessId) => void;
}

/** Where programs look for others, as in any login shell of root. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The processes of the cluster in a directory: those that run already, and those to come. */
export function createLaunches(settings: LaunchSettings): Launches {
  const notes = join(settings.directory, "launches");
  mkdirSync(notes, { recursive: true, mode: 0o700 });
  const noteOf = (name: string) => join(notes, name);
  const find = (name: string) => {
    const id = readNote(noteOf(name));
    return id !== null && isAlive(id) ? id : null;
  };
  return {
    list: () =>
      new Map(
        readdirSync(notes).flatMap((name) => {
          const id = find(name);
          return id === null ? [] : [[name, id] as const];
        }),
      ),
    find,
    async ensure(name, { command, logPath, programDirectories = [] }) {
      const running = find(name);
      if (running !== null) return running;
      const launched = await launchProcess({
        command: settings.wrap?.(command) ?? command,
        env: {
          PATH: [...programDirectories, systemPath].join(":"),
          HOME: settings.directory,
          LC_ALL: "C",
        },
        cwd: settings.directory,
        logPath,
        notePath: noteOf(name),
      });
      const id = (await settings.unwrap?.(launched)) ?? launched;
      if (id !== launched) writeFileSync(noteOf(name), JSON.stringify(id));
      settings.onLaunched?.(id);
      return id;
    },
    async stop(name, options) {
      const id = readNote(noteOf(name));
      const outcome = id === null ? "absent" : await stopProcess(id, options);
      if (outcome === "stuck") return outcome;
      if (id !== null) settings.onStopped?.(id);
      rmSync(noteOf(name), { force: true });
      return outcome;
    },
  };
}

/** The launcher's own note, or ours for what a wrapper has started. */
function readNote(path: string): ProcessId | null {
  const noted = readLaunchNote(path);
  if (noted !== null) return noted;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessId;
  } catch {
    return null;
  }
}
