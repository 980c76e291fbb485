import { profileLabel } from "@mestore/contract/performance-profile";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { ObjectChange } from "./object-store.ts";
import { type KubeObject, splitKey } from "./objects.ts";
import {
  createReflector,
  type Reflector,
  type ReflectorTiming,
  type Refusal,
} from "./reflector.ts";
import {
  configMaps,
  deployments,
  pods,
  profiles,
  type Resource,
  replicaSets,
} from "./resources.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";
import {
  projectConfigMap,
  projectDeployment,
  projectPod,
  projectProfile,
  projectReplicaSet,
  type WatchedConfigMap,
  type WatchedDeployment,
  type WatchedPod,
  type WatchedProfile,
  type WatchedReplicaSet,
} from "./watched-objects.ts";

/** One collection in the scope of this process, whether that is some namespaces or all. */
export interface Cache<T extends KubeObject> {
  /** `namespace/name` */
  get(key: string): T | null;
  inNamespace(namespace: string): Iterable<T>;
  values(): Iterable<T>;
  /** What a write has just come to, before the watch tells of it. */
  absorb(object: KubeObject): void;
  onChange(listener: (change: ObjectChange<T>) => void): void;
  hasSynced(): boolean;
}

export interface Caches {
  readonly profiles: Cache<WatchedProfile>;
  readonly deployments: Cache<WatchedDeployment>;
  readonly replicaSets: Cache<WatchedReplicaSet>;
  readonly pods: Cache<WatchedPod>;
  /** Those that carry the label of a profile. */
  readonly configMaps: Cache<WatchedConfigMap>;
  /**
   * Whether there is something to work on: the first lists have arrived, all of at least one namespace.
   * Another one of which the server refuses a list (403, 404) is waited for no longer.
   */
  hasSynced(): boolean;
  /** Resolves when there is. */
  readonly whenSynced: Promise<void>;
  /** Resolves when each first list has arrived or was refused. */
  readonly whenAnswered: Promise<void>;
  /** Whether each of its first lists has arrived: on less nothing may be decided. */
  isWhole(namespace: string): boolean;
  /** Where profiles were never seen, since the server refuses their list; namespace null: all. */
  unseen(): readonly { readonly namespace: string | null; readonly refusal: Refusal }[];
  /** Follows the server until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface CachesOptions {
  readonly transport: KubeTransport;
  /** Null: all. */
  readonly namespaces: readonly string[] | null;
  readonly time: KubeTime;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly timing?: ReflectorTiming;
}

/** What the lists of one namespace came to so far. */
interface Part extends Pick<Reflector<never>, "hasSynced" | "refusal" | "onAnswer" | "run"> {
  readonly resource: Resource;
}

/**
 * One watch for each resource and namespace: every pass reads these, so a quiet cluster costs no request.
 * A namespace that the server refuses, because it is gone or the role is, keeps nobody from working on the
 * others; its lists are tried again with back-off, and it joins when all of them have arrived. What was
 * seen of a namespace before it was refused stays.
 */
export function createCaches(options: CachesOptions): Caches {
  const { namespaces, ...shared } = options;
  const scopes = new Map<string | null, Part[]>(
    (namespaces ?? [null]).map((namespace) => [namespace, []]),
  );

  function cacheOf<T extends KubeObject>(
    resource: Resource,
    project: (object: KubeObject) => T,
    labelSelector?: string,
  ): Cache<T> {
    const reflectors = new Map<string | null, Reflector<T>>(
      [...scopes].map(([namespace, parts]) => {
        const reflector = createReflector<T>({
          ...shared,
          resource,
          namespace,
          project,
          ...(labelSelector === undefined ? {} : { labelSelector }),
        });
        const { hasSynced, refusal, onAnswer, run } = reflector;
        parts.push({ resource, hasSynced, refusal, onAnswer, run });
        return [namespace, reflector];
      }),
    );
    const of = (namespace: string) => reflectors.get(namespace) ?? reflectors.get(null);
    return {
      get: (key) => of(splitKey(key).namespace)?.get(key) ?? null,
      inNamespace: (namespace) => of(namespace)?.inNamespace(namespace) ?? [],
      *values() {
        for (const reflector of reflectors.values()) yield* reflector.values();
      },
      absorb: (object) => of(object.metadata.namespace ?? "")?.absorb(object),
      onChange(listener) {
        for (const reflector of reflectors.values()) reflector.onChange(listener);
      },
      hasSynced: () => [...reflectors.values()].every((reflector) => reflector.hasSynced()),
    };
  }

  const caches = {
    profiles: cacheOf(profiles, projectProfile),
    deployments: cacheOf(deployments, projectDeployment),
    replicaSets: cacheOf(replicaSets, projectReplicaSet),
    pods: cacheOf(pods, projectPod),
    configMaps: cacheOf(configMaps, projectConfigMap, profileLabel),
  };
  const standing = followScopes(scopes, shared.logger);
  return {
    ...caches,
    ...standing,
    unseen: () =>
      [...scopes].flatMap(([namespace, parts]) => {
        const part = parts.find(({ resource }) => resource === profiles);
        const refusal = part?.hasSynced() === false ? part.refusal() : null;
        return refusal === null ? [] : [{ namespace, refusal }];
      }),
    async run(signal) {
      await Promise.all([...scopes.values()].flat().map((part) => part.run(signal)));
    },
  };
}

const isWhole = (parts: readonly Part[]) => parts.every((part) => part.hasSynced());

/** Where each namespace stands; logs which one is left out, and which one joins later. */
function followScopes(
  scopes: ReadonlyMap<string | null, readonly Part[]>,
  logger: Logger,
): Pick<Caches, "hasSynced" | "whenSynced" | "whenAnswered" | "isWhole"> {
  const synced = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const isAnswered = () =>
    [...scopes.values()].flat().every((part) => part.hasSynced() || part.refusal() !== null);
  const hasSynced = () => isAnswered() && [...scopes.values()].some(isWhole);

  for (const [namespace, parts] of scopes) {
    let isLeftOut = false;
    const review = () => {
      const refused = parts.filter((part) => !part.hasSynced() && part.refusal() !== null);
      if (refused.length > 0 && !isLeftOut) {
        isLeftOut = true;
        logger.warn({ namespace }, "left out until all that is needed of it can be listed");
      } else if (isLeftOut && isWhole(parts)) {
        isLeftOut = false;
        logger.info({ namespace }, "no longer left out");
      }
      if (isAnswered()) answered.resolve();
      if (hasSynced()) synced.resolve();
    };
    for (const part of parts) part.onAnswer(review);
  }
  return {
    hasSynced,
    whenSynced: synced.promise,
    whenAnswered: answered.promise,
    isWhole: (namespace) => isWhole(scopes.get(namespace) ?? scopes.get(null) ?? []),
  };
}
