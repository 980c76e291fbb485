import { StaleWriteError } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import { type KubeObject, keyOf, type Observed, splitKey } from "./objects.ts";
import { profiles } from "./resources.ts";
import { applyFields, type Application, refetch } from "./server-side-apply.ts";
import type { KubeTransport } from "./transport.ts";
import type { WatchedProfile } from "./watched-objects.ts";

/**
 * Which version of each profile was last told of. Writes to a profile name that version, so that none
 * lands on a profile that has changed unseen: the server answers 409. Of what is seen to change in the
 * middle of a pass `ProfileSource.versionOf` tells.
 */
export interface ObservedProfiles {
  /** What the next write builds on. */
  note(profile: WatchedProfile): void;
  /** @throws StaleWriteError when the profile was never looked at */
  expect(key: string): Observed;
  forget(key: string): void;
  /**
   * Writes to the version that was looked at; the next write builds on what this one made of it.
   * @throws StaleWriteError, NotPermittedError, KubeError
   */
  apply(
    key: string,
    application: Pick<Application, "subresource" | "metadata" | "fields" | "force">,
  ): Promise<void>;
}

export function createObservedProfiles(
  transport: KubeTransport,
  cache: Cache<WatchedProfile>,
): ObservedProfiles {
  const versions = new Map<string, Observed>();

  function note({ metadata }: KubeObject): void {
    const { uid, resourceVersion } = metadata;
    versions.set(keyOf(metadata), { uid, resourceVersion });
  }

  function expect(key: string): Observed {
    const known = versions.get(key);
    if (known === undefined) throw new StaleWriteError(`${key} is not known`);
    return known;
  }

  return {
    note,
    expect,
    forget: (key) => void versions.delete(key),
    async apply(key, application) {
      const { namespace, name } = splitKey(key);
      const observed = expect(key);
      try {
        const written = await applyFields(transport, {
          ...application,
          resource: profiles,
          namespace,
          name,
          observed,
        });
        cache.absorb(written);
        note(written);
      } catch (error) {
        // Whoever looks again at once would see the same version until the watch has told of the new one.
        if (error instanceof StaleWriteError) {
          const found = await refetch(transport, profiles, namespace, name);
          if (found !== null) cache.absorb(found);
        }
        throw error;
      }
    },
  };
}
