import { profileLabel } from "@mestore/contract/performance-profile";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { ObjectChange } from "./object-store.ts";
import { type KubeObject, splitKey } from "./objects.ts";
import { createReflector, type Reflector, type ReflectorTiming } from "./reflector.ts";
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
  /** Whether every first list has arrived. */
  hasSynced(): boolean;
  /** Resolves when they have. */
  readonly whenSynced: Promise<unknown>;
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

/** One watch for each resource and namespace: every pass reads these, so a quiet cluster costs no request. */
export function createCaches(options: CachesOptions): Caches {
  const { namespaces, ...shared } = options;
  const all: Pick<Reflector<never>, "hasSynced" | "whenSynced" | "run">[] = [];

  function cacheOf<T extends KubeObject>(
    resource: Resource,
    project: (object: KubeObject) => T,
    labelSelector?: string,
  ): Cache<T> {
    const reflectors = new Map<string | null, Reflector<T>>(
      (namespaces ?? [null]).map((namespace) => [
        namespace,
        createReflector<T>({
          ...shared,
          resource,
          namespace,
          project,
          ...(labelSelector === undefined ? {} : { labelSelector }),
        }),
      ]),
    );
    all.push(...reflectors.values());
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
  return {
    ...caches,
    hasSynced: () => all.every((reflector) => reflector.hasSynced()),
    whenSynced: Promise.all(all.map(({ whenSynced }) => whenSynced)),
    async run(signal) {
      await Promise.all(all.map((reflector) => reflector.run(signal)));
    },
  };
}
