import { rmSync } from "node:fs";
import { asStackFault } from "../stack/fault.ts";
import { type HomePaths, notePath } from "../stack/paths.ts";
import { stopPostgres } from "../stack/postgres.ts";
import { isAlive, type ProcessId, stopProcess } from "../stack/process.ts";
import {
  emptyState,
  loadStateAndNotes,
  type PartName,
  type PartRecord,
  partNames,
  saveState,
  type State,
  withoutPart,
} from "./state.ts";

type Outcome = Awaited<ReturnType<typeof stopProcess>>;

/** How long each part may take over its own end before it is killed, in milliseconds. */
const graceMs: Readonly<Record<Exclude<PartName, "postgres">, number>> = {
  traffic: 3_000,
  operator: 5_000,
  // A second of drain, answers under way, and a margin.
  service: 10_000,
  valkey: 3_000,
};

export function stopPart(name: PartName, id: ProcessId): Promise<Outcome> {
  return name === "postgres" ? stopPostgres(id) : stopProcess(id, { graceMs: graceMs[name] });
}

export interface StopReport {
  readonly name: PartName;
  readonly pid: number;
  readonly outcome: Outcome;
}

export interface StopSelection {
  /** Those to stop; every one unless said otherwise. */
  readonly names?: readonly PartName[];
  /** What the caller knows to run, whether or not it could be written to the state file. */
  readonly known?: State;
}

/**
 * Stops the parts that live, those that depend on others first, and forgets them. When none is
 * left the state file goes. Where nothing can be written, on a full disk, they are stopped all the
 * same: what the file says then is of processes that are gone, which the next reader sees.
 */
export async function stopParts(
  paths: HomePaths,
  onStopped: (report: StopReport) => void,
  { names = partNames, known }: StopSelection = {},
): Promise<void> {
  const recorded = known === undefined ? loadStateAndNotes(paths) : loadWhatCanBeRead(paths);
  let state = known ?? recorded;
  const stuck = new Set<PartName>();
  for (const name of partNames.toReversed()) {
    if (!names.includes(name)) continue;
    for (const part of livingProcesses(name, [state, recorded])) {
      const outcome = await stopPart(name, part);
      onStopped({ name, pid: part.pid, outcome });
      if (outcome === "stuck") stuck.add(name);
    }
  }
  const gone = partNames.filter((name) =>
    names.includes(name) ? !stuck.has(name) : livingProcesses(name, [state, recorded]).length === 0,
  );
  state = gone.reduce(withoutPart, state);
  try {
    for (const name of gone) rmSync(notePath(paths, name), { force: true });
    if (Object.keys(state.parts).length === 0) rmSync(paths.state, { force: true });
    else saveState(paths.state, state);
  } catch (error) {
    if (asStackFault(error) === null) throw error;
  }
}

/** A file that cannot be read hides nothing from a caller who knows by himself what runs. */
function loadWhatCanBeRead(paths: HomePaths): State {
  try {
    return loadStateAndNotes(paths);
  } catch (error) {
    if (asStackFault(error) === null) throw error;
    return emptyState;
  }
}

/** The processes of one part that live, each once. */
function livingProcesses(name: PartName, states: readonly State[]): PartRecord[] {
  const found = states.flatMap(({ parts }) => parts[name] ?? []).filter((part) => isAlive(part));
  return [...new Map(found.map((part) => [part.pid, part])).values()];
}

export function describeOutcome({ pid, outcome }: StopReport): string {
  switch (outcome) {
    case "stopped":
      return `stopped (process ${pid})`;
    case "killed":
      return `did not stop in time and was killed (process ${pid})`;
    case "absent":
      return `had ended by itself (process ${pid})`;
    case "stuck":
      return `does not end, not even when killed (process ${pid}): it hangs in the kernel`;
  }
}
