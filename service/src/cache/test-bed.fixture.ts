import type { CacheClass, CacheOutcome } from "@mestore/contract/cache-classes";
import { type MetricDefinition, serviceMetrics } from "@mestore/contract/metrics";
import { seriesKey } from "@mestore/contract/samples";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import type { LoadedPage, PageCache } from "./cache.ts";
import { createPage } from "./etag.ts";
import { createPageCache, type PageCacheOptions } from "./page-cache.ts";
import type { CacheStore } from "./store.ts";

/** For tests: a clock that moves when it is told to, and a cache on it. */
export interface TestClock {
  /** ms since the test began. */
  ms: number;
  passSeconds(seconds: number): void;
  readonly now: () => number;
  readonly monotonic: () => number;
}

export function createTestClock(): TestClock {
  const clock: TestClock = {
    ms: 0,
    passSeconds(seconds) {
      clock.ms += seconds * 1000;
    },
    now: () => Date.UTC(2026, 0, 1) + clock.ms,
    monotonic: () => 10_000 + clock.ms,
  };
  return clock;
}

export interface TestBed {
  readonly cache: PageCache;
  readonly registry: Registry;
  /** Lines that were logged. */
  readonly logged: string[];
  lookups(cacheClass: CacheClass, outcome: CacheOutcome): number;
  /** Latest value; NaN where there is no such series. */
  read(definition: MetricDefinition, labels: Readonly<Record<string, string>>): number;
}

/** A cache without jitter, unless the options say otherwise. */
export function createTestBed(
  clock: Pick<TestClock, "monotonic">,
  store: CacheStore | null = null,
  options: Partial<PageCacheOptions> = {},
): TestBed {
  const registry = createRegistry();
  const logged: string[] = [];
  const logger = createLogger({ name: "test", level: "info", write: (line) => logged.push(line) });
  const read: TestBed["read"] = (definition, labels) =>
    registry.collect().get(definition.name)?.get(seriesKey(labels))?.value ?? Number.NaN;
  return {
    cache: createPageCache({
      store,
      registry,
      logger,
      monotonic: clock.monotonic,
      l1Bytes: 16 * 1024 * 1024,
      random: () => 0,
      ...options,
    }),
    registry,
    logged,
    lookups: (cacheClass, outcome) =>
      read(serviceMetrics.cacheLookups, { class: cacheClass, outcome }),
    read,
  };
}

/** A page that shows `text`. */
export function pageOf(text: string, negative = false): LoadedPage {
  const page = createPage({
    status: negative ? 404 : 200,
    json: { text },
    language: "es",
    tags: [`text:${text}`],
  });
  return { page, negative };
}

/** Loads "1", then "2", and so on, and counts. */
export function createCountingLoad(): { (): Promise<LoadedPage>; count: number } {
  const load = async (): Promise<LoadedPage> => pageOf(String(++load.count));
  load.count = 0;
  return load;
}

export function textOf(answer: { readonly page: LoadedPage["page"] }): string {
  return (JSON.parse(new TextDecoder().decode(answer.page.body)) as { text: string }).text;
}
