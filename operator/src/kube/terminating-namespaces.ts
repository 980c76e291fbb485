import { profileFinalizer } from "@mestore/contract/performance-profile";
import type { Logger } from "@mestore/telemetry/logger";
import { StaleWriteError } from "../control/ports.ts";
import type { Caches } from "./caches.ts";
import { KubeError } from "./failure.ts";
import { keyOf } from "./objects.ts";
import { configMaps, profiles } from "./resources.ts";
import { applyFields, refetch } from "./server-side-apply.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";
import type { WatchedProfile } from "./watched-objects.ts";

/**
 * Profiles of a namespace that is being deleted are let go at once: there is nothing left to put anything
 * back for, and the operator's Role may go with the namespace before the profile does, after which
 * nobody could take the finalizer away. Kubernetes deletes the pods first (KEP-5080, since 1.33), so that
 * all pods of a namespace going is the sign to ask; whether the namespace goes too the API server says
 * without a right to read namespaces: it refuses to create anything there.
 */
export interface TerminatingNamespaces {
  /** Whether the profile with this uid was let go and must not be held again. */
  isLetGo(uid: string): boolean;
  /** Looks at every namespace with a held profile, as whoever begins to lead must. */
  look(): void;
}

export interface TerminatingNamespacesOptions {
  /** Refuses writes while the lease is not held, so that who stands by does not ask either. */
  readonly transport: KubeTransport;
  readonly caches: Pick<Caches, "profiles" | "pods">;
  readonly time: Pick<KubeTime, "sleep">;
  readonly logger: Logger;
  /** The process winds up. */
  readonly signal: AbortSignal;
}

/** `NamespaceTerminatingCause` of k8s.io/api/core/v1. */
const terminatingCause = "NamespaceTerminating";

/** The loop writes to the same profile: whoever comes second reads again. */
const mostAttempts = 5;
/** After a request that failed: nothing else need happen in the namespace that would wake anybody. */
const retrySeconds = 5;

const isHeld = ({ metadata }: WatchedProfile) =>
  metadata.finalizers?.includes(profileFinalizer) === true;

export function createTerminatingNamespaces(
  options: TerminatingNamespacesOptions,
): TerminatingNamespaces {
  const { transport, caches, time, logger, signal } = options;
  const letGo = new Set<string>();
  const asking = new Set<string>();

  const heldIn = (namespace: string) => [...caches.profiles.inNamespace(namespace)].filter(isHeld);

  /** A profile that is being deleted, or pods of which none is to stay. */
  function mayBeGoing(namespace: string): boolean {
    const held = heldIn(namespace);
    if (held.length === 0) return false;
    if (held.some(({ metadata }) => metadata.deletionTimestamp !== undefined)) return true;
    const pods = [...caches.pods.inNamespace(namespace)];
    return pods.every(({ metadata }) => metadata.deletionTimestamp !== undefined);
  }

  async function isGoing(namespace: string): Promise<boolean> {
    const result = await transport.request({
      method: "POST",
      path: configMaps.path(namespace),
      query: { dryRun: "All" },
      body: {
        apiVersion: configMaps.apiVersion,
        kind: configMaps.kind,
        metadata: { namespace, generateName: "mestore-probe-" },
      },
      signal,
    });
    if (result.ok) return false;
    if (result.causes?.some(({ reason }) => reason === terminatingCause)) return true;
    const isAnswered = result.status >= 400 && result.status < 500 && result.status !== 429;
    // Whoever begins to lead looks for itself.
    if (isAnswered || result.reason === "NotLeader") return false;
    throw new KubeError(`cannot tell whether ${namespace} is being deleted`, result);
  }

  async function release(key: string): Promise<void> {
    for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
      const profile = caches.profiles.get(key);
      if (profile === null || !isHeld(profile)) return;
      const { name, namespace = "", uid, resourceVersion } = profile.metadata;
      letGo.add(uid);
      try {
        const written = await applyFields(transport, {
          ...{ resource: profiles, namespace, name, observed: { uid, resourceVersion } },
          ...{ metadata: { finalizers: [] }, fields: {} },
        });
        caches.profiles.absorb(written);
        logger.info({ profile: key }, "let go, since its namespace is being deleted");
        return;
      } catch (error) {
        if (!(error instanceof StaleWriteError)) throw error;
        const found = await refetch(transport, profiles, namespace, name);
        if (found === null) return;
        caches.profiles.absorb(found);
      }
    }
  }

  async function check(namespace: string): Promise<void> {
    if (signal.aborted || asking.has(namespace) || !mayBeGoing(namespace)) return;
    asking.add(namespace);
    try {
      if (!(await isGoing(namespace))) return;
      const keys = heldIn(namespace).map(({ metadata }) => keyOf(metadata));
      await Promise.all(keys.map(release));
      return;
    } catch (error) {
      logger.warn({ err: error, namespace }, "profiles of a namespace that goes are not let go");
    } finally {
      asking.delete(namespace);
    }
    await time.sleep(retrySeconds, signal);
    await check(namespace);
  }

  caches.pods.onChange(({ before, after }) => {
    const { namespace = "", deletionTimestamp } = (after ?? before)?.metadata ?? {};
    if (after === null || deletionTimestamp !== undefined) void check(namespace);
  });
  caches.profiles.onChange(({ before, after }) => {
    if (after === null) {
      if (before !== null) letGo.delete(before.metadata.uid);
      return;
    }
    const { namespace = "", deletionTimestamp } = after.metadata;
    if (deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined)
      void check(namespace);
  });

  return {
    isLetGo: (uid) => letGo.has(uid),
    look() {
      const namespaces = [...caches.profiles.values()].map(({ metadata }) => metadata.namespace);
      for (const namespace of new Set(namespaces)) void check(namespace ?? "");
    },
  };
}
