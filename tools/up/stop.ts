import { rmSync } from "node:fs";
import { type HomePaths, notePath } from "../stack/paths.ts";
import { stopPostgres } from "../stack/postgres.ts";
import { type ProcessId, stopProcess } from "../stack/process.ts";
import {
  livingParts,
  loadStateAndNotes,
  type PartName,
  partNames,
  saveState,
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

/**
 * Stops the parts that live, those that depend on others first, and forgets them. When none is
 * left the state file goes.
 * @param names those to stop; every one unless said otherwise
 */
export async function stopParts(
  paths: HomePaths,
  onStopped: (report: StopReport) => void,
  names: readonly PartName[] = partNames,
): Promise<void> {
  let state = loadStateAndNotes(paths);
  const living = livingParts(state);
  for (const name of partNames.toReversed()) {
    const part = living[name];
    if (part !== undefined && names.includes(name)) {
      const outcome = await stopPart(name, part);
      onStopped({ name, pid: part.pid, outcome });
      if (outcome === "stuck") continue;
    } else if (part !== undefined) continue;
    rmSync(notePath(paths, name), { force: true });
    state = withoutPart(state, name);
    saveState(paths.state, state);
  }
  if (Object.keys(state.parts).length === 0) rmSync(paths.state, { force: true });
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
