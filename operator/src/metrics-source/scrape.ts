import type { MetricsSource } from "../control/ports.ts";
import {
  createPageSource,
  type PageSourceOptions,
  type Rejected,
  rejected,
} from "./page-source.ts";

export interface ScrapeOptions extends Omit<PageSourceOptions, "readPage"> {
  /** Address of the exposition, `http://host:port/metrics`. */
  readonly url: string;
  /** Default 5 s, for headers and body together. */
  readonly timeoutMs?: number;
  /** Default 8 MiB; a page of the service has some 200 KB. */
  readonly maximumBytes?: number;
}

/** A MetricsSource that reads one process's `/metrics` itself, over HTTP. */
export function createScrapeSource(options: ScrapeOptions): MetricsSource {
  return createPageSource({ ...options, readPage: () => fetchPage(options) });
}

async function fetchPage(options: ScrapeOptions): Promise<string | Rejected> {
  const { url, timeoutMs = 5000, maximumBytes = 8 * 1024 * 1024 } = options;
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

/** Null: larger than allowed; the rest is not read. */
async function readBody(response: Response, maximumBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maximumBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
