import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { formatFaults, type Parsed, parseWith } from "@mestore/contract/fault";
import { z } from "zod";
import { StackFault } from "../stack/fault.ts";
import { type HomePaths, logPath, notePath } from "../stack/paths.ts";
import { isAlive, type ProcessId, readLaunchNote } from "../stack/process.ts";

/**
 * `.mestore/state.json`: what runs, for `up`, `down`, `status` and for other programs. Written as
 * soon as a process exists, so that whatever happens next, somebody knows of it. Readable by its
 * owner alone: the addresses of the stores hold passwords.
 */

/** What `up` can run, in the order in which things start; they stop in reverse. */
export const partNames = ["postgres", "valkey", "service", "operator", "traffic"] as const;
export type PartName = (typeof partNames)[number];

/** `--traffic none` stops the shoppers again. */
export const trafficChoices = ["demo", "light", "heavy", "none"] as const;
export type TrafficChoice = (typeof trafficChoices)[number];

/** What a stack was asked to be. */
const settingsSchema = z.object({
  port: z.int(),
  products: z.int(),
  traffic: z.enum(trafficChoices),
  operator: z.boolean(),
  timeScale: z.number(),
  /** A person's own PostgreSQL; null: the embedded one. */
  postgres: z.string().nullable(),
  /** A person's own Redis or Valkey; null: the embedded one. */
  redis: z.string().nullable(),
});

export type UpSettings = z.infer<typeof settingsSchema>;

const processSchema = z.object({ pid: z.int().positive(), birth: z.string() });

const partSchema = processSchema.extend({
  since: z.iso.datetime(),
  log: z.string(),
  /** All that it was started with; another value of one of them means a restart. */
  settings: z.record(z.string(), z.union([z.string(), z.number()])),
});

export type PartRecord = z.infer<typeof partSchema>;
export type PartSettings = PartRecord["settings"];

export const stateSchema = z.object({
  schemaVersion: z.literal(1),
  url: z.string().optional(),
  metricsUrl: z.string().optional(),
  operatorMetricsUrl: z.string().optional(),
  postgresUrl: z.string().optional(),
  redisUrl: z.string().optional(),
  tuningFile: z.string().optional(),
  profileDir: z.string().optional(),
  statusDir: z.string().optional(),
  settings: settingsSchema.optional(),
  /** The `./mestore up` that is at work or shows the live line. */
  launcher: processSchema.optional(),
  /** Process numbers by name, for scripts. */
  pids: z.record(z.string(), z.int()).default({}),
  parts: z.partialRecord(z.enum(partNames), partSchema).default({}),
});

export type State = z.infer<typeof stateSchema>;

export const emptyState: State = { schemaVersion: 1, pids: {}, parts: {} };

/** Parses the text of a state file. Keys that a later version added are ignored. */
export function parseState(text: string): Parsed<State> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { ok: false, faults: [{ path: "", message: `not JSON: ${(error as Error).message}` }] };
  }
  return parseWith<State>(stateSchema, input);
}

export function formatState(state: State): string {
  const pids = Object.fromEntries(
    partNames.flatMap((name) => {
      const part = state.parts[name];
      return part === undefined ? [] : [[name, part.pid]];
    }),
  );
  return `${JSON.stringify({ ...state, pids }, null, 2)}\n`;
}

/** Reads the state, an empty one where there is none. @throws StackFault STATE_UNREADABLE */
export function loadState(path: string): State {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return emptyState;
    throw error;
  }
  const parsed = parseState(text);
  if (parsed.ok) return parsed.value;
  throw new StackFault(
    "STATE_UNREADABLE",
    `${path} cannot be read: ${formatFaults(parsed.faults)}`,
    "It names the processes that run. Stop them by hand if there are any, delete the file, run the command again.",
  );
}

/** Replaces the file whole: a reader sees the old text or the new one. */
export function saveState(path: string, state: State): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(draft, formatState(state), { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * The state with what it does not know of: an `up` that was killed between the launch of a process
 * and the writing of the state leaves a note of the launch only. Such a part has no settings.
 */
export function loadStateAndNotes(paths: HomePaths): State {
  const state = loadState(paths.state);
  return partNames.reduce((known, name) => {
    const path = notePath(paths, name);
    const noted = readLaunchNote(path);
    if (noted === null || known.parts[name]?.birth === noted.birth || !isAlive(noted)) return known;
    const since = statSync(path).mtime.toISOString();
    return withPart(known, name, { ...noted, since, log: logPath(paths, name), settings: {} });
  }, state);
}

/** The parts that live now. A number that belongs to another process by now is not one of them. */
export function livingParts(
  state: State,
  alive: (id: ProcessId) => boolean = isAlive,
): Partial<Record<PartName, PartRecord>> {
  return Object.fromEntries(
    partNames.flatMap((name) => {
      const part = state.parts[name];
      return part !== undefined && alive(part) ? [[name, part]] : [];
    }),
  );
}

export function withPart(state: State, name: PartName, part: PartRecord): State {
  return { ...state, parts: { ...state.parts, [name]: part } };
}

export function withoutPart(state: State, name: PartName): State {
  const { [name]: _, ...parts } = state.parts;
  return { ...state, parts };
}
