import { createTiming } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { KubernetesConfig } from "../config.ts";
import { realClock } from "../control/clock.ts";
import { createLoop, type Loop } from "../control/loop.ts";
import { createLoopMetrics } from "../control/loop-metrics.ts";
import { parseLoopMemory } from "../control/memory.ts";
import type { Finalizer } from "../control/ports.ts";
import { createReconciler } from "../control/reconcile.ts";
import type { Caches } from "../kube/caches.ts";
import { createKubeEvents, type KubeEvents } from "../kube/events.ts";
import { createKubeFinalizer } from "../kube/finalizer.ts";
import { createObservedProfiles } from "../kube/observed-profiles.ts";
import { createPodAnnotation } from "../kube/pod-annotation.ts";
import { createKubeProfileSource, type KubeProfileSource } from "../kube/profile-source.ts";
import { createCredentialSecrets } from "../kube/secrets.ts";
import { createKubeStatusStore } from "../kube/status-store.ts";
import { createKubeTargets } from "../kube/targets.ts";
import {
  createTerminatingNamespaces,
  type TerminatingNamespaces,
} from "../kube/terminating-namespaces.ts";
import type { KubeTime } from "../kube/time.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { createTuningConfigMap } from "../kube/tuning-config-map.ts";
import { parseStatus } from "../profile/status.ts";
import { createKubeMetrics } from "./kube-metrics.ts";

export interface KubeAdapters {
  readonly source: KubeProfileSource;
  readonly finalizer: Finalizer;
  readonly events: KubeEvents;
  readonly terminating: TerminatingNamespaces;
  /** Another loop on the same adapters: its sessions begin with what is stored. */
  createLoop(source: KubeProfileSource): Loop;
}

export interface KubeAdaptersOptions {
  readonly config: Pick<KubernetesConfig, "timeScale" | "prometheusAllow">;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly identity: string;
  readonly time: KubeTime;
  readonly caches: Caches;
  /** Refuses writes while the lease is not held. */
  readonly transport: KubeTransport;
  /** Fields of the status that the installed CRD does not know. */
  readonly unknownFields: () => readonly string[];
  /** The process winds up. */
  readonly signal: AbortSignal;
}

/** The ports of the loop on a cluster. They outlive a term of leadership, and the history of metrics with them. */
export function createKubeAdapters(options: KubeAdaptersOptions): KubeAdapters {
  const { config, registry, logger, identity, time, caches, transport, signal } = options;
  const { timeScale, prometheusAllow } = config;
  const timing = createTiming(timeScale);
  const clock = realClock;
  const observed = createObservedProfiles(transport, caches.profiles);
  const targets = createKubeTargets({
    transport,
    caches,
    time,
    createMetrics: createKubeMetrics({
      secrets: createCredentialSecrets(transport, time),
      prometheusAllow,
      timing,
      now: clock.nowSeconds,
    }),
  });
  const annotate = createPodAnnotation({
    transport,
    profiles: caches.profiles,
    podsOf: targets.podsOf,
    time,
    logger,
    signal,
  });
  const delivery = createTuningConfigMap({
    transport,
    cache: caches.configMaps,
    profiles: caches.profiles,
    observed,
    time,
    logger,
    onWritten: annotate,
  });
  const store = createKubeStatusStore({
    transport,
    cache: caches.profiles,
    observed,
    parseStatus,
    parseMemory: parseLoopMemory,
    unknownFields: options.unknownFields,
    onUnreadable: (place, detail) =>
      logger.warn({ place, detail }, "cannot be read; this part is started afresh"),
  });
  const terminating = createTerminatingNamespaces({ transport, caches, time, logger, signal });
  const finalizer = createKubeFinalizer({ cache: caches.profiles, observed, terminating });
  const events = createKubeEvents({ transport, cache: caches.profiles, identity, time, logger });
  const listener = createLoopMetrics(registry);
  return {
    source: createKubeProfileSource({
      cache: caches.profiles,
      observed,
      isWhole: caches.isWhole,
      alsoChanged: [targets.onChange, delivery.onChange],
    }),
    finalizer,
    events,
    terminating,
    createLoop(source) {
      const reconciler = createReconciler({
        ...listener,
        targets,
        delivery,
        store,
        finalizer,
        events,
        clock,
        logger,
        timing,
        timeScale,
      });
      return createLoop({
        profiles: source,
        reconciler,
        targets,
        clock,
        timing,
        registry,
        logger,
      });
    },
  };
}
