import type { Mode } from "@mestore/contract/performance-profile";
import { createProfileDirectory } from "@mestore/operator/file/profile-directory";
import type { ProfileStatus } from "@mestore/operator/profile/status";
import type { CacheStatus, Compliance, Overview } from "@mestore/service/performance/schema";
import type { HomePaths } from "../stack/paths.ts";
import { isAlive, readResidentBytes } from "../stack/process.ts";
import { loadStateAndNotes, type PartName, partNames, type State } from "../up/state.ts";
import { withoutPassword } from "../up/settings.ts";
import { readOperatorStatus } from "./operator-status.ts";

/** Everything that `./mestore status` shows. What could not be learnt is null, and `problems` says why. */
export interface StackStatus {
  readonly running: boolean;
  readonly parts: readonly PartStatus[];
  readonly objectives: Compliance | null;
  readonly overview: Overview | null;
  readonly cache: CacheStatus | null;
  readonly profiles: readonly {
    readonly profile: string;
    /** Ceiling of the knobs' modes as the profile's text says it; null where it cannot be read. */
    readonly mode: Mode | null;
    readonly status: ProfileStatus;
  }[];
  readonly problems: readonly string[];
}

export interface PartStatus {
  readonly name: PartName;
  readonly state: "running" | "ended" | "own" | "off";
  readonly address: string | null;
  readonly pid: number | null;
  readonly since: string | null;
  readonly memoryBytes: number | null;
}

const answerTimeoutMs = 3_000;

/** Looks at everything, and at the rest when a part of it gives no answer. */
export async function observeStack(paths: HomePaths): Promise<StackStatus> {
  const state = loadStateAndNotes(paths);
  const parts = partNames.map((name) => describePart(state, name));
  const problems: string[] = parts
    .filter(({ state }) => state === "ended")
    .map(
      ({ name, pid }) =>
        `${name} has ended (process ${pid}): ./mestore logs ${name}, then ./mestore up`,
    );
  const ask = async <T>(path: string): Promise<T | null> => {
    try {
      return await askService<T>(state.url, path);
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`);
      return null;
    }
  };
  const isUp = parts.some((part) => part.name === "service" && part.state === "running");
  const [objectives, overview, cache] = isUp
    ? await Promise.all([
        ask<Compliance>("/api/v1/performance/sla/compliance"),
        ask<Overview>("/api/v1/performance/metrics/overview"),
        ask<CacheStatus>("/api/v1/performance/cache/status"),
      ])
    : [null, null, null];
  const modes = await readModes(paths.profiles);
  return {
    running: parts.some((part) => part.state === "running"),
    parts,
    objectives,
    overview,
    cache,
    profiles: readOperatorStatus(paths.status).map((one) => ({
      ...one,
      mode: modes.get(one.profile) ?? null,
    })),
    problems,
  };
}

/** Modes by `namespace.name`, as the operator's status files are called. */
async function readModes(directory: string): Promise<ReadonlyMap<string, Mode>> {
  const states = await createProfileDirectory(directory)
    .list()
    .catch(() => []);
  return new Map(
    states.flatMap(({ key, profile }) =>
      profile === null ? [] : [[key.replaceAll("/", "."), profile.spec.mode] as const],
    ),
  );
}

async function askService<T>(url: string | undefined, path: string): Promise<T> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(answerTimeoutMs) });
  if (!response.ok) throw new Error(`the service answered ${response.status}`);
  return (await response.json()) as T;
}

function describePart(state: State, name: PartName): PartStatus {
  const part = state.parts[name];
  const nothing = { name, pid: null, since: null, memoryBytes: null };
  if (part === undefined) {
    const own =
      name === "postgres"
        ? state.settings?.postgres
        : name === "valkey"
          ? state.settings?.redis
          : null;
    return typeof own === "string"
      ? { ...nothing, state: "own", address: withoutPassword(own) }
      : { ...nothing, state: "off", address: null };
  }
  const alive = isAlive(part);
  return {
    name,
    state: alive ? "running" : "ended",
    address: addressOf(state, name),
    pid: part.pid,
    since: part.since,
    memoryBytes: alive ? readResidentBytes(part.pid) : null,
  };
}

function addressOf(state: State, name: PartName): string | null {
  switch (name) {
    case "postgres":
      return `127.0.0.1:${state.parts.postgres?.settings["port"]}`;
    case "valkey":
      return `127.0.0.1:${state.parts.valkey?.settings["port"]}`;
    case "service":
      return state.url ?? null;
    case "operator":
      return state.operatorMetricsUrl ?? null;
    case "traffic":
      return `${state.parts.traffic?.settings["workload"]} on ${state.url}`;
  }
}
