import { type CacheClass, cacheClasses } from "@mestore/contract/cache-classes";
import type { Registry } from "@mestore/telemetry/registry";
import { type ClassFigures, createClassFigures } from "./class-figures.ts";
import { createFlight, type Flight } from "./flight.ts";
import type { L1Entry, L1Layer } from "./l1.ts";
import { type FreshnessRules, planFreshness } from "./policy.ts";
import type { Shadow } from "./shadow.ts";
import { createSharedLayer, type SharedLayer } from "./shared-layer.ts";
import type { CacheStore } from "./store.ts";

/** All that the cache keeps of one class. `Found` is what asking the shared layer comes to. */
export interface ClassState<Found> {
  readonly name: CacheClass;
  readonly layer: L1Layer;
  readonly shared: SharedLayer | null;
  readonly figures: ClassFigures;
  readonly loads: Flight<L1Entry>;
  /** Look-ups in the shared layer that are under way. */
  readonly asking: Map<string, Promise<Found>>;
  ttlSeconds: number;
  rules: FreshnessRules;
  /** Made at the first look-up: most processes use some of the classes only. */
  shadow: Shadow | null;
  readonly refreshFailures: { count: number; reportedAtMs: number };
}

export interface ClassStateParts {
  readonly store: CacheStore | null;
  readonly layer: L1Layer;
  readonly registry: Registry;
  readonly monotonic: () => number;
  readonly keyPrefix: string;
  readonly loadTimeoutMs: number;
  readonly failureBackOffMs: number;
}

export function createClassState<Found>(
  name: CacheClass,
  parts: ClassStateParts,
): ClassState<Found> {
  const { store, layer, registry, monotonic, keyPrefix, loadTimeoutMs, failureBackOffMs } = parts;
  const definition = cacheClasses[name];
  const ttlSeconds = definition.initialTtlSeconds;
  const figures = createClassFigures(registry, name);
  figures.ttlSeconds.set(ttlSeconds);
  return {
    name,
    layer,
    shared:
      store === null
        ? null
        : createSharedLayer(name, store, figures, { prefix: keyPrefix, monotonic }),
    figures,
    loads: createFlight({ timeoutMs: loadTimeoutMs, backOffMs: failureBackOffMs, monotonic }),
    asking: new Map(),
    ttlSeconds,
    rules: planFreshness(definition, ttlSeconds, store !== null),
    shadow: null,
    refreshFailures: { count: 0, reportedAtMs: -Infinity },
  };
}

/**
 * Notes what a refill says about how fast content changes that no invalidation touched: the hits
 * that the replaced entry served weigh its age, and count as exposed if the content is another.
 */
export function noteRefill(
  { figures, shadow }: ClassState<unknown>,
  replaced: L1Entry,
  entry: L1Entry,
): void {
  const { hits } = replaced;
  figures.refillAgeHitsSeconds.add((hits * (entry.madeAtMs - replaced.madeAtMs)) / 1000);
  if (!entry.negative && replaced.page.etag === entry.page.etag) return;
  figures.refillsChanged.add(1);
  figures.refillChangedHits.add(hits);
  shadow?.noteChange(entry.keyHash, entry.checkedAtMs / 1000);
}

/** Refreshes fail by the hundred when a database is down; they are reported once in this time. */
const reportEveryMs = 10_000;

/** Counts a failed refresh. How many there were since the last report; 0: it is too early for one. */
export function noteRefreshFailure(
  { refreshFailures }: ClassState<unknown>,
  nowMs: number,
): number {
  const failures = ++refreshFailures.count;
  if (nowMs - refreshFailures.reportedAtMs < reportEveryMs) return 0;
  refreshFailures.count = 0;
  refreshFailures.reportedAtMs = nowMs;
  return failures;
}
