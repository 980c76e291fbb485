import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { ProfileState } from "./ports.ts";

/**
 * Which profile has each target: the first in the order of the list. A profile keeps its claim while
 * its newest text is refused and its last good one is in force.
 * @returns by key, the key of the profile that has the target before it
 */
export function judgeClaims(
  states: readonly ProfileState[],
  targetOf: (profile: PerformanceProfile) => string,
): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const claimed = new Map<string, string>();
  for (const { key, profile } of states) {
    if (profile === null) continue;
    const target = targetOf(profile);
    const owner = owners.get(target);
    if (owner === undefined) owners.set(target, key);
    else claimed.set(key, owner);
  }
  return claimed;
}
