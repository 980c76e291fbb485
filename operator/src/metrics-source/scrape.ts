import type { MetricsSource } from "../control/ports.ts";
import { createFleetSource, type FleetSourceOptions, type ProcessPage } from "./fleet-source.ts";
import { rejected } from "./page-figures.ts";
import { readBody } from "./read-body.ts";

/** Where one process of the target exports its figures. */
export interface PodPage {
  /** Name of the pod; null: a process that is no pod, which is the only one of its target. */
  readonly name: string | null;
  /** Address of the exposition, `http://host:port/metrics`; null: the pod has none, and counts as silent. */
  readonly url: string | null;
}

export interface ScrapeOptions extends Omit<FleetSourceOptions, "readPages"> {
  /** Of every pod that should report at this moment. */
  readonly pages: () => readonly PodPage[];
  /** Default 5 s, for headers and body of one page together. */
  readonly timeoutMs?: number;
  /** Default 8 MiB a page; one of the service has some 200 KB. */
  readonly maximumBytes?: number;
}

const withoutPort = rejected(
  "MetricsUnreachable",
  "the pod has no port of the name that metrics.scrape.port says",
);

/** Pages of one target that are on their way at a time. */
const pagesAtOnce = 16;

/** A MetricsSource that reads `/metrics` of all pods of a target itself, over HTTP. */
export function createScrapeSource(options: ScrapeOptions): MetricsSource {
  return createFleetSource({ ...options, readPages: () => readPages(options) });
}

async function readPages(options: ScrapeOptions): Promise<readonly ProcessPage[]> {
  const waiting = [...options.pages()];
  const pages: ProcessPage[] = [];
  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name, url } = next;
      const page = url === null ? withoutPort : await fetchPage(url, options);
      pages.push({ name: name ?? url ?? "the process", isPod: name !== null, page });
    }
  }
  await Promise.all(Array.from({ length: pagesAtOnce }, work));
  return pages;
}

async function fetchPage(url: string, options: ScrapeOptions): Promise<ProcessPage["page"]> {
  const { timeoutMs = 5000, maximumBytes = 8 * 1024 * 1024 } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      signal,
      redirect: "error",
      headers: { accept: "text/plain;version=0.0.4" },
    });
    if (!response.ok) {
      await response.body?.cancel();
      return rejected("MetricsUnreachable", `${url} answered ${response.status}`);
    }
    const body = await readBody(response, maximumBytes);
    return body ?? rejected("MetricsInvalid", `the page is larger than ${maximumBytes} bytes`);
  } catch (error) {
    if (signal.aborted)
      return rejected("MetricsTimeout", `${url} took longer than ${timeoutMs} ms`);
    return rejected("MetricsUnreachable", `${url}: ${(error as Error).message}`);
  }
}
