import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { formatFaults } from "@mestore/contract/fault";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import { createTiming } from "@mestore/laws/timing";
import { realClock } from "@mestore/operator/control/clock";
import { type Explanation, explainProfile } from "@mestore/operator/control/explain";
import { parseProfileText, type ProfileDocument } from "@mestore/operator/file/profile-text";
import { createScrapeSource } from "@mestore/operator/metrics-source/scrape";
import { loadState } from "../up/state.ts";

/** What is asked: a profile file, and the service that it is held against. */
export interface ExplainRequest {
  readonly file: string;
  /** The service's `/metrics`; null: that of what `./mestore up` runs. */
  readonly metricsUrl: string | null;
  /** How long to watch; null: 60 s. */
  readonly seconds: number | null;
  readonly statePath: string;
}

export interface ExplainedProfile {
  readonly key: string;
  readonly explanation: Explanation;
}

export type Explained =
  | { readonly ok: true; readonly profiles: readonly ExplainedProfile[] }
  /** Nothing was observed; each line names the field or the file that is wrong. */
  | { readonly ok: false; readonly faults: readonly string[] };

/** Called while the service is watched, with the share of the time that has passed. */
export type OnProgress = (share: number, seconds: number, url: string) => void;

/**
 * Without history a source sees no more than this, and the curve of a class takes a window of its TTL.
 * The demonstration comes to rest near 50 s.
 */
const defaultSeconds = 60;

/** A person is waiting: however short the time, so many scrapes fall into it. */
const leastScrapes = 4;

/** Reads the file, watches the service once, and decides on every profile of the file. Writes nothing. */
export async function explainFile(
  request: ExplainRequest,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<Explained> {
  const profiles = await loadProfiles(request.file);
  if (!profiles.ok) return profiles;
  const target = findTarget(request);
  if (target === null)
    return {
      ok: false,
      faults: ["no service runs here; start one by ./mestore up, or name one by --metrics URL"],
    };

  const { url, timeScale } = target;
  const seconds = request.seconds ?? defaultSeconds;
  const loopTiming = createTiming(timeScale);
  const scrapeSeconds = Math.min(loopTiming.scrapeSeconds, seconds / leastScrapes);
  const timing = { ...loopTiming, scrapeSeconds };
  // One source for all: it scrapes once for those who look at the same moment.
  const source = createScrapeSource({
    pages: () => [{ name: null, url }],
    scrapeSeconds,
    longestWindowSeconds: timing.longestWindowSeconds,
    now: realClock.nowSeconds,
  });
  onProgress(0, seconds, url);
  const explained = profiles.profiles.map(async ({ key, profile }, index) => ({
    key,
    explanation: await explainProfile({
      key,
      profile,
      source,
      clock: realClock,
      seconds,
      timing,
      timeScale,
      signal,
      ...(index === 0 && { onProgress: (share) => onProgress(share, seconds, url) }),
    }),
  }));
  return { ok: true, profiles: await Promise.all(explained) };
}

type LoadedProfiles =
  | {
      readonly ok: true;
      readonly profiles: readonly { readonly key: string; readonly profile: PerformanceProfile }[];
    }
  | { readonly ok: false; readonly faults: readonly string[] };

async function loadProfiles(file: string): Promise<LoadedProfiles> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    return { ok: false, faults: [(error as Error).message] };
  }
  return parseProfiles(file, text);
}

/** The profiles of a file's text, or everything that is wrong with it. */
export function parseProfiles(file: string, text: string): LoadedProfiles {
  const documents = parseProfileText(basename(file), text);
  const faults = documents.flatMap((document) => faultsOf(file, document));
  if (documents.length === 0) faults.push(`${file} holds no PerformanceProfile`);
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    profiles: documents.flatMap(({ key, profile }) => (profile === null ? [] : [{ key, profile }])),
  };
}

function faultsOf(file: string, { key, faults }: ProfileDocument): string[] {
  return faults.map((fault) => `${file}, ${key}: ${formatFaults([fault])}`);
}

function findTarget({ metricsUrl, statePath }: ExplainRequest) {
  if (metricsUrl !== null) return { url: metricsUrl, timeScale: 1 };
  const state = loadState(statePath);
  if (state.metricsUrl === undefined) return null;
  return { url: state.metricsUrl, timeScale: state.settings?.timeScale ?? 1 };
}
