import type { Credentials } from "./kubeconfig.ts";

/** An object of the Kubernetes API as tests and commands read it, without its kind's types. */
// oxlint-disable-next-line typescript/no-explicit-any
export type KubeObject = any;

/** Answer of the API server that was no success. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status: 403, 404, 409, 410, 422… */
  readonly status: number;
  /** `reason` of the Status object, `Unknown` where there is none. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(`${status} ${reason}: ${message}`);
    this.status = status;
    this.reason = reason;
  }
}

/** How the API server is to read a body. */
export const contentTypes = {
  json: "application/json",
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

/** What a request may differ in from the usual. */
export interface RequestOptions {
  /** Of the body; without it PATCH sends a merge patch and everything else JSON. */
  readonly contentType?: (typeof contentTypes)[keyof typeof contentTypes];
  /** Somebody else than the client's own user. */
  readonly as?: Credentials;
  /** Deadline in milliseconds; 30 s unless said otherwise. */
  readonly timeoutMs?: number;
}

/** The API of Kubernetes by paths, which are its own documentation. */
export interface ApiClient {
  /**
   * One request. A JSON answer comes parsed, anything else as text.
   * @throws ApiError for what is not 2xx, and what fetch throws when there is no answer
   */
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<KubeObject>;
  /** The same without looking at the answer, for watches and status codes. */
  fetch(
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions & { readonly signal?: AbortSignal },
  ): Promise<Response>;
}

/** Where an API server is, and who asks it. */
export interface ApiAccess {
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly credentials: Credentials;
}

const defaultTimeoutMs = 30_000;

/** A client of the API server with Bun's own fetch, for the commands and for tests. */
export function createApiClient({ server, authority, credentials }: ApiAccess): ApiClient {
  const client: ApiClient = {
    async request(method, path, body, options) {
      const response = await client.fetch(method, path, body, options);
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
      const value = isJson ? JSON.parse(text) : text;
      if (response.ok) return value;
      throw isJson
        ? new ApiError(response.status, value.reason ?? "Unknown", value.message ?? text)
        : new ApiError(response.status, "Unknown", text);
    },
    fetch(method, path, body, options = {}) {
      const proof = options.as ?? credentials;
      const type =
        options.contentType ?? (method === "PATCH" ? contentTypes.merge : contentTypes.json);
      return fetch(new URL(path, server), {
        method,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": type }),
          ...("token" in proof ? { authorization: `Bearer ${proof.token}` } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: options.signal ?? AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs),
        tls: {
          ca: authority,
          ...("token" in proof ? {} : { cert: proof.certificate, key: proof.key }),
        },
      });
    },
  };
  return client;
}
