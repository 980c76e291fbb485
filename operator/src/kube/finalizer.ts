import { profileFinalizer } from "@mestore/contract/performance-profile";
import type { Finalizer } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import type { ObservedProfiles } from "./observed-profiles.ts";
import type { WatchedProfile } from "./watched-objects.ts";

export interface KubeFinalizerOptions {
  readonly cache: Cache<WatchedProfile>;
  readonly observed: ObservedProfiles;
}

/** Finalizer in `metadata.finalizers`, where only our own entry is ours. */
export function createKubeFinalizer({ cache, observed }: KubeFinalizerOptions): Finalizer {
  const isHeld = (key: string) =>
    cache.get(key)?.metadata.finalizers?.includes(profileFinalizer) === true;
  const apply = (key: string, finalizers: readonly string[]) =>
    observed.apply(key, { metadata: { finalizers }, fields: {} });
  return {
    async hold(key) {
      if (!isHeld(key)) await apply(key, [profileFinalizer]);
    },
    async release(key) {
      if (isHeld(key)) await apply(key, []);
    },
  };
}
