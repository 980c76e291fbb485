import type { KubeObject } from "./api-client.ts";
import { clusterDomain } from "./control-plane-plan.ts";
import {
  metricsServerPort,
  nodeAddresses,
  nodeName,
  type NodePlan,
  nodePaths,
} from "./node-plan.ts";

/** An object and the collection that it belongs to. */
export interface Applied {
  readonly collection: string;
  readonly object: KubeObject;
}

/** Who CoreDNS is in the cluster; it runs as a program of the node. */
export const coreDnsUser = "system:serviceaccount:kube-system:coredns";
/** Who metrics-server is in the cluster; it runs as a program of the node. */
export const metricsServerUser = "system:serviceaccount:kube-system:metrics-server";

/** How many volumes of how much a node has, for evaluation stores: nothing counts what is written. */
const volumeCount = 12;
const volumeSize = "10Gi";

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const system = "kube-system";

/** Everything that DNS, the metrics API and volumes need in the cluster, in the order of application. */
export function planAddonObjects(plan: NodePlan, authority: string): readonly Applied[] {
  return [...planDns(plan), ...planMetrics(plan, authority), ...planVolumes(plan)];
}

/** @see https://coredns.io/plugins/kubernetes/ */
function planDns({ subnet }: NodePlan): Applied[] {
  const { dns, node } = nodeAddresses(subnet);
  return [
    clusterRole("system:coredns", [
      rule("", ["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
      rule("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
    ]),
    clusterRoleBinding("system:coredns", "system:coredns", coreDnsUser),
    service("kube-dns", {
      clusterIP: dns,
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
    }),
    endpointSlice("kube-dns", node, [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53, protocol: "TCP" },
    ]),
  ];
}

/** @see https://github.com/kubernetes-sigs/metrics-server/tree/master/manifests */
function planMetrics({ subnet }: NodePlan, authority: string): Applied[] {
  const toEveryRole = Object.fromEntries(
    ["view", "edit", "admin"].map((role) => [
      `rbac.authorization.k8s.io/aggregate-to-${role}`,
      "true",
    ]),
  );
  return [
    clusterRole("system:metrics-server", [
      rule("", ["nodes/metrics"], ["get"]),
      rule("", ["pods", "nodes", "namespaces", "configmaps"], ["get", "list", "watch"]),
    ]),
    clusterRole(
      "system:aggregated-metrics-reader",
      [rule("metrics.k8s.io", ["pods", "nodes"], ["get", "list", "watch"])],
      toEveryRole,
    ),
    clusterRoleBinding("system:metrics-server", "system:metrics-server", metricsServerUser),
    clusterRoleBinding(
      "metrics-server:system:auth-delegator",
      "system:auth-delegator",
      metricsServerUser,
    ),
    {
      collection: `${rbac}/namespaces/${system}/rolebindings`,
      object: {
        metadata: { name: "metrics-server-auth-reader" },
        roleRef: roleRef("Role", "extension-apiserver-authentication-reader"),
        subjects: [userSubject(metricsServerUser)],
        ...typeOf("rbac.authorization.k8s.io/v1", "RoleBinding"),
      },
    },
    service("metrics-server", {
      ports: [{ name: "https", port: 443, targetPort: metricsServerPort, protocol: "TCP" }],
    }),
    endpointSlice("metrics-server", nodeAddresses(subnet).node, [
      { name: "https", port: metricsServerPort, protocol: "TCP" },
    ]),
    {
      collection: "/apis/apiregistration.k8s.io/v1/apiservices",
      object: {
        ...typeOf("apiregistration.k8s.io/v1", "APIService"),
        metadata: { name: "v1beta1.metrics.k8s.io" },
        spec: {
          group: "metrics.k8s.io",
          version: "v1beta1",
          groupPriorityMinimum: 100,
          versionPriority: 100,
          service: { name: "metrics-server", namespace: system, port: 443 },
          caBundle: Buffer.from(authority).toString("base64"),
        },
      },
    },
  ];
}

/** A default storage class of volumes that are there: directories of the node. */
function planVolumes({ directory }: NodePlan): Applied[] {
  const storageClassName = "local";
  const volumes = listVolumes().map((name): Applied => ({
    collection: "/api/v1/persistentvolumes",
    object: {
      ...typeOf("v1", "PersistentVolume"),
      metadata: { name },
      spec: {
        storageClassName,
        capacity: { storage: volumeSize },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        local: { path: `${nodePaths(directory).volumes}/${name}` },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: "kubernetes.io/hostname", operator: "In", values: [nodeName] },
                ],
              },
            ],
          },
        },
      },
    },
  }));
  return [
    {
      collection: "/apis/storage.k8s.io/v1/storageclasses",
      object: {
        ...typeOf("storage.k8s.io/v1", "StorageClass"),
        metadata: {
          name: storageClassName,
          annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        provisioner: "kubernetes.io/no-provisioner",
        volumeBindingMode: "WaitForFirstConsumer",
      },
    },
    ...volumes,
  ];
}

/** Names of the volumes, and of their directories. */
export function listVolumes(): string[] {
  return Array.from({ length: volumeCount }, (_, index) => `local-${index + 1}`);
}

/** @see https://coredns.io/manual/configuration/ */
export function formatCorefile({ directory, subnet, controlPlane }: NodePlan): string {
  const { node } = nodeAddresses(subnet);
  const paths = nodePaths(directory);
  // Quoted, since the path of a checkout may have spaces.
  const tls = [paths.certificate("coredns"), paths.key("coredns"), paths.certificate("ca")]
    .map((path) => `"${path}"`)
    .join(" ");
  return `.:53 {
  bind ${node}
  errors
  kubernetes ${clusterDomain} in-addr.arpa {
    endpoint https://${node}:${controlPlane.port}
    tls ${tls}
  }
  cache 5
}
`;
}

const typeOf = (apiVersion: string, kind: string) => ({ apiVersion, kind });

const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]) => ({
  apiGroups: [apiGroup],
  resources,
  verbs,
});

const roleRef = (kind: "Role" | "ClusterRole", name: string) => ({
  apiGroup: "rbac.authorization.k8s.io",
  kind,
  name,
});

const userSubject = (name: string) => ({
  kind: "User",
  apiGroup: "rbac.authorization.k8s.io",
  name,
});

function clusterRole(
  name: string,
  rules: readonly object[],
  labels: Readonly<Record<string, string>> = {},
): Applied {
  return {
    collection: `${rbac}/clusterroles`,
    object: {
      ...typeOf("rbac.authorization.k8s.io/v1", "ClusterRole"),
      metadata: { name, labels },
      rules,
    },
  };
}

function clusterRoleBinding(name: string, role: string, user: string): Applied {
  return {
    collection: `${rbac}/clusterrolebindings`,
    object: {
      ...typeOf("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
      metadata: { name },
      roleRef: roleRef("ClusterRole", role),
      subjects: [userSubject(user)],
    },
  };
}

/** A Service without a selector: its one endpoint is a program of the node. */
function service(name: string, spec: object): Applied {
  return {
    collection: `/api/v1/namespaces/${system}/services`,
    object: { ...typeOf("v1", "Service"), metadata: { name }, spec },
  };
}

function endpointSlice(name: string, address: string, ports: readonly object[]): Applied {
  return {
    collection: `/apis/discovery.k8s.io/v1/namespaces/${system}/endpointslices`,
    object: {
      ...typeOf("discovery.k8s.io/v1", "EndpointSlice"),
      metadata: { name: `${name}-node`, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports,
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  };
}
