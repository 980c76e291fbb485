import type { ProfileDecision } from "@mestore/operator/profile/status";
import colours from "picocolors";
import { readOperatorStatus } from "../status/operator-status.ts";
import {
  describeService,
  type MetricReading,
  readServiceMetrics,
  type ServiceFigures,
  startOf,
} from "../status/service-metrics.ts";
import type { HomePaths } from "../stack/paths.ts";
import { isAlive } from "../stack/process.ts";
import { fit } from "../terminal.ts";
import { formatDecision, formatLiveLine } from "./live-line.ts";
import { loadState, type PartName, partNames, type State } from "./state.ts";

const periodMs = 1_000;

/** Figures are those of the last half minute: long enough for a rate, short enough to see a move. */
const windowSeconds = 30;

/** Without a terminal a line is written this often. */
const plainPeriods = 10;

const metricsTimeoutMs = 2_000;

export type LiveEnd = "aborted" | "stopped";

/**
 * Shows how the shop is doing until `signal` aborts, or until somebody else stops the stack. New
 * decisions and parts that die get a line of their own.
 */
export async function showLive(paths: HomePaths, signal: AbortSignal): Promise<LiveEnd> {
  const screen = createScreen();
  const dead = new Set<PartName>();
  let readings: MetricReading[] = [];
  let lastDecision = newestDecision(paths);
  for (let round = 1; !signal.aborted; round += 1) {
    const state = loadState(paths.state);
    if (Object.keys(state.parts).length === 0) {
      screen.close();
      return "stopped";
    }
    for (const text of describeDeaths(state, dead)) screen.tell(text);
    readings = await readAgain(state, readings);
    const decision = newestDecision(paths);
    if (decision !== undefined && !isSame(decision, lastDecision))
      screen.tell(`${colours.cyan("decision")}  ${formatDecision(decision)}`);
    lastDecision = decision;
    // One reading is no rate yet.
    if (readings.length !== 1)
      screen.show(formatLiveLine(describeReadings(readings), decision), round);
    await pause(signal);
  }
  screen.close();
  return "aborted";
}

function newestDecision(paths: HomePaths): ProfileDecision | undefined {
  return readOperatorStatus(paths.status)
    .flatMap(({ status }) => status.decisions.slice(0, 1))
    .sort((a, b) => b.time.localeCompare(a.time))[0];
}

function isSame(a: ProfileDecision, b: ProfileDecision | undefined): boolean {
  return a.time === b?.time && a.knob === b.knob && a.verdict === b.verdict;
}

/** Tells of each part once when it has died, and again after it came back and died anew. */
function describeDeaths(state: State, dead: Set<PartName>): string[] {
  return partNames.flatMap((name) => {
    const part = state.parts[name];
    if (part === undefined || isAlive(part)) {
      dead.delete(name);
      return [];
    }
    if (dead.has(name)) return [];
    dead.add(name);
    return [
      `${colours.red(name)} has ended (process ${part.pid}); ./mestore logs ${name} says why, ./mestore up in another terminal brings it back`,
    ];
  });
}

async function readAgain(state: State, before: readonly MetricReading[]): Promise<MetricReading[]> {
  if (state.metricsUrl === undefined) return [];
  try {
    const reading = await readServiceMetrics(state.metricsUrl, metricsTimeoutMs);
    const kept = before.filter(
      (one) =>
        one.atSeconds >= reading.atSeconds - windowSeconds && startOf(one) === startOf(reading),
    );
    return [...kept, reading];
  } catch {
    return [];
  }
}

function describeReadings(readings: readonly MetricReading[]): ServiceFigures | null {
  const [first] = readings;
  const last = readings.at(-1);
  return first === undefined || last === undefined ? null : describeService(first, last);
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, periodMs);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** One line that is written over on a terminal, and now and then a line elsewhere. */
function createScreen() {
  const { stdout } = process;
  const clear = () => stdout.isTTY && stdout.write("\r\u001B[K");
  return {
    tell(text: string): void {
      clear();
      stdout.write(`${new Date().toTimeString().slice(0, 8)}  ${text}\n`);
    },
    show(text: string, round: number): void {
      if (stdout.isTTY) {
        clear();
        stdout.write(fit(Bun.stripANSI(text), (stdout.columns || 100) - 1));
      } else if (round % plainPeriods === 2) stdout.write(`${text}\n`);
    },
    close(): void {
      clear();
    },
  };
}
