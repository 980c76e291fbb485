import { leasePermissions, type Permission, permissions } from "../src/kube/permissions.ts";
import type { AuditEvent } from "@mestore/tools/cluster/audit";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { type OperatorProcess, startOperator } from "./operator-process.fixture.ts";

/** One rule of a Role. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Of its service account and its lease. */
export const leaseName = "mestore-operator";

/** What the chart grants with its default values; a test of the charts holds the two against each other. */
export const operatorRules: readonly PolicyRule[] = permissions
  .filter(({ only }) => only === undefined)
  .map(toRule);

/** The same with every value of the chart that grants more. */
export const everyRule: readonly PolicyRule[] = permissions.map(toRule);

/** In the operator's own namespace: `create` cannot be bound to a name. */
export const leaseRules: readonly PolicyRule[] = leasePermissions.map(toRule).flatMap((rule) => [
  { ...rule, verbs: rule.verbs.filter((verb) => verb === "create") },
  {
    ...rule,
    resourceNames: [leaseName],
    verbs: rule.verbs.filter((verb) => verb !== "create"),
  },
]);

function toRule({ group, resource, verbs }: Permission): PolicyRule {
  return { apiGroups: [group], resources: [resource], verbs };
}

/** Of a second or so, as whole seconds as the API wants the duration. */
export const leaseSeconds = { duration: 3, renewDeadline: 2, retry: 0.3 } as const;

export interface AccountOptions {
  readonly cluster: TestCluster;
  /** Whose profiles it works on. */
  readonly namespaces: readonly string[];
  readonly rules?: readonly PolicyRule[];
  readonly leaseRules?: readonly PolicyRule[];
  /** As the chart's value of this name: a ClusterRole instead of a Role in each namespace. */
  readonly clusterWide?: boolean;
}

/** The operator's service account with the rights of the chart's roles and no others. */
export interface OperatorAccount {
  /** Where its service account and its lease live. */
  readonly namespace: string;
  /** As the audit log names it. */
  readonly user: string;
  readonly kubeconfig: string;
  /** Starts a process under this account. Behind `args` nothing is added that they say. */
  start(
    args?: readonly string[],
    options?: { readonly kubeconfig?: string },
  ): Promise<OperatorProcess>;
  /** What this account asked of the API server, answered requests in their order. */
  requests(since?: Date): Promise<readonly AuditEvent[]>;
  /** Tuning documents that it wrote in a namespace, those that were refused left out. */
  countDocumentWrites(namespace: string, since?: Date): Promise<number>;
  lease(): Promise<{
    readonly holderIdentity?: string;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  }>;
  /** Ends what runs. */
  close(): Promise<void>;
}

export async function createOperatorAccount(options: AccountOptions): Promise<OperatorAccount> {
  const { cluster, namespaces } = options;
  const home = await cluster.createNamespace();
  const name = leaseName;
  await cluster.request("POST", `/api/v1/namespaces/${home}/serviceaccounts`, {
    metadata: { name, namespace: home },
  });
  const grant = async (namespace: string, role: string, rules: readonly PolicyRule[]) => {
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const metadata = { name: role, namespace };
    await cluster.request("POST", `${rbac}/roles`, { metadata, rules });
    await cluster.request("POST", `${rbac}/rolebindings`, {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
      subjects: [{ kind: "ServiceAccount", name, namespace: home }],
    });
  };
  await grant(home, `${name}-lease`, options.leaseRules ?? leaseRules);
  const rules = options.rules ?? operatorRules;
  if (options.clusterWide === true) await grantEverywhere(cluster, home, rules);
  else for (const namespace of namespaces) await grant(namespace, name, rules);

  const kubeconfig = cluster.tokenKubeconfig(await cluster.serviceAccountToken(home, name));
  const user = `system:serviceaccount:${home}:${name}`;
  const running: OperatorProcess[] = [];
  const requests = async (since?: Date) =>
    (await cluster.auditEvents(since === undefined ? {} : { since })).filter(
      (event) => event.user.username === user && event.stage === "ResponseComplete",
    );
  return {
    namespace: home,
    user,
    kubeconfig,
    async start(args = [], { kubeconfig: other = kubeconfig } = {}) {
      const operator = await startOperator([
        ...["--source", "kubernetes", "--kubeconfig", other],
        ...namespaces.flatMap((namespace) => ["--namespace", namespace]),
        ...["--lease-namespace", home],
        ...["--lease-duration", String(leaseSeconds.duration)],
        ...["--lease-renew-deadline", String(leaseSeconds.renewDeadline)],
        ...["--lease-retry", String(leaseSeconds.retry)],
        ...args,
      ]);
      running.push(operator);
      return operator;
    },
    requests,
    countDocumentWrites: async (namespace, since) =>
      (await requests(since)).filter(
        (event) =>
          nameRequest(event) === "patch configmaps" &&
          event.objectRef?.namespace === namespace &&
          event.objectRef.name?.endsWith("-tuning") === true &&
          (event.responseStatus?.code ?? 0) < 300,
      ).length,
    lease: async () =>
      (
        await cluster.request(
          "GET",
          `/apis/coordination.k8s.io/v1/namespaces/${home}/leases/${leaseName}`,
        )
      ).spec,
    async close() {
      for (const operator of running) operator.kill("SIGKILL");
      await Promise.all(running.map(({ exited }) => exited));
    },
  };
}

async function grantEverywhere(
  cluster: TestCluster,
  home: string,
  rules: readonly PolicyRule[],
): Promise<void> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const metadata = { name: `${leaseName}-${home}` };
  await cluster.request("POST", `${rbac}/clusterroles`, { metadata, rules });
  await cluster.request("POST", `${rbac}/clusterrolebindings`, {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name },
    subjects: [{ kind: "ServiceAccount", name: leaseName, namespace: home }],
  });
}

/** `patch configmaps`, `patch performanceprofiles/status`. */
export function nameRequest({ verb, objectRef }: AuditEvent): string {
  const { resource = "", subresource } = objectRef ?? {};
  return `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
}
