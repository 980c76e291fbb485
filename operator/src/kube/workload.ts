import type { TargetState } from "../control/ports.ts";
import type { KubeObject } from "./objects.ts";
import {
  controllerOf,
  revisionAnnotation,
  type WatchedDeployment,
  type WatchedPod,
  type WatchedReplicaSet,
} from "./watched-objects.ts";

/** A workload as its parts were last seen. */
export interface WorkloadView {
  /** Pods that should serve. */
  readonly desired: number;
  /** All that its selector finds, finished ones included. */
  readonly pods: readonly WatchedPod[];
  /** Label of the pods of the release in force; absent: not known, or none. */
  readonly podHash?: string;
  /** The label in question. */
  readonly hashLabel: string;
  /** The controller has not yet seen the newest text. */
  readonly isUnseen: boolean;
  readonly container: string;
}

/** Labels by which a Deployment and a StatefulSet tell their releases apart. */
export const podTemplateHash = "pod-template-hash";
export const controllerRevisionHash = "controller-revision-hash";

/** What the law is told of a workload. */
export function readWorkload(view: WorkloadView): TargetState {
  const active = view.pods.filter(isActive);
  const ready = active.filter(({ isReady }) => isReady);
  const hashes = new Set(active.flatMap(({ metadata }) => metadata.labels?.[view.hashLabel] ?? []));
  const [onlyHash] = hashes.size === 1 ? hashes : [];
  const podHash = view.podHash ?? onlyHash;
  const isMixed = podHash === undefined ? hashes.size > 1 : [...hashes].some((h) => h !== podHash);
  return {
    ...(podHash === undefined ? {} : { podHash }),
    readyPods: ready.map(({ metadata }) => metadata.name).sort(),
    // While surge pods come up beside the old ones, nothing that should serve is missing.
    unavailable: Math.max(0, view.desired - ready.length),
    restarts: active.reduce((sum, pod) => sum + restartsOf(pod, view.container), 0),
    inTransition:
      view.isUnseen ||
      isMixed ||
      active.length !== view.desired ||
      view.pods.some(({ metadata, phase }) => isGoing(metadata) && !isFinished(phase)),
  };
}

/** Pods that are ready and not going. */
export function readyPods(pods: readonly WatchedPod[]): readonly WatchedPod[] {
  return pods.filter((pod) => isActive(pod) && pod.isReady);
}

const isGoing = ({ deletionTimestamp }: KubeObject["metadata"]) => deletionTimestamp !== undefined;
const isFinished = (phase: string) => phase === "Succeeded" || phase === "Failed";
const isActive = ({ metadata, phase }: WatchedPod) => !isGoing(metadata) && !isFinished(phase);

function restartsOf({ containers }: WatchedPod, container: string): number {
  return containers.find(({ name }) => name === container)?.restarts ?? 0;
}

/** Label of the newest ReplicaSet's pods: the one that carries the Deployment's own revision. */
export function currentHash(
  deployment: WatchedDeployment,
  replicaSets: Iterable<WatchedReplicaSet>,
): string | undefined {
  const revision = deployment.metadata.annotations?.[revisionAnnotation];
  if (revision === undefined) return undefined;
  for (const one of replicaSets) {
    const { labels, annotations } = one.metadata;
    if (controllerOf(one)?.uid !== deployment.metadata.uid) continue;
    if (annotations?.[revisionAnnotation] === revision) return labels?.[podTemplateHash];
  }
  return undefined;
}

/** Whether the Deployment's controller still has to take up the newest text. Without a controller: no. */
export function isUnseen({ metadata, status }: WatchedDeployment): boolean {
  const { observedGeneration } = status;
  return observedGeneration !== null && observedGeneration < (metadata.generation ?? 0);
}
