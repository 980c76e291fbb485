import { operatorMetrics } from "@mestore/contract/metrics";
import { profileSchema } from "@mestore/contract/performance-profile";
import { profileStatusSchema } from "@mestore/contract/profile-status";
import { createTiming } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { KubernetesConfig } from "../config.ts";
import { realClock } from "../control/clock.ts";
import { createCaches } from "../kube/caches.ts";
import {
  createInClusterCredentials,
  createKubeconfigCredentials,
  type Credentials,
} from "../kube/connection.ts";
import { readCrd, zodFieldPaths } from "../kube/crd-version.ts";
import { fenceWrites } from "../kube/fence.ts";
import { createLease } from "../kube/lease.ts";
import type { KubeProfileSource } from "../kube/profile-source.ts";
import type { KubeTime } from "../kube/time.ts";
import { createKubeTransport } from "../kube/transport.ts";
import { createKubeAdapters } from "./kube-adapters.ts";
import { releaseProfiles, releaseSeconds } from "./kube-release.ts";

/** What the process brings along. */
export interface Surroundings {
  readonly registry: Registry;
  readonly logger: Logger;
  /** Unlike that of every other process, also of an earlier one of the same pod. */
  readonly identity: string;
  readonly version: string;
  /** `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`; null outside a pod. */
  readonly inCluster: { readonly host: string; readonly port: string } | null;
}

/** The operator in a cluster, as its probes see it. */
export interface KubeProgram {
  /**
   * Leads, or stands by, until `signal` aborts; with the task `release` until every profile is let go.
   * Rejects when it cannot go on.
   * @returns the exit code
   */
  run(signal: AbortSignal): Promise<number>;
  /** Whether what is watched has arrived; so it has with those who stand by. */
  isReady(): boolean;
  /** Whether the loop of a leader still turns. */
  isLive(): boolean;
}

const time: KubeTime = {
  nowSeconds: realClock.nowSeconds,
  sleep: realClock.sleep,
  monotonicSeconds: () => performance.now() / 1000,
  random: Math.random,
};

/** A leader that has not looked at its profiles for so long, or for ten intervals, is stuck. */
const stuckSeconds = 120;

/** A release takes the lease at once; this is for its watches, and for whoever led to end. */
const releaseLimitSeconds = releaseSeconds + 30;

/** Wires the operator to a cluster. @throws when the credentials cannot be read */
export async function createKubeProgram(
  config: KubernetesConfig,
  surroundings: Surroundings,
): Promise<KubeProgram> {
  const { registry, logger, identity, version } = surroundings;
  const { scrapeSeconds } = createTiming(config.timeScale);
  const credentials = await loadCredentials(config, surroundings);
  const transport = createKubeTransport({
    credentials,
    time,
    userAgent: `mestore-operator/${version}`,
    onRequest: (method, code) =>
      registry.cell(operatorMetrics.kubeRequests, { method, code }).add(1),
  });
  const namespaces =
    config.namespaces?.length === 0 ? [ownNamespace(credentials)] : config.namespaces;
  const caches = createCaches({ transport, namespaces, time, registry, logger });
  const leaseNamespace = config.lease.namespace ?? ownNamespace(credentials);
  const lease = createLease({
    transport,
    namespace: leaseNamespace,
    owner: leaseNamespace === credentials.namespace ? credentials.serviceAccount : null,
    name: config.lease.name,
    identity,
    timing: config.lease,
    seize: config.task === "release",
    time,
    registry,
    logger,
  });
  const ending = new AbortController();
  const { signal } = ending;
  const end = () => ending.abort();
  const fenced = fenceWrites(transport, lease);
  let missingFields: readonly string[] = [];
  const adapters = createKubeAdapters({
    ...{ config, registry, logger, identity, time, caches, signal },
    transport: fenced,
    unknownFields: () => missingFields,
  });
  let lookedAt = time.monotonicSeconds();
  let exitCode = 0;

  const source: KubeProfileSource = {
    ...adapters.source,
    list() {
      lookedAt = time.monotonicSeconds();
      return adapters.source.list();
    },
  };

  /** Helm never upgrades a CRD: an older one drops fields of profiles and statuses without a word. */
  async function checkCrd(): Promise<void> {
    const read = await readCrd(transport, knownFields());
    if (!read.ok) {
      logger.warn({ reason: read.reason, detail: read.detail }, "the CRD cannot be checked");
      return;
    }
    missingFields = read.missing;
    if (read.missing.length === 0) return;
    const message = `the installed CRD is of another version; it lacks ${read.missing.join(", ")}`;
    logger.warn({ reason: "CRDOutdated", missing: read.missing }, message);
    for (const { key } of await adapters.source.list())
      adapters.events.publish(key, { type: "Warning", reason: "CRDOutdated", message });
  }

  /** What the holder of the lease does. */
  async function lead(leading: AbortSignal): Promise<void> {
    lookedAt = time.monotonicSeconds();
    const sending = new AbortController();
    const sent = adapters.events.run(sending.signal);
    try {
      if (config.task === "run") {
        adapters.terminating.look();
        await checkCrd();
        await adapters.createLoop(source).run(leading);
        return;
      }
      // Whoever led learns of it at the next renewal; what it had begun by then is over.
      await time.sleep(config.lease.retrySeconds + 1, leading);
      const left = await releaseProfiles({ adapters, caches, time, logger }, leading);
      exitCode = left.length === 0 ? 0 : 1;
      end();
    } finally {
      sending.abort();
      await sent;
    }
  }

  /** Profiles that nobody can see cannot be let go; those of a CRD that is gone went with it. */
  function isNothingToDo(): boolean {
    if (config.task !== "release") return false;
    const unseen = caches.unseen();
    for (const { namespace, refusal } of unseen)
      if (refusal === "forbidden")
        logger.warn({ namespace, refusal }, "its profiles cannot be listed; it is left out");
    if (unseen.length < (namespaces ?? [null]).length) return false;
    logger.info("nothing to release");
    return true;
  }

  /** A release that gets neither its watches nor the lease must not hold an uninstallation up for ever. */
  async function giveUpLater(): Promise<void> {
    await time.sleep(releaseLimitSeconds, signal);
    if (signal.aborted) return;
    logger.error("the profiles could not be let go in time");
    exitCode = 1;
    end();
  }

  return {
    isReady: caches.hasSynced,
    isLive: () =>
      !lease.isHeld() ||
      time.monotonicSeconds() - lookedAt <= Math.max(stuckSeconds, 10 * scrapeSeconds),
    async run(outer) {
      outer.addEventListener("abort", end);
      if (outer.aborted) end();
      const watching = caches.run(signal).finally(end);
      if (config.task === "release") void giveUpLater();
      try {
        const { whenAnswered, whenSynced } = caches;
        await Promise.race([config.task === "release" ? whenAnswered : whenSynced, watching]);
        if (signal.aborted || isNothingToDo()) return exitCode;
        await lease.run(lead, signal);
      } finally {
        end();
        await watching;
        outer.removeEventListener("abort", end);
      }
      return exitCode;
    },
  };
}

function loadCredentials(
  { kubeconfig, serviceAccountDirectory }: KubernetesConfig,
  { inCluster }: Surroundings,
): Promise<Credentials> {
  const { monotonicSeconds } = time;
  if (kubeconfig !== null)
    return createKubeconfigCredentials({ path: kubeconfig, monotonicSeconds });
  if (inCluster !== null)
    return createInClusterCredentials({
      ...inCluster,
      ...(serviceAccountDirectory !== null && { directory: serviceAccountDirectory }),
      monotonicSeconds,
    });
  throw new Error("this is no pod of a cluster: name a --kubeconfig");
}

function ownNamespace({ namespace }: Credentials): string {
  if (namespace !== null) return namespace;
  throw new Error(
    "the kubeconfig's context names no namespace: say --namespace and --lease-namespace",
  );
}

function knownFields(): ReadonlySet<string> {
  return new Set([
    ...zodFieldPaths(profileSchema.shape.spec, "spec"),
    ...zodFieldPaths(profileStatusSchema, "status"),
  ]);
}
