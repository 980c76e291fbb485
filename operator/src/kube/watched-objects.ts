import {
  fieldManager,
  profileAnnotations,
  tuningDocumentKey,
} from "@mestore/contract/performance-profile";
import type { KubeObject, ObjectMeta, OwnerReference } from "./objects.ts";

/** What is kept in memory of the objects that are watched, and nothing else of them. */

export interface WatchedProfile extends KubeObject {
  readonly apiVersion: unknown;
  readonly kind: unknown;
  readonly spec: unknown;
  readonly status: unknown;
}

export interface WatchedDeployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly selector: LabelSelector;
  };
  readonly status: { readonly observedGeneration: number | null };
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export type WatchedReplicaSet = KubeObject;

export interface WatchedPod extends KubeObject {
  readonly phase: string;
  readonly ip: string;
  readonly isReady: boolean;
  readonly containers: readonly {
    readonly name: string;
    readonly restarts: number;
    readonly ports: readonly { readonly name: string; readonly number: number }[];
  }[];
}

export interface WatchedConfigMap extends KubeObject {
  /** Null where it has none, and of what carries no document. */
  readonly document: string | null;
  /** Who wrote the document besides us, as `managedFields` name them. */
  readonly otherWriters: readonly string[];
}

type Raw = KubeObject & {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly spec?: unknown;
  readonly status?: unknown;
};

interface RawWorkload {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector };
  readonly status?: { readonly observedGeneration?: number };
}

/** `kubectl apply` keeps its last text there: as large as the object itself. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export function projectProfile(object: KubeObject): WatchedProfile {
  const { apiVersion, kind, spec, status, metadata } = object as Raw;
  const { managedFields: _, annotations = {}, ...rest } = metadata;
  const { [lastApplied]: __, ...kept } = annotations;
  return {
    // Items of a list carry neither.
    apiVersion: apiVersion ?? null,
    kind: kind ?? null,
    metadata: { ...rest, annotations: kept },
    spec,
    status: status ?? null,
  };
}

export function projectDeployment(object: KubeObject): WatchedDeployment {
  const { metadata, spec = {}, status = {} } = object as KubeObject & RawWorkload;
  const { replicas = 1, selector = {} } = spec;
  return {
    metadata: slim(metadata, [revisionAnnotation]),
    spec: { replicas, selector },
    status: { observedGeneration: status.observedGeneration ?? null },
  };
}

/** Of a Deployment and of its ReplicaSets: which of them is in force (kubectl rollout history). */
export const revisionAnnotation = "deployment.kubernetes.io/revision";

export function projectReplicaSet({ metadata }: KubeObject): WatchedReplicaSet {
  return { metadata: slim(metadata, [revisionAnnotation]) };
}

interface RawPod {
  readonly spec?: {
    readonly containers?: readonly {
      readonly name: string;
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly restartCount: number;
    }[];
  };
}

export function projectPod(object: KubeObject): WatchedPod {
  const { spec = {}, status = {} } = object as RawPod & KubeObject;
  const { phase = "Pending", podIP = "", conditions = [], containerStatuses = [] } = status;
  return {
    metadata: slim(object.metadata, []),
    phase,
    ip: podIP,
    isReady: conditions.some(({ type, status: state }) => type === "Ready" && state === "True"),
    containers: (spec.containers ?? []).map(({ name, ports = [] }) => ({
      name,
      restarts: containerStatuses.find((one) => one.name === name)?.restartCount ?? 0,
      ports: ports.flatMap((port) =>
        port.name === undefined ? [] : [{ name: port.name, number: port.containerPort }],
      ),
    })),
  };
}

export function projectConfigMap(object: KubeObject): WatchedConfigMap {
  const { metadata, data = {} } = object as KubeObject & { data?: Record<string, string> };
  return {
    metadata: slim(metadata, [profileAnnotations.adopted]),
    document: data[tuningDocumentKey] ?? null,
    otherWriters: (metadata.managedFields ?? [])
      .filter(({ manager, fieldsV1 }) => manager !== fieldManager && ownsDocument(fieldsV1))
      .map(({ manager = "unknown" }) => manager),
  };
}

/** `fieldsV1` names the fields of an entry as `{ "f:data": { "f:tuning.json": {} } }`. */
function ownsDocument(fields: Readonly<Record<string, unknown>> = {}): boolean {
  const data = fields["f:data"];
  return typeof data === "object" && data !== null && `f:${tuningDocumentKey}` in data;
}

/** What a target's reading needs of the metadata; of the annotations only those that are named. */
function slim(metadata: ObjectMeta, annotations: readonly string[]): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = metadata;
  const { deletionTimestamp, labels, ownerReferences } = metadata;
  const kept = annotations.flatMap((key): [string, string][] => {
    const value = metadata.annotations?.[key];
    return value === undefined ? [] : [[key, value]];
  });
  return {
    name,
    uid,
    resourceVersion,
    annotations: Object.fromEntries(kept),
    ...(namespace === undefined ? {} : { namespace }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(labels === undefined ? {} : { labels }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
}

/** The owner that made an object and keeps it in shape. */
export function controllerOf({ metadata }: KubeObject): OwnerReference | null {
  return metadata.ownerReferences?.find(({ controller }) => controller === true) ?? null;
}
