import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { formatAuditPolicy } from "./audit.ts";
import {
  createAuthority,
  createSigningKeys,
  issueCertificate,
  type KeyPair,
  type Subject,
} from "./certificates.ts";
import { clusterDomain, controlPlanePaths, type ControlPlanePlan } from "./control-plane-plan.ts";
import { formatKubeconfig } from "./kubeconfig.ts";

/** Members of this group may do everything, whatever RBAC says. */
const adminGroup = "system:masters";

/** Name of the context in the kubeconfig that people get. */
const contextName = "mestore";

/** A component or person with a certificate of the cluster's own authority and a kubeconfig. */
export interface Client {
  readonly name: string;
  readonly subject: Subject;
}

const controlPlaneClients: readonly Client[] = [
  { name: "admin", subject: { commonName: "admin", organizations: [adminGroup] } },
  {
    name: "kube-controller-manager",
    subject: { commonName: "system:kube-controller-manager" },
  },
  { name: "kube-scheduler", subject: { commonName: "system:kube-scheduler" } },
];

/**
 * Writes everything that the parts read before they start. Authorities and the key of service
 * accounts stay when they are there, for tokens and kubeconfigs that are out already; certificates
 * are issued anew, so that none ever expires in a cluster that is restarted once a year.
 * @param clients further ones, with a certificate and a kubeconfig each
 */
export async function writeControlPlaneFiles(
  plan: ControlPlanePlan,
  clients: readonly Client[] = [],
): Promise<void> {
  const paths = controlPlanePaths(plan.directory);
  for (const directory of [paths.pki, paths.etcdData, dirname(paths.log("etcd"))])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [authority, frontProxy, etcd] = await Promise.all([
    ensureAuthority(plan.directory, "ca", "mestore-cluster"),
    ensureAuthority(plan.directory, "front-proxy-ca", "mestore-front-proxy"),
    ensureAuthority(plan.directory, "etcd-ca", "mestore-etcd"),
  ]);
  if (!existsSync(paths.serviceAccountKey)) {
    const { key, publicKey } = await createSigningKeys();
    writePrivate(paths.serviceAccountPublicKey, publicKey);
    writePrivate(paths.serviceAccountKey, key);
  }
  const issue = async (name: string, signer: KeyPair, subject: Subject) => {
    const pair = await issueCertificate(signer, subject);
    writePair(plan.directory, name, pair);
    return pair;
  };
  await issue("etcd", etcd, { commonName: "etcd", ipAddresses: ["127.0.0.1"] });
  await issue("kube-apiserver", authority, planServerSubject(plan));
  await issue("kubelet-client", authority, {
    commonName: "apiserver-kubelet-client",
    organizations: [adminGroup],
  });
  await issue("front-proxy-client", frontProxy, { commonName: "front-proxy-client" });
  for (const { name, subject } of [...controlPlaneClients, ...clients]) {
    const credentials = await issue(name, authority, subject);
    writePrivate(
      paths.kubeconfig(name),
      formatKubeconfig({
        context: contextName,
        server: serverUrl(plan),
        authority: authority.certificate,
        credentials,
      }),
    );
  }
  writePrivate(paths.auditPolicy, formatAuditPolicy(plan.auditLevel));
}

/** Where clients reach the API server. */
export function serverUrl(plan: ControlPlanePlan): string {
  return `https://${plan.advertiseAddress ?? plan.address}:${plan.port}`;
}

/** The names and addresses that clients inside and outside call the API server by. */
function planServerSubject({ address, advertiseAddress, serviceCidr }: ControlPlanePlan): Subject {
  const own = [address, advertiseAddress ?? address, "127.0.0.1", firstAddress(serviceCidr)];
  return {
    commonName: "kube-apiserver",
    dnsNames: [
      "localhost",
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      `kubernetes.default.svc.${clusterDomain}`,
    ],
    ipAddresses: [...new Set(own)],
  };
}

/** The Service `kubernetes` always has the first address of the range. */
export function firstAddress(cidr: string, offset = 1): string {
  const base = (cidr.split("/")[0] ?? "").split(".").map(Number);
  return [...base.slice(0, 3), (base[3] ?? 0) + offset].join(".");
}

async function ensureAuthority(
  directory: string,
  name: string,
  commonName: string,
): Promise<KeyPair> {
  const found = loadPair(directory, name);
  if (found !== null) return found;
  const made = await createAuthority(commonName);
  writePair(directory, name, made);
  return made;
}

/** A certificate and its key as they were written; null where there are none. */
export function loadPair(directory: string, name: string): KeyPair | null {
  const paths = controlPlanePaths(directory);
  if (!existsSync(paths.key(name)) || !existsSync(paths.certificate(name))) return null;
  return {
    certificate: readFileSync(paths.certificate(name), "utf8"),
    key: readFileSync(paths.key(name), "utf8"),
  };
}

/** Writes a certificate and its key where `loadPair` finds them. */
export function writePair(directory: string, name: string, pair: KeyPair): void {
  const paths = controlPlanePaths(directory);
  writePrivate(paths.key(name), pair.key);
  writePrivate(paths.certificate(name), pair.certificate);
}

/** Replaces a file whole, readable by its owner alone. */
export function writePrivate(path: string, text: string): void {
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}
