import { updatesSuffice } from "./observation.ts";
import type { Timing } from "./timing.ts";
import type { UpdateSample } from "./ttl-types.ts";

/** Safety factor of the staleness bound (docs/tuning.md, "TTL, per cache class"). */
export const stalenessMargin = 0.8;
/** Shorten above this many bounds, lengthen only while the bound is above this many TTLs. */
export const stalenessShortenAbove = 1.1;
export const stalenessLengthenBelow = 1.25;

/**
 * Changed refills from which an estimate may hold a raise back before its window is full. They are
 * weighted by hits, so that a few keys dominate: under Zipf 1 some 400 count as 40 to 80, a standard
 * error of 11 to 16 %, inside the 25 % that a raise keeps. A cut waits for the full window.
 */
export const earlyBoundRefills = 400;

export interface StalenessBound {
  /** Longest TTL at which the allowed share is kept; Infinity when nothing was seen to change. */
  readonly ttlSeconds: number;
  /** Changes a second of what shoppers look at. */
  readonly updateRate: number;
  /** Whether the window is full: 6 h, or 4,000 changed refills. */
  readonly full: boolean;
}

/**
 * T_stale = 0.8 x 2 x maxStale / mu, mu = sum(h x changed) / sum(h x age): content that changes at
 * rate mu is changed for half of mu x T of the hits served within T. Null: too little was seen.
 */
export function stalenessBound(
  updates: UpdateSample | null,
  maxStaleShare: number,
  timing: Timing,
): StalenessBound | null {
  if (updates === null) return null;
  const { changedHits, ageHitsSeconds, changedRefills, seconds } = updates;
  if (![changedHits, ageHitsSeconds, changedRefills, seconds].every(Number.isFinite)) return null;
  if (!(ageHitsSeconds > 0) || changedHits < 0) return null;
  const full = updatesSuffice(updates, timing);
  if (!full && changedRefills < earlyBoundRefills) return null;
  const updateRate = changedHits / ageHitsSeconds;
  const ttlSeconds =
    updateRate > 0 ? (stalenessMargin * 2 * maxStaleShare) / updateRate : Number.POSITIVE_INFINITY;
  return { ttlSeconds, updateRate, full };
}
