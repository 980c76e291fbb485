import { join } from "node:path";
import type { AuditLevel } from "./audit.ts";

/** What a control plane is made of, in the order in which it starts; it stops in reverse. */
export const controlPlaneParts = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
] as const;

/** Name of a part and of its program. */
export type ControlPlanePart = (typeof controlPlaneParts)[number];

/** Everything that a control plane is started with. Pure data: the same plan gives the same commands. */
export interface ControlPlanePlan {
  /** Holds certificates, kubeconfigs, the data of etcd, logs and the audit log. */
  readonly directory: string;
  /** The address that the API server listens on. */
  readonly address: string;
  /** The address that pods and components reach it at; undefined where there are no pods. */
  readonly advertiseAddress?: string | undefined;
  readonly port: number;
  /** etcd listens on the loopback interface alone. */
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  /** Service addresses; the first one is the API server's own. */
  readonly serviceCidr: string;
  readonly auditLevel: AuditLevel;
  /** Whether the controller manager runs: without it no namespace is ever emptied, no Deployment has pods. */
  readonly controllers: boolean;
  readonly scheduler: boolean;
  /** Further arguments by part, the last word on a flag. */
  readonly extraArguments?: Readonly<Partial<Record<ControlPlanePart, readonly string[]>>>;
}

/** DNS name of everything in the cluster, the standard one. */
export const clusterDomain = "cluster.local";

/** `iss` and `aud` of service-account tokens, as kubeadm has it. */
export const serviceAccountIssuer = `https://kubernetes.default.svc.${clusterDomain}`;

/** Where the parts find their files. */
export function controlPlanePaths(directory: string) {
  const pki = join(directory, "pki");
  return {
    pki,
    certificate: (name: string) => join(pki, `${name}.crt`),
    key: (name: string) => join(pki, `${name}.key`),
    kubeconfig: (name: string) => join(directory, `${name}.kubeconfig`),
    serviceAccountKey: join(pki, "service-account.key"),
    serviceAccountPublicKey: join(pki, "service-account.pub"),
    etcdData: join(directory, "etcd"),
    auditPolicy: join(directory, "audit-policy.json"),
    auditLog: join(directory, "audit.log"),
    log: (part: string) => join(directory, "logs", `${part}.log`),
  };
}

/** The parts that a plan asks for. */
export function plannedParts(plan: ControlPlanePlan): ControlPlanePart[] {
  return controlPlaneParts.filter((part) => {
    if (part === "kube-controller-manager") return plan.controllers;
    return part === "kube-scheduler" ? plan.scheduler : true;
  });
}

/** The arguments of a part, without the program's own name. */
export function planArguments(part: ControlPlanePart, plan: ControlPlanePlan): string[] {
  const flags = argumentsOf[part](plan);
  return [...flags, ...(plan.extraArguments?.[part] ?? [])];
}

const argumentsOf: Readonly<Record<ControlPlanePart, (plan: ControlPlanePlan) => string[]>> = {
  etcd: planEtcd,
  "kube-apiserver": planApiserver,
  "kube-controller-manager": planControllerManager,
  "kube-scheduler": (plan) => planClient(plan, "kube-scheduler"),
};

/** Where etcd listens. */
export function etcdUrl({ etcdPort }: Pick<ControlPlanePlan, "etcdPort">): string {
  return `https://127.0.0.1:${etcdPort}`;
}

/**
 * Data of a local cluster may be lost with the machine, so nothing waits for the disk. Whoever may
 * write to etcd may do everything, so that it takes certificates of an authority of its own alone:
 * other users of the machine reach the loopback interface as well.
 */
function planEtcd(plan: ControlPlanePlan): string[] {
  const paths = controlPlanePaths(plan.directory);
  const client = etcdUrl(plan);
  const peer = `https://127.0.0.1:${plan.etcdPeerPort}`;
  const tls = (prefix: string) => [
    `--${prefix}cert-file=${paths.certificate("etcd")}`,
    `--${prefix}key-file=${paths.key("etcd")}`,
    `--${prefix}trusted-ca-file=${paths.certificate("etcd-ca")}`,
    `--${prefix}client-cert-auth`,
  ];
  return [
    `--data-dir=${paths.etcdData}`,
    ...tls(""),
    ...tls("peer-"),
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    "--unsafe-no-fsync",
  ];
}

function planApiserver(plan: ControlPlanePlan): string[] {
  const paths = controlPlanePaths(plan.directory);
  return [
    `--etcd-servers=${etcdUrl(plan)}`,
    `--etcd-cafile=${paths.certificate("etcd-ca")}`,
    `--etcd-certfile=${paths.certificate("etcd")}`,
    `--etcd-keyfile=${paths.key("etcd")}`,
    `--bind-address=${plan.address}`,
    `--secure-port=${plan.port}`,
    ...planAdvertisement(plan),
    `--service-cluster-ip-range=${plan.serviceCidr}`,
    `--tls-cert-file=${paths.certificate("kube-apiserver")}`,
    `--tls-private-key-file=${paths.key("kube-apiserver")}`,
    `--client-ca-file=${paths.certificate("ca")}`,
    `--service-account-issuer=${serviceAccountIssuer}`,
    `--service-account-key-file=${paths.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${paths.serviceAccountKey}`,
    "--authorization-mode=Node,RBAC",
    "--allow-privileged",
    `--audit-policy-file=${paths.auditPolicy}`,
    `--audit-log-path=${paths.auditLog}`,
    // Written before the answer goes out, so that whoever has the answer finds the event.
    "--audit-log-mode=blocking",
    // Of the files of 100 MB, the default, the present one and the one before it.
    "--audit-log-maxbackup=1",
    ...planAdmission(plan),
    ...planAggregation(paths),
  ];
}

/** A loopback address is no endpoint for pods; where there are none, no endpoint is published. */
function planAdvertisement({ advertiseAddress }: ControlPlanePlan): string[] {
  return advertiseAddress === undefined
    ? ["--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
    : [`--advertise-address=${advertiseAddress}`];
}

/** Without controllers nobody makes the service account that this plugin asks of every pod. */
function planAdmission({ controllers }: ControlPlanePlan): string[] {
  return [
    "--enable-admission-plugins=NodeRestriction",
    ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
  ];
}

/** What the API server needs to ask kubelets and aggregated APIs (metrics-server). */
function planAggregation(paths: ReturnType<typeof controlPlanePaths>): string[] {
  return [
    `--kubelet-client-certificate=${paths.certificate("kubelet-client")}`,
    `--kubelet-client-key=${paths.key("kubelet-client")}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--requestheader-client-ca-file=${paths.certificate("front-proxy-ca")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${paths.certificate("front-proxy-client")}`,
    `--proxy-client-key-file=${paths.key("front-proxy-client")}`,
    "--enable-aggregator-routing",
  ];
}

function planControllerManager(plan: ControlPlanePlan): string[] {
  const paths = controlPlanePaths(plan.directory);
  return [
    ...planClient(plan, "kube-controller-manager"),
    `--service-account-private-key-file=${paths.serviceAccountKey}`,
    `--root-ca-file=${paths.certificate("ca")}`,
    "--use-service-account-credentials",
    // With the default of 20 requests/s the controllers take 5 s to start, with these half a second.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
  ];
}

/** A component that is alone: no election, and no port of its own that could be taken. */
function planClient(plan: ControlPlanePlan, part: ControlPlanePart): string[] {
  const kubeconfig = controlPlanePaths(plan.directory).kubeconfig(part);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--secure-port=0",
  ];
}
