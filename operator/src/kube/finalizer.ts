import { profileFinalizer } from "@mestore/contract/performance-profile";
import type { Finalizer } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import type { ObservedProfiles } from "./observed-profiles.ts";
import type { TerminatingNamespaces } from "./terminating-namespaces.ts";
import type { WatchedProfile } from "./watched-objects.ts";

export interface KubeFinalizerOptions {
  readonly cache: Cache<WatchedProfile>;
  readonly observed: ObservedProfiles;
  /** What was let go with its namespace is not held again. */
  readonly terminating: Pick<TerminatingNamespaces, "isLetGo">;
}

/** Finalizer in `metadata.finalizers`, where only our own entry is ours. */
export function createKubeFinalizer(options: KubeFinalizerOptions): Finalizer {
  const { cache, observed, terminating } = options;
  const isHeld = (key: string) =>
    cache.get(key)?.metadata.finalizers?.includes(profileFinalizer) === true;
  const apply = (key: string, finalizers: readonly string[]) =>
    observed.apply(key, { metadata: { finalizers }, fields: {} });
  return {
    async hold(key) {
      const uid = cache.get(key)?.metadata.uid;
      if (uid !== undefined && terminating.isLetGo(uid)) return;
      if (!isHeld(key)) await apply(key, [profileFinalizer]);
    },
    async release(key) {
      if (isHeld(key)) await apply(key, []);
    },
  };
}
