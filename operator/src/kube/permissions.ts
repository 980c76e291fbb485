/** One entry of the operator's role. */
export interface Permission {
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** What fails without it. */
  readonly reason: string;
  /** Needed only where a profile, or a value of the chart, asks for it. */
  readonly only?: string;
}

/**
 * Everything that the operator asks of the API server in a namespace whose profiles it works on; the chart
 * grants this and no more. No wildcards, no list of Secrets, nothing of a target but looking at it.
 */
export const permissions: readonly Permission[] = [
  {
    group: "mestore.dev",
    resource: "performanceprofiles",
    verbs: ["list", "watch", "patch"],
    reason: "profiles are followed; the finalizer is set and taken away",
  },
  {
    group: "mestore.dev",
    resource: "performanceprofiles/status",
    verbs: ["patch"],
    reason: "the status of a profile",
  },
  {
    group: "apps",
    resource: "deployments",
    verbs: ["list", "watch"],
    reason: "a target's selector and number of pods",
  },
  {
    group: "apps",
    resource: "replicasets",
    verbs: ["list", "watch"],
    reason: "which release of a target is in force",
  },
  {
    group: "",
    resource: "pods",
    verbs: ["list", "watch"],
    reason: "which pods are ready, where their metrics are, how often they restarted",
  },
  {
    group: "",
    resource: "configmaps",
    verbs: ["get", "list", "watch", "create", "patch"],
    reason: "the tuning document and the loop's memory",
  },
  {
    group: "",
    resource: "events",
    verbs: ["create", "patch"],
    reason: "what kubectl describe shows",
  },
  {
    group: "",
    resource: "pods",
    verbs: ["patch"],
    reason: "kubelets bring a document at once",
    only: "spec.delivery: Annotate",
  },
  {
    group: "apps",
    resource: "statefulsets/scale",
    verbs: ["get"],
    reason:
      "selector and number of pods of a target that is no Deployment; the same for other kinds",
    only: "spec.targetRef.kind other than Deployment",
  },
  {
    group: "",
    resource: "secrets",
    verbs: ["get"],
    reason: "credentials of a Prometheus, where the Secret is labelled for that",
    only: "spec.metrics.prometheus.auth or caSecretName",
  },
];

/** In the namespace of the lease. `create` cannot be bound to a name, the others are. */
export const leasePermissions: readonly Permission[] = [
  {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: ["create", "get", "update"],
    reason: "one of several replicas works",
  },
];
