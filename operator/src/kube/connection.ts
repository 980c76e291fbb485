import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** Where the API server is and who we are to it, at one moment. */
export interface Connection {
  /** Origin and path prefix, without a slash at the end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ConnectionTls;
  /** HTTP proxy in between. */
  readonly proxy?: string;
}

export interface ConnectionTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must carry, where it is not that of the address. */
  readonly serverName?: string;
  /** False only where the kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}

/** Who we are to the API server; the credentials behind it may change while the program runs. */
export interface Credentials {
  /** Namespace of the pod or of the kubeconfig's context; null where neither says. */
  readonly namespace: string | null;
  /** The account of the pod, null outside one and where its token does not say. */
  readonly serviceAccount: ServiceAccount | null;
  /** As read at most a minute ago. Rejects when files cannot be read or a plugin fails. */
  connection(): Promise<Connection>;
  /** The server refused what was last given: read everything anew. */
  renew(): void;
}

export interface ServiceAccount {
  readonly name: string;
  readonly uid: string;
}

/** How old a token that was read may be; client-go re-reads token files as often. */
const readSeconds = 60;

/** Where kubelet mounts the token, the CA and the namespace of a pod's service account. */
export const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface InClusterOptions {
  /** `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`. */
  readonly host: string;
  readonly port: string;
  readonly directory?: string;
  readonly monotonicSeconds: () => number;
}

/**
 * The service account of a pod. Kubelet replaces the token before it expires and the CA when that is
 * rotated, so both are read again and again.
 */
export async function createInClusterCredentials(options: InClusterOptions): Promise<Credentials> {
  const { host, port, directory = serviceAccountDirectory } = options;
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const read = async (file: string) => (await readFile(join(directory, file), "utf8")).trim();
  return {
    namespace: await read("namespace"),
    serviceAccount: parseAccount(await read("token")),
    ...remember(options.monotonicSeconds, async () => {
      const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
      return { server, headers: { authorization: `Bearer ${token}` }, tls: { ca } };
    }),
  };
}

/** The claims of a bound token (KEP-1205), which the API server has signed for us and not we for others. */
const accountSchema = z.object({
  "kubernetes.io": z.object({
    serviceaccount: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
  }),
});

function parseAccount(token: string): ServiceAccount | null {
  try {
    const [, payload = ""] = token.split(".");
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return accountSchema.parse(claims)["kubernetes.io"].serviceaccount;
  } catch {
    return null;
  }
}

export interface KubeconfigOptions {
  readonly path: string;
  readonly monotonicSeconds: () => number;
}

/**
 * The current context of a kubeconfig file, with all that the format knows: files beside it, inline
 * data, exec plugins, token files, OIDC. @kubernetes/client-node reads it; since that takes 50 MB
 * and a fifth of a second, it is loaded only here, never in a pod.
 * @throws when the file cannot be read or names no cluster
 */
export async function createKubeconfigCredentials(
  options: KubeconfigOptions,
): Promise<Credentials> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const load = () => {
    const config = new KubeConfig();
    config.loadFromFile(options.path);
    return { config, tokenFile: findTokenFile(options.path, config.getCurrentUser()?.name) };
  };
  let loaded = load();
  const remembered = remember(options.monotonicSeconds, async () => {
    const { config, tokenFile } = loaded;
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error(`${options.path}: the current context names no cluster`);
    const asked: RequestAuthentication = {};
    await config.applyToHTTPSOptions(asked);
    const headers = headersOf(asked);
    if (tokenFile !== null)
      headers["authorization"] = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
    return {
      server: cluster.server.replace(/\/+$/, ""),
      headers,
      tls: tlsOf(asked),
      ...proxyOf(cluster.proxyUrl),
    };
  });
  return {
    namespace: loaded.config.getContextObject(loaded.config.getCurrentContext())?.namespace ?? null,
    serviceAccount: null,
    connection: remembered.connection,
    renew() {
      // What plugins gave lives in the object: only another one asks them again.
      loaded = load();
      remembered.renew();
    },
  };
}

const tokenFilesSchema = z.object({
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z.object({ tokenFile: z.string() }).optional().catch(undefined),
      }),
    )
    .catch([]),
});

/**
 * `tokenFile` of a user (k8s.io/client-go/tools/clientcmd/api/v1, AuthInfo), which @kubernetes/client-node
 * does not read: relative to the kubeconfig, and stronger than a `token` beside it. Null: it has none.
 */
function findTokenFile(path: string, userName: string | undefined): string | null {
  const { users } = tokenFilesSchema.parse(parse(readFileSync(path, "utf8")));
  const file = users.find(({ name }) => name === userName)?.user?.tokenFile;
  return file === undefined ? null : resolve(dirname(path), file);
}

/** What `applyToHTTPSOptions` fills in of node's request options. */
interface RequestAuthentication {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
  auth?: string;
  headers?: Record<string, string>;
}

function headersOf({ headers = {}, auth }: RequestAuthentication): Record<string, string> {
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const basic = auth === undefined ? {} : { authorization: `Basic ${btoa(auth)}` };
  return { ...Object.fromEntries(lowered), ...basic };
}

function tlsOf(asked: RequestAuthentication): ConnectionTls {
  const { ca, cert, key, servername, rejectUnauthorized } = asked;
  return {
    ...(ca === undefined ? {} : { ca: String(ca) }),
    ...(cert === undefined ? {} : { cert: String(cert) }),
    ...(key === undefined ? {} : { key: String(key) }),
    ...(servername === undefined ? {} : { serverName: servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function proxyOf(proxy: string | undefined): { proxy?: string } {
  if (proxy === undefined) return {};
  if (!/^https?:/.test(proxy))
    throw new Error(`proxy-url ${proxy}: only http and https proxies are supported`);
  return { proxy };
}

/** Reads once a minute, and once for all who ask at the same time. */
function remember(
  monotonicSeconds: () => number,
  read: () => Promise<Connection>,
): Pick<Credentials, "connection" | "renew"> {
  let known: { readonly readAt: number; readonly connection: Promise<Connection> } | null = null;
  return {
    connection() {
      const now = monotonicSeconds();
      if (known === null || now - known.readAt >= readSeconds) {
        const reading = { readAt: now, connection: read() };
        known = reading;
        reading.connection.catch(() => {
          if (known === reading) known = null;
        });
      }
      return known.connection;
    },
    renew() {
      known = null;
    },
  };
}
