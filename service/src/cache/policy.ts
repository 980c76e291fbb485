import type { CacheClassDefinition } from "@mestore/contract/cache-classes";

/**
 * How long an entry serves. Nothing here is stored with the entry but its age and its jitter, so
 * that a TTL put in force a moment ago decides over entries made long before it.
 */

/** Largest part of the TTL that jitter takes off, so that entries filled together do not expire together. */
export const jitterShare = 0.1;

/** Steps that jitter is drawn in: it is kept as one byte. */
const jitterSteps = 256;

/** Draws a jitter, 0 to 255, once, when an entry is filled. `random` gives 0 up to, not including, 1. */
export function drawJitter(random: () => number): number {
  return Math.floor(random() * jitterSteps);
}

/**
 * What a drawn jitter multiplies a TTL by: more than 0.9, at most 1. It only shortens, since a hit
 * is an answer no older than the TTL in force.
 */
export function jitterFactor(jitter: number): number {
  return 1 - (jitterShare * jitter) / jitterSteps;
}

/** The lengths of one class under the TTL in force, in milliseconds of age. */
export interface FreshnessRules {
  readonly ttlMs: number;
  /** TTL of an answer that says "there is no such thing"; never above that of a page. */
  readonly negativeTtlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** How long a process serves its own copy unasked. Infinite where there is no shared layer to ask. */
  readonly l1CapMs: number;
}

export function planFreshness(
  definition: CacheClassDefinition,
  ttlSeconds: number,
  hasStore: boolean,
): FreshnessRules {
  return {
    ttlMs: ttlSeconds * 1000,
    negativeTtlMs: Math.min(definition.negativeTtlSeconds, ttlSeconds) * 1000,
    staleWhileRevalidateMs: definition.staleWhileRevalidateSeconds * 1000,
    staleIfErrorMs: definition.staleIfErrorSeconds * 1000,
    l1CapMs: hasStore ? definition.l1CapSeconds * 1000 : Infinity,
  };
}

/** What decides about one entry. */
export interface Freshness {
  readonly negative: boolean;
  readonly jitterFactor: number;
}

/** Up to this age the entry is a hit. */
export function freshForMs(rules: FreshnessRules, entry: Freshness): number {
  return (entry.negative ? rules.negativeTtlMs : rules.ttlMs) * entry.jitterFactor;
}

/** What serving an entry of this age counts as. */
export function decideOutcome(
  rules: FreshnessRules,
  entry: Freshness,
  ageMs: number,
): "hit" | "stale" | "negative" {
  if (entry.negative) return "negative";
  return ageMs <= freshForMs(rules, entry) ? "hit" : "stale";
}

/** Up to this age the entry may be served while it is refreshed. A negative has no stale life. */
export function refreshableForMs(rules: FreshnessRules, entry: Freshness): number {
  return freshForMs(rules, entry) + (entry.negative ? 0 : rules.staleWhileRevalidateMs);
}

/** Up to this age the entry may stand in for a load that failed. */
export function standsInForMs(rules: FreshnessRules, entry: Freshness): number {
  return freshForMs(rules, entry) + (entry.negative ? 0 : rules.staleIfErrorMs);
}

/**
 * Expiry in the shared layer, in whole seconds: twice the TTL at the time of writing, so that a
 * lengthened TTL finds entries to serve, but no more, so that a shortened one frees memory; and the
 * longer of the stale windows, which both begin at the TTL.
 */
export function decideStoreExpirySeconds(
  definition: CacheClassDefinition,
  ttlSeconds: number,
  negative: boolean,
): number {
  if (negative) return Math.max(1, Math.ceil(Math.min(definition.negativeTtlSeconds, ttlSeconds)));
  const stale = Math.max(definition.staleWhileRevalidateSeconds, definition.staleIfErrorSeconds);
  return Math.max(1, Math.ceil(Math.min(definition.maxTtlSeconds, 2 * ttlSeconds) + stale));
}
