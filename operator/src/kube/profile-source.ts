import type { FieldFault } from "@mestore/contract/fault";
import { parseProfile, type PerformanceProfile } from "@mestore/contract/performance-profile";
import type { ProfileSource, ProfileState } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import { keyOf, splitKey } from "./objects.ts";
import type { ObservedProfiles } from "./observed-profiles.ts";
import { profiles as resource } from "./resources.ts";
import type { WatchedProfile } from "./watched-objects.ts";

export interface KubeProfileSourceOptions {
  readonly cache: Cache<WatchedProfile>;
  readonly observed: ObservedProfiles;
  /** Whether all that a decision needs of this namespace is known. Default: of each one it is. */
  readonly isWhole?: (namespace: string) => boolean;
  /** What else wakes a profile: its target, its document. */
  readonly alsoChanged?: readonly ((listener: (key: string) => void) => void)[];
}

interface Read {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly state: ProfileState;
}

/**
 * ProfileSource that tells the listener given last: whoever leads again replaces whom it had before.
 */
export type KubeProfileSource = Required<ProfileSource>;

/**
 * ProfileSource on the watched PerformanceProfiles, the oldest first, so that of two with one target the
 * older one has it. The server's CRD refuses most of what is wrong; what an older CRD let in is read
 * with today's defaults, or refused here while the last good text of the same object stays in force. Profiles
 * of a namespace that is not whole are not told of.
 */
export function createKubeProfileSource(options: KubeProfileSourceOptions): KubeProfileSource {
  const { cache, observed, isWhole = () => true } = options;
  let known = new Map<string, Read>();
  let listener = (_key: string): void => {};
  cache.onChange(({ key, before, after }) => {
    if (before === null || after === null || gist(before) !== gist(after)) listener(key);
  });
  for (const listen of options.alsoChanged ?? []) listen((key) => listener(key));

  function read(object: WatchedProfile): Read {
    const { uid, resourceVersion } = object.metadata;
    const key = keyOf(object.metadata);
    const before = known.get(key);
    if (before?.uid === uid && before.resourceVersion === resourceVersion) return before;
    const lastGood = before?.uid === uid ? before.state.profile : null;
    return { uid, resourceVersion, state: parseState(key, object, lastGood) };
  }

  return {
    async list() {
      const objects = [...cache.values()].sort(byAge);
      const next = new Map<string, Read>();
      for (const object of objects) {
        const one = read(object);
        next.set(one.state.key, one);
        observed.note(object);
      }
      for (const key of known.keys()) if (!next.has(key)) observed.forget(key);
      known = next;
      return [...next.values()]
        .map(({ state }) => state)
        .filter(({ key }) => isWhole(splitKey(key).namespace));
    },
    versionOf(key) {
      const object = cache.get(key);
      return object === null ? null : gist(object);
    },
    onChange(next) {
      listener = next;
    },
  };
}

function parseState(
  key: string,
  object: WatchedProfile,
  lastGood: PerformanceProfile | null,
): ProfileState {
  const { uid, generation, deletionTimestamp } = object.metadata;
  const identity = {
    key,
    uid,
    version: gist(object),
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && {
      deleting: { sinceSeconds: Date.parse(deletionTimestamp) / 1000 },
    }),
  };
  const parsed = parseProfile({
    ...object,
    // The objects of a list carry neither.
    apiVersion: object.apiVersion ?? resource.apiVersion,
    kind: object.kind ?? resource.kind,
  });
  if (parsed.ok) return { ...identity, profile: parsed.value, faults: [] };
  const faults: readonly FieldFault[] = parsed.faults;
  return { ...identity, profile: lastGood, faults };
}

/** Oldest first; those of the same second by name. */
function byAge({ metadata: a }: WatchedProfile, { metadata: b }: WatchedProfile): number {
  const [bornA = "", bornB = ""] = [a.creationTimestamp, b.creationTimestamp];
  if (bornA !== bornB) return bornA < bornB ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}

/** What an author changes; a status written is no reason to look again. */
function gist({ metadata }: WatchedProfile): string {
  const { uid, generation, deletionTimestamp, annotations } = metadata;
  return JSON.stringify([uid, generation, deletionTimestamp, annotations]);
}
