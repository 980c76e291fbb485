import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { MetricsSource, Target, TargetReading, Targets } from "../control/ports.ts";
import type { Caches } from "./caches.ts";
import { describeFailure, type KubeFailure } from "./failure.ts";
import { keyOf } from "./objects.ts";
import { createScaleReader } from "./scale.ts";
import { type LabelMatch, matchSelector, parseSelector } from "./selector.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";
import type { WatchedPod } from "./watched-objects.ts";
import {
  controllerRevisionHash,
  currentHash,
  isUnseen,
  podTemplateHash,
  readWorkload,
  readyPods,
} from "./workload.ts";

/** A ready pod's exposition. */
export interface ScrapePage {
  readonly name: string;
  /** Null: the pod names no such port, or has no address. It is expected to report all the same. */
  readonly url: string | null;
}

/** What a metrics source may know of the target. */
export interface MetricsRequest {
  readonly key: string;
  readonly profile: PerformanceProfile;
  /** The expositions of all ready pods at this moment, at the port of this name. */
  pages(port: string): readonly ScrapePage[];
  /** Names of the ready pods at this moment. */
  readyPods(): readonly string[];
}

export interface KubeTargetsOptions {
  readonly transport: KubeTransport;
  readonly caches: Caches;
  readonly time: Pick<KubeTime, "monotonicSeconds">;
  /** Made once for each target, with the history that its windows need. */
  readonly createMetrics: (request: MetricsRequest) => MetricsSource;
}

export interface KubeTargets extends Targets {
  /** Tells the key of a profile whose workload or pods changed. */
  readonly onChange: (listener: (key: string) => void) => void;
  /** Pods of a profile's target that are not going, as last seen. */
  podsOf(key: string): readonly WatchedPod[];
}

interface Opened {
  /** Target and metrics source as the profile writes them. */
  readonly said: string;
  readonly target: Target;
  readonly namespace: string;
  readonly name: string;
  readonly isDeployment: boolean;
  readonly pods: () => readonly WatchedPod[];
}

/** The /scale of a target, and when it was read. */
interface KnownScale {
  readonly atSeconds: number;
  readonly desired: number;
  readonly matches: LabelMatch;
}

/** How long a scale is believed while its pods are as many as it says. */
const scaleSeconds = 60;

/**
 * Targets on the watched workloads: a Deployment costs no request to read. Any other kind is asked for its
 * /scale, whose selector finds its pods among those that are watched.
 */
export function createKubeTargets(options: KubeTargetsOptions): KubeTargets {
  const { transport, caches, time, createMetrics } = options;
  const scales = createScaleReader(transport);
  const opened = new Map<string, Opened>();

  const select = (namespace: string, matches: LabelMatch): readonly WatchedPod[] =>
    [...caches.pods.inNamespace(namespace)].filter(({ metadata }) =>
      matches(metadata.labels ?? {}),
    );

  function openDeployment(key: string, profile: PerformanceProfile, said: string): Opened {
    const { namespace } = profile.metadata;
    const { name, container } = profile.spec.targetRef;
    const deployment = () => caches.deployments.get(keyOf({ namespace, name }));
    const pods = () => {
      const found = deployment();
      return found === null ? [] : select(namespace, matchSelector(found.spec.selector));
    };
    const read = async (): Promise<TargetReading> => {
      const found = deployment();
      if (found === null) return notFound(`there is no Deployment "${name}" in "${namespace}"`);
      const podHash = currentHash(found, caches.replicaSets.inNamespace(namespace));
      return {
        ok: true,
        state: readWorkload({
          desired: found.spec.replicas,
          pods: pods(),
          hashLabel: podTemplateHash,
          isUnseen: isUnseen(found),
          container,
          ...(podHash === undefined ? {} : { podHash }),
        }),
      };
    };
    return finish(key, profile, said, pods, read);
  }

  function openScaled(key: string, profile: PerformanceProfile, said: string): Opened {
    const { namespace } = profile.metadata;
    const { apiVersion, kind, name, container } = profile.spec.targetRef;
    let known: KnownScale | null = null;
    const pods = () => (known === null ? [] : select(namespace, known.matches));
    const stateOf = ({ desired }: KnownScale) =>
      readWorkload({
        desired,
        pods: pods(),
        hashLabel: controllerRevisionHash,
        isUnseen: false,
        container,
      });
    const read = async (): Promise<TargetReading> => {
      const now = time.monotonicSeconds();
      if (known !== null && now - known.atSeconds < scaleSeconds) {
        const state = stateOf(known);
        // What moves is looked at every time.
        if (!state.inTransition) return { ok: true, state };
      }
      const found = await scales.read(apiVersion, kind, namespace, name);
      const what = `${kind} "${name}" in "${namespace}"`;
      if (!found.ok) {
        if (found.status === 403) return refused("NotPermitted", what, found);
        if (found.status === 404 || known === null) return refused("TargetNotFound", what, found);
        // The server is away: that is no news of the target.
        return { ok: true, state: stateOf(known) };
      }
      const { spec = {}, status = {} } = found.scale;
      const matches = parseSelector(status.selector ?? "");
      if (matches === null) return notFound(`the scale of ${what} names no selector of its pods`);
      known = { atSeconds: now, desired: spec.replicas ?? 1, matches };
      return { ok: true, state: stateOf(known) };
    };
    return finish(key, profile, said, pods, read);
  }

  function finish(
    key: string,
    profile: PerformanceProfile,
    said: string,
    pods: () => readonly WatchedPod[],
    read: () => Promise<TargetReading>,
  ): Opened {
    const { namespace } = profile.metadata;
    const { name } = profile.spec.targetRef;
    const metrics = createMetrics({
      key,
      profile,
      pages: (port) => pagesOf(readyPods(pods()), port),
      readyPods: () => readyPods(pods()).map(({ metadata }) => metadata.name),
    });
    const isDeployment = isDeploymentRef(profile);
    return { said, namespace, name, isDeployment, pods, target: { metrics, read } };
  }

  return {
    open(key, profile) {
      const said = JSON.stringify([profile.spec.targetRef, profile.spec.metrics]);
      const known = opened.get(key);
      if (known?.said === said) return known.target;
      const next = isDeploymentRef(profile)
        ? openDeployment(key, profile, said)
        : openScaled(key, profile, said);
      opened.set(key, next);
      return next.target;
    },
    close: (key) => void opened.delete(key),
    identify({ metadata, spec }) {
      const { apiVersion, kind, name } = spec.targetRef;
      // The version says nothing about which object it is.
      const group = apiVersion.includes("/") ? apiVersion.split("/", 1)[0] : "";
      return `${group}/${kind}/${metadata.namespace}/${name}`;
    },
    podsOf: (key) =>
      (opened.get(key)?.pods() ?? []).filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      ),
    onChange(listener) {
      caches.deployments.onChange(({ key: changed }) => {
        for (const [key, one] of opened)
          if (one.isDeployment && changed === keyOf(one)) listener(key);
      });
      caches.pods.onChange(({ before, after }) => {
        const pod = after ?? before;
        if (pod === null) return;
        for (const [key, one] of opened)
          if (one.namespace === pod.metadata.namespace && concerns(one, pod)) listener(key);
      });
    },
  };

  /** Whether the pod is one of the target's, or was. */
  function concerns(one: Opened, pod: WatchedPod): boolean {
    if (!one.isDeployment)
      return one.pods().some(({ metadata }) => metadata.uid === pod.metadata.uid);
    const found = caches.deployments.get(keyOf(one));
    return found !== null && matchSelector(found.spec.selector)(pod.metadata.labels ?? {});
  }
}

function isDeploymentRef({ spec }: PerformanceProfile): boolean {
  const { apiVersion, kind } = spec.targetRef;
  return kind === "Deployment" && apiVersion.startsWith("apps/");
}

function pagesOf(pods: readonly WatchedPod[], port: string): readonly ScrapePage[] {
  return pods.map(({ metadata, ip, containers }) => {
    const number = containers
      .flatMap(({ ports }) => ports)
      .find(({ name }) => name === port)?.number;
    const host = ip.includes(":") ? `[${ip}]` : ip;
    const isThere = number !== undefined && ip !== "";
    return { name: metadata.name, url: isThere ? `http://${host}:${number}/metrics` : null };
  });
}

function notFound(detail: string): TargetReading {
  return { ok: false, reason: "TargetNotFound", detail };
}

function refused(
  reason: "TargetNotFound" | "NotPermitted",
  what: string,
  failure: KubeFailure,
): TargetReading {
  return { ok: false, reason, detail: `${what}: ${describeFailure(failure)}` };
}
