import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { findLastingPort, isPortFree } from "../stack/free-port.ts";
import { type ApiClient, ApiError, type KubeObject } from "./api-client.ts";
import { type AuditEvent, type AuditLevel, loadAuditEvents } from "./audit.ts";
import { issueCertificate, type KeyPair, signToken } from "./certificates.ts";
import { createAdminClient, ensureControlPlanePart } from "./control-plane.ts";
import {
  loadPair,
  serverUrl,
  writeControlPlaneFiles,
  writePrivate,
} from "./control-plane-files.ts";
import {
  controlPlanePaths,
  type ControlPlanePlan,
  plannedParts,
  serviceAccountIssuer,
} from "./control-plane-plan.ts";
import { formatKubeconfig } from "./kubeconfig.ts";
import { createLaunches } from "./launches.ts";
import { type PodDescription, putPod } from "./pods.ts";
import { createHurtable, type Hurtable, unhurtable } from "./test-processes.ts";

/**
 * Real control planes for `.cluster.test.ts` files: etcd, the API server with RBAC and an audit log,
 * and the controller manager. `./mestore test` starts one and names it in the environment; a test
 * run by hand finds none and starts its own, once a process. Whatever is started here ends with the
 * process that started it (stack/death-guard.ts).
 */
export const testClusterVariable = "MESTORE_TEST_CLUSTER";

/** A user with a client certificate of the cluster's authority. */
export interface TestUser {
  readonly name: string;
  readonly groups?: readonly string[];
}

/**
 * A control plane under test. `processes` and `compactEtcd` are for a cluster of one's own
 * (`startCluster`): on the shared one they throw, and `stop` does nothing.
 */
export interface TestCluster extends ApiClient, Hurtable {
  /** `https://127.0.0.1:PORT`. */
  readonly server: string;
  /** Path of a kubeconfig that may do everything. */
  readonly kubeconfig: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile: string;
  /** A namespace of a random name, ready for pods. */
  createNamespace(): Promise<string>;
  /** Path of a kubeconfig with a client certificate for this user and these groups. */
  userKubeconfig(user: TestUser): Promise<string>;
  /** The same as a value, for `request(…, { as })`. */
  userCredentials(user: TestUser): Promise<KeyPair>;
  /**
   * A token of a service account, valid for so many seconds (3,600). The TokenRequest API gives none
   * of less than ten minutes; shorter ones are signed here with the cluster's key, with the same
   * claims. The API server still takes a token for a minute after it expired (the leeway of its
   * library), so one that is refused now has `seconds` below -60.
   */
  serviceAccountToken(namespace: string, name: string, seconds?: number): Promise<string>;
  /** A kubeconfig with such a token. */
  tokenKubeconfig(token: string): string;
  /** What was asked of the API server, answered requests in order; `since` leaves out earlier ones. */
  auditEvents(options?: { readonly since?: Date }): Promise<AuditEvent[]>;
  /** See `putPod`. */
  putPod(pod: PodDescription): Promise<KubeObject>;
}

/** What a cluster of one's own is like; defaults in parentheses. */
export interface StartClusterOptions {
  /** Whether the controller manager runs (true): without it nothing becomes of Deployments and deleted namespaces. */
  readonly controllers?: boolean;
  /** Whether the scheduler runs (false): pods made by hand need none. */
  readonly scheduler?: boolean;
  /** What the audit log records of each request (Metadata). */
  readonly auditLevel?: AuditLevel;
  /**
   * Whether the API server keeps the latest versions in memory (true). Without, every watch goes
   * to etcd, and one from before a compaction is told 410 without a restart.
   */
  readonly watchCache?: boolean;
  /** Further arguments of the API server, for example `--max-requests-inflight=1`. */
  readonly apiserverArguments?: readonly string[];
}

/** A cluster that this run's tests share: make a namespace of your own in it, and hurt nobody. */
export async function useCluster(): Promise<TestCluster> {
  const note = process.env[testClusterVariable] ?? (await startOncePerProcess());
  return describeCluster(JSON.parse(readFileSync(note, "utf8")) as ControlPlanePlan, unhurtable);
}

/** A cluster for one test alone, to hurt it. */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  const { cluster } = await launchCluster(options);
  return cluster;
}

/** Starts the cluster that all test files of one run share; `note` is the value of `testClusterVariable`. */
export async function startSharedCluster(): Promise<{ note: string; stop(): Promise<void> }> {
  const { plan, cluster } = await launchCluster({});
  const note = join(plan.directory, "plan.json");
  writePrivate(note, JSON.stringify(plan));
  return { note, stop: () => cluster.stop() };
}

/**
 * `bun test --isolate` gives each file fresh modules in the same process; only a file can tell the
 * next one what runs already.
 */
let ownShared: Promise<string> | undefined;

async function startOncePerProcess(): Promise<string> {
  ownShared ??= (async () => {
    const pointer = join((await openGuardedRoom()).directory, "shared-cluster");
    if (existsSync(pointer)) return readFileSync(pointer, "utf8");
    const { note } = await startSharedCluster();
    writeFileSync(pointer, note, { mode: 0o600 });
    return note;
  })();
  return ownShared;
}

/** How often a cluster is given other ports when somebody took a free one first. */
const portAttempts = 3;

/** Service addresses of clusters without pods: they lead nowhere. */
const serviceCidr = "10.96.0.0/16";

const loopback = "127.0.0.1";

async function launchCluster(
  options: StartClusterOptions,
): Promise<{ plan: ControlPlanePlan; cluster: TestCluster }> {
  const { controllers = true, scheduler = false, auditLevel = "Metadata" } = options;
  const room = await openGuardedRoom();
  for (let attempt = 1; ; attempt += 1) {
    const directory = join(room.directory, `cluster-${randomBytes(4).toString("hex")}`);
    mkdirSync(directory, { mode: 0o700 });
    const plan: ControlPlanePlan = {
      directory,
      address: loopback,
      port: await findLastingPort(),
      etcdPort: await findLastingPort(),
      etcdPeerPort: await findLastingPort(),
      serviceCidr,
      auditLevel,
      controllers,
      scheduler,
      extraArguments: {
        "kube-apiserver": [
          ...(options.watchCache === false ? ["--watch-cache=false"] : []),
          ...(options.apiserverArguments ?? []),
        ],
      },
    };
    const launches = createLaunches({
      directory,
      onLaunched: (id) => room.guard(id),
      onStopped: ({ pid }) => room.release(pid),
    });
    const hurtable = createHurtable(plan, launches);
    try {
      await writeControlPlaneFiles(plan);
      for (const part of plannedParts(plan)) await ensureControlPlanePart(part, plan, launches);
      return { plan, cluster: describeCluster(plan, hurtable) };
    } catch (error) {
      const { port, etcdPort, etcdPeerPort } = plan;
      await hurtable.stop();
      const free = await Promise.all([port, etcdPort, etcdPeerPort].map(isPortFree));
      if (attempt === portAttempts || free.every(Boolean)) throw error;
    }
  }
}

/** The TokenRequest API refuses shorter ones. */
const shortestRequestedSeconds = 600;

/** A control plane that runs, as tests see it. */
export function describeCluster(plan: ControlPlanePlan, hurtable: Hurtable): TestCluster {
  const paths = controlPlanePaths(plan.directory);
  const client = createAdminClient(plan);
  const server = serverUrl(plan);
  const authority = readFileSync(paths.certificate("ca"), "utf8");
  const writeKubeconfig = (credentials: KeyPair | { readonly token: string }): string => {
    const path = paths.kubeconfig(`user-${randomBytes(4).toString("hex")}`);
    writePrivate(path, formatKubeconfig({ context: "test", server, authority, credentials }));
    return path;
  };
  const userCredentials = ({ name, groups = [] }: TestUser): Promise<KeyPair> => {
    const signer = loadPair(plan.directory, "ca");
    if (signer === null) throw new Error(`the authority of ${plan.directory} is gone`);
    return issueCertificate(signer, { commonName: name, organizations: groups });
  };
  return {
    ...client,
    ...hurtable,
    server,
    kubeconfig: paths.kubeconfig("admin"),
    caFile: paths.certificate("ca"),
    async createNamespace() {
      const name = `test-${randomBytes(6).toString("hex")}`;
      await client.request("POST", "/api/v1/namespaces", { metadata: { name } });
      if (plan.controllers) await ensureServiceAccount(client, name);
      return name;
    },
    userCredentials,
    userKubeconfig: async (user) => writeKubeconfig(await userCredentials(user)),
    tokenKubeconfig: (token) => writeKubeconfig({ token }),
    async serviceAccountToken(namespace, name, seconds = 3600) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
      if (seconds < shortestRequestedSeconds) {
        const { metadata } = await client.request("GET", path);
        const key = readFileSync(paths.serviceAccountKey, "utf8");
        return signToken(key, planClaims(namespace, name, metadata.uid, seconds));
      }
      const spec = { expirationSeconds: seconds };
      const { status } = await client.request("POST", `${path}/token`, { spec });
      return status.token;
    },
    auditEvents: async ({ since } = {}) => loadAuditEvents(paths.auditLog, since),
    putPod: (pod) => putPod(client, pod),
  };
}

/** The controller manager makes it within a second, once it is up itself; pods need it at once. */
async function ensureServiceAccount(client: ApiClient, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  try {
    await client.request("POST", path, { metadata: { name: "default" } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
  }
}

/** The claims of a bound token (KEP-1205) that is bound to nothing but its service account. */
function planClaims(namespace: string, name: string, uid: string, seconds: number): object {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: serviceAccountIssuer,
    aud: [serviceAccountIssuer],
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: Math.min(now, now + seconds),
    nbf: Math.min(now, now + seconds),
    exp: now + seconds,
    "kubernetes.io": { namespace, serviceaccount: { name, uid } },
  };
}
