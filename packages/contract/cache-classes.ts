/**
 * The cache classes of the service: what each holds, the TTL it starts with and the range within
 * which the service obeys a tuning document. This range is the service's own; a PerformanceProfile
 * may only narrow it. Every length is in seconds.
 */
export const cacheClassNames = [
  "auth",
  "product",
  "catalog",
  "search",
  "embedding",
  "suggestion",
  "response",
] as const;

export type CacheClass = (typeof cacheClassNames)[number];

export interface CacheClassDefinition {
  /** A `page` is a whole answer, keyed by canonical URL; a `value` is anything else. */
  readonly holds: "page" | "value";
  /** TTL in force until a tuning document says otherwise. */
  readonly initialTtlSeconds: number;
  /** Values of a tuning document below this are raised to it. */
  readonly minTtlSeconds: number;
  /** Values of a tuning document above this are lowered to it. */
  readonly maxTtlSeconds: number;
  /** How long a process may serve its own copy without asking the shared layer. */
  readonly l1CapSeconds: number;
  /** How long past its TTL an entry may be served while one caller refreshes it. */
  readonly staleWhileRevalidateSeconds: number;
  /** How long past its TTL an entry may be served when the load fails. */
  readonly staleIfErrorSeconds: number;
  /** How long an answer that says "there is no such thing" is kept. */
  readonly negativeTtlSeconds: number;
}

const hour = 3600;
const day = 24 * hour;

const page = {
  holds: "page",
  minTtlSeconds: 1,
  maxTtlSeconds: day,
  l1CapSeconds: 10,
  staleWhileRevalidateSeconds: 60,
  staleIfErrorSeconds: 300,
  negativeTtlSeconds: 10,
} as const;

export const cacheClasses: Readonly<Record<CacheClass, CacheClassDefinition>> = {
  /**
   * Verified token to permissions. Its maximum is its start: a longer TTL would delay revocation,
   * so it is never tuned upward, and it has no stale modes.
   */
  auth: {
    holds: "value",
    initialTtlSeconds: 60,
    minTtlSeconds: 1,
    maxTtlSeconds: 60,
    l1CapSeconds: 1,
    staleWhileRevalidateSeconds: 0,
    staleIfErrorSeconds: 0,
    negativeTtlSeconds: 1,
  },
  product: { ...page, initialTtlSeconds: hour },
  catalog: { ...page, initialTtlSeconds: 600 },
  search: { ...page, initialTtlSeconds: 300 },
  embedding: { ...page, holds: "value", initialTtlSeconds: hour },
  suggestion: { ...page, initialTtlSeconds: 1800 },
  response: { ...page, initialTtlSeconds: 300 },
};

/** The classes whose hits make up the SLA's cache hit rate: every class that holds pages. */
export const pageClassNames: readonly CacheClass[] = cacheClassNames.filter(
  (name) => cacheClasses[name].holds === "page",
);

/**
 * What one look-up came to. `hit`: served with an age of at most the TTL in force; `stale`: served
 * older than that; `coalesced`: waited for a load that another caller had begun; `negative`: served
 * a remembered "there is no such thing"; `miss`: loaded by this caller.
 */
export const cacheOutcomes = ["hit", "stale", "coalesced", "negative", "miss"] as const;

export type CacheOutcome = (typeof cacheOutcomes)[number];

/** The outcomes that the hit rate is a share of. Negative answers are counted apart. */
export const hitRateOutcomes = [
  "hit",
  "stale",
  "coalesced",
  "miss",
] as const satisfies readonly CacheOutcome[];
