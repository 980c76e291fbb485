import { cacheClasses, type CacheClassDefinition } from "@mestore/contract/cache-classes";
import {
  effectiveMode,
  type Mode,
  type PerformanceProfile,
  type ProfileCacheClass,
} from "@mestore/contract/performance-profile";
import { objectives } from "@mestore/contract/sla";

/** What a profile asks of one cache class; the TTL law takes it as its settings. */
export interface TunedClass {
  readonly name: string;
  /** The stricter of the profile's mode, the cache's and the class's own; never `Disabled`. */
  readonly mode: Exclude<Mode, "Disabled">;
  /** TTL to begin with where no tuning document is in force. Null: the service's own. */
  readonly initialTtlSeconds: number | null;
  /** Fresh-hit rate to reach, 0 to 1. */
  readonly targetHitRate: number;
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /** Share of answers that may serve changed content, 0 to 1. */
  readonly maxStaleShare: number;
  readonly mayLengthen: boolean;
}

/** Hit rate of a class that has no objective of its own: the one of all pages. */
const standardHitRate = objectives.find(({ name }) => name === "cache-hit-rate")?.target ?? 0.85;

/** "99.9" is 0.999. */
export function shareOf(percent: string): number {
  return Number(percent) / 100;
}

/**
 * The classes that the profile lists and does not disable. Where the service's own safe range is
 * known, the profile narrows it and never widens it: the service would clamp what lies outside.
 */
export function planClasses(profile: PerformanceProfile): readonly TunedClass[] {
  const { mode, cache } = profile.spec;
  const ceiling = effectiveMode(mode, cache.mode);
  return cache.classes.flatMap((one): TunedClass[] => {
    const own = effectiveMode(ceiling, one.mode);
    return own === "Disabled" ? [] : [planClass(profile, one, own)];
  });
}

function planClass(
  profile: PerformanceProfile,
  one: ProfileCacheClass,
  mode: TunedClass["mode"],
): TunedClass {
  const safe = definitionOf(one.name);
  const maxTtlSeconds = Math.min(one.maxTTLSeconds, safe?.maxTtlSeconds ?? Infinity);
  const minTtlSeconds = Math.min(
    maxTtlSeconds,
    Math.max(one.minTTLSeconds, safe?.minTtlSeconds ?? 0),
  );
  const initial = one.initialTTLSeconds;
  return {
    name: one.name,
    mode,
    initialTtlSeconds:
      initial === undefined ? null : Math.min(maxTtlSeconds, Math.max(minTtlSeconds, initial)),
    targetHitRate: targetOf(profile, one.name),
    minTtlSeconds,
    maxTtlSeconds,
    maxStaleShare: shareOf(one.maxStalePercent),
    // A class that starts at its maximum is one whose TTL is a promise, such as a revocation delay.
    mayLengthen: safe === undefined || safe.initialTtlSeconds < safe.maxTtlSeconds,
  };
}

function targetOf(profile: PerformanceProfile, cacheClass: string): number {
  for (const objective of profile.spec.objectives ?? []) {
    if (objective.type === "HitRate" && objective.hitRate.class === cacheClass)
      return shareOf(objective.hitRate.targetPercent);
  }
  return standardHitRate;
}

function definitionOf(name: string): CacheClassDefinition | undefined {
  return Object.entries(cacheClasses).find(([known]) => known === name)?.[1];
}
