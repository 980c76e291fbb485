import type { MetricsSource, PodRevision, Reading, RejectedReading } from "../control/ports.ts";
import { createFleetCounters, type ProcessFigures } from "./fleet-fold.ts";
import { createSampleHistory } from "./history.ts";
import { readPageFigures, rejected } from "./page-figures.ts";

/** The page of one process of the fleet, or why there is none. */
export interface ProcessPage {
  /** Tells the processes of one fleet apart; the pod's name where it is a pod. */
  readonly name: string;
  /** Whether it is a pod: only then its revision is told by name. */
  readonly isPod: boolean;
  readonly page: string | RejectedReading;
}

export interface FleetSourceOptions {
  /** The pages of every process that should report. Never throws. */
  readonly readPages: () => Promise<readonly ProcessPage[]>;
  /** A reading younger than half of this answers without other pages. */
  readonly scrapeSeconds: number;
  /** How far back windows reach. */
  readonly longestWindowSeconds: number;
  /** Wall-clock seconds. */
  readonly now: () => number;
}

/** With a smaller share of the processes reporting, what they say is not the fleet's. */
export const leastReportingShare = 0.8;

/** Every reading of the last this many is kept, older ones are thinned: ten minutes, a period of the laws. */
const fineReadings = 40;

/**
 * A MetricsSource on the expositions of all processes of a target, with one history of them together
 * as long as windows need. Windows are as old as this object: after a start they grow from nothing.
 */
export function createFleetSource(options: FleetSourceOptions): MetricsSource {
  const { scrapeSeconds, now } = options;
  const history = createSampleHistory({
    fineSeconds: fineReadings * scrapeSeconds,
    longestSeconds: options.longestWindowSeconds,
    toleranceSeconds: scrapeSeconds / 2,
  });
  const counters = createFleetCounters();
  let pods: readonly PodRevision[] = [];
  let latest: { readonly atSeconds: number; readonly outcome: RejectedReading | null } | null =
    null;
  let running: Promise<RejectedReading | null> | null = null;

  async function readOnce(): Promise<RejectedReading | null> {
    const pages = await options.readPages();
    const atSeconds = now();
    const figures = pages.map(({ name, isPod, page }) => {
      const read =
        typeof page === "string" ? readPageFigures(page, atSeconds, scrapeSeconds) : page;
      return { name, isPod, read };
    });
    const reporting = figures.flatMap(
      ({ name, isPod, read }): (ProcessFigures & { isPod: boolean })[] =>
        "reason" in read ? [] : [{ ...read, name, isPod }],
    );
    if (reporting.length < leastReportingShare * pages.length || pages.length === 0)
      return explainSilence(
        figures.map(({ name, read }) => ({ name, read })),
        reporting.length,
      );
    const present = pages.map(({ name }) => name);
    history.record(atSeconds, counters.fold(atSeconds, reporting, present));
    pods = reporting.flatMap(({ isPod, name, revision }) =>
      isPod && revision !== undefined ? [{ name, revision }] : [],
    );
    return null;
  }

  async function refresh(): Promise<RejectedReading | null> {
    if (latest !== null && now() - latest.atSeconds < scrapeSeconds / 2) return latest.outcome;
    running ??= readOnce().finally(() => {
      running = null;
    });
    const outcome = await running;
    latest = { atSeconds: now(), outcome };
    return outcome;
  }

  return {
    async window(seconds): Promise<Reading> {
      const outcome = await refresh();
      if (outcome !== null) return outcome;
      const window = history.window(seconds);
      return window === null
        ? rejected("MetricsEmpty", "nothing was read yet")
        : { ok: true, window, pods };
    },
  };
}

/** The reason that all have in common; where some report or reasons differ, that they are too few. */
function explainSilence(
  figures: readonly { readonly name: string; readonly read: object | RejectedReading }[],
  reporting: number,
): RejectedReading {
  const silent = figures.flatMap(({ name, read }) => ("reason" in read ? [{ name, ...read }] : []));
  const [first] = silent;
  if (first === undefined) return rejected("TooFewPodsReporting", "no pod is ready to be read");
  if (reporting === 0 && silent.every(({ reason }) => reason === first.reason))
    return rejected(first.reason, first.detail);
  const examples = silent
    .slice(0, 3)
    .map(({ name, reason, detail }) => `${name}: ${reason}, ${detail}`)
    .join("; ");
  return rejected(
    "TooFewPodsReporting",
    `${reporting} of ${figures.length} pods report, at least ${leastReportingShare * 100} % must; ${examples}`,
  );
}
