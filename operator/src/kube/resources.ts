import { profileGroup, profileVersion } from "@mestore/contract/performance-profile";

/** A kind of object as the API's paths name it. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** Of the collection; namespace null: of all namespaces. */
  path(namespace: string | null): string;
  /** Of one object, or of a subresource of it. */
  objectPath(namespace: string, name: string, subresource?: string): string;
}

/** @param apiVersion `apps/v1`, or `v1` for the core group */
export function createResource(apiVersion: string, kind: string, plural: string): Resource {
  const [group = "", version = ""] = apiVersion.includes("/")
    ? apiVersion.split("/")
    : ["", apiVersion];
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const path = (namespace: string | null) =>
    namespace === null
      ? `${root}/${plural}`
      : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
  return {
    group,
    version,
    plural,
    kind,
    apiVersion,
    path,
    objectPath: (namespace, name, subresource) =>
      `${path(namespace)}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`,
  };
}

export const profiles = createResource(
  `${profileGroup}/${profileVersion}`,
  "PerformanceProfile",
  "performanceprofiles",
);
export const configMaps = createResource("v1", "ConfigMap", "configmaps");
export const secrets = createResource("v1", "Secret", "secrets");
export const pods = createResource("v1", "Pod", "pods");
export const deployments = createResource("apps/v1", "Deployment", "deployments");
export const replicaSets = createResource("apps/v1", "ReplicaSet", "replicasets");
export const leases = createResource("coordination.k8s.io/v1", "Lease", "leases");
/**
 * Of the core group: events.k8s.io shows the same objects but forbids to change their note, and a series that
 * goes on would tell for ever what was the matter first.
 */
export const events = createResource("v1", "Event", "events");
