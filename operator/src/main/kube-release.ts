import { profileFinalizer } from "@mestore/contract/performance-profile";
import type { Logger } from "@mestore/telemetry/logger";
import { restoreSeconds } from "../control/restore.ts";
import type { Caches } from "../kube/caches.ts";
import { keyOf, splitKey } from "../kube/objects.ts";
import type { KubeProfileSource } from "../kube/profile-source.ts";
import type { KubeTime } from "../kube/time.ts";
import type { KubeAdapters } from "./kube-adapters.ts";

export interface ReleaseOptions {
  readonly adapters: KubeAdapters;
  readonly caches: Pick<Caches, "profiles" | "isWhole">;
  readonly time: KubeTime;
  readonly logger: Logger;
}

/** For the first pass before the pods' time begins, and for letting go after it. */
const aroundSeconds = 15;
/** In all, however many pods do not take their values up. */
export const releaseSeconds = restoreSeconds + aroundSeconds;
const lookSeconds = 0.2;

/**
 * Before the operator is removed: every profile that it wrote for is treated as if it were being deleted.
 * What was adopted is put back, the pods are waited for, the finalizer goes; nothing else of the profile
 * does. What is not done in `releaseSeconds` is let go as it stands.
 * @returns keys of the profiles that could not be let go
 */
export async function releaseProfiles(
  { adapters, caches, time, logger }: ReleaseOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const startedAt = time.monotonicSeconds();
  const sinceSeconds = time.nowSeconds();
  const held = () =>
    [...caches.profiles.values()]
      .filter(({ metadata }) => metadata.finalizers?.includes(profileFinalizer) === true)
      .map(({ metadata }) => keyOf(metadata));
  logger.info({ profiles: held() }, "letting go");

  const winding = new AbortController();
  const stop = () => winding.abort(signal.reason);
  signal.addEventListener("abort", stop);
  const loop = adapters
    .createLoop(asDeleted(adapters.source, held, sinceSeconds))
    .run(winding.signal);
  // Where the loop sees no profiles there is no point in waiting for it.
  const isWorkedOn = (key: string) => caches.isWhole(splitKey(key).namespace);
  while (held().some(isWorkedOn) && !signal.aborted) {
    if (time.monotonicSeconds() - startedAt >= releaseSeconds) break;
    await time.sleep(lookSeconds, signal);
  }
  stop();
  await loop;
  signal.removeEventListener("abort", stop);

  for (const key of held()) {
    try {
      await adapters.source.list();
      await adapters.finalizer.release(key);
      logger.warn({ profile: key }, "let go as it stands");
    } catch (error) {
      logger.error({ err: error, profile: key }, "cannot be let go");
    }
  }
  return held();
}

/** Profiles that were written for, as if somebody were deleting them since `sinceSeconds`. */
function asDeleted(
  source: KubeProfileSource,
  held: () => readonly string[],
  sinceSeconds: number,
): KubeProfileSource {
  return {
    ...source,
    async list() {
      const keys = new Set(held());
      const states = await source.list();
      return states
        .filter(({ key }) => keys.has(key))
        .map((state) => ({ ...state, deleting: state.deleting ?? { sinceSeconds } }));
    },
  };
}
