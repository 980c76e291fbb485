import type { Connection, Credentials } from "./connection.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { failureOfBody, type KubeFailure, noAnswer } from "./failure.ts";
import { fullJitterSeconds, type KubeTime } from "./time.ts";

export type KubeMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Kinds of patch by their media type. */
export const applyPatch = "application/apply-patch+yaml";
export const mergePatch = "application/merge-patch+json";

export interface KubeRequest {
  readonly method: KubeMethod;
  /** `/api/v1/namespaces/shop/configmaps`, path segments already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; default `application/json`. */
  readonly contentType?: string;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
  /** From the first byte to the last, waits and repetitions included; default 15 s. */
  readonly timeoutMs?: number;
  /** Asked before each attempt; false ends the request as `NotLeader`. Default: it may always be sent. */
  readonly mayBeSent?: () => boolean;
}

export interface KubeSuccess<T> {
  readonly ok: true;
  readonly status: number;
  /** As the server sent it: the caller asked for the kind and knows it. */
  readonly body: T;
}

export type KubeResult<T> = KubeSuccess<T> | KubeFailure;

/** An answer whose body arrives over minutes: a watch. */
export interface KubeStream {
  readonly ok: true;
  /** Whoever stops reading cancels its reader: aborting a fetch in mid-stream has leaked memory in Bun. */
  readonly body: ReadableStream<Uint8Array>;
}

export interface KubeTransport {
  /** Never rejects: what fails is a value. */
  request<T>(request: KubeRequest): Promise<KubeResult<T>>;
  /** `timeoutMs` is for the headers only. Never rejects. */
  stream(request: KubeRequest): Promise<KubeStream | KubeFailure>;
}

export interface KubeTransportOptions {
  readonly credentials: Credentials;
  readonly time: KubeTime;
  /** `mestore-operator/0.1.0` */
  readonly userAgent: string;
  /** Told of every answer; code `none` where there was none. */
  readonly onRequest: (method: KubeMethod, code: string) => void;
}

const defaultTimeoutMs = 15_000;

/** How often a request that the server turned away for its load is sent in all. */
const mostAttempts = 5;
/** Added to what `Retry-After` says, so that not all come back in the same second. */
const retryJitter = { baseSeconds: 0.5, capSeconds: 8 } as const;

const notLeader: KubeFailure = {
  ok: false,
  status: 0,
  reason: "NotLeader",
  message: "this process does not hold the lease",
};

/** Turned away before anything was done, so that every method may be repeated. */
const turnedAway: ReadonlySet<number> = new Set([429, 503]);

/**
 * Requests to the Kubernetes API on Bun's own fetch, which honours the CA and the client certificate
 * of a connection. Credentials that the server refuses (401) are read anew and tried once more; 429,
 * and 503 with `Retry-After`, are repeated within the deadline.
 */
export function createKubeTransport(options: KubeTransportOptions): KubeTransport {
  const { credentials, time, userAgent, onRequest } = options;

  async function send(request: KubeRequest, deadline: Deadline): Promise<Response | KubeFailure> {
    const { method } = request;
    try {
      const connection = await deadline.race(credentials.connection());
      if (request.mayBeSent?.() === false) return notLeader;
      const response = await fetchFrom(connection, request, userAgent, deadline.signal);
      onRequest(method, String(response.status));
      return response;
    } catch (error) {
      onRequest(method, "none");
      return noAnswer(error, deadline);
    }
  }

  async function sendAuthenticated(request: KubeRequest, deadline: Deadline) {
    const first = await send(request, deadline);
    if (!(first instanceof Response) || first.status !== 401) return first;
    await first.body?.cancel();
    credentials.renew();
    return send(request, deadline);
  }

  async function sendPatiently(request: KubeRequest, deadline: Deadline) {
    for (let attempt = 1; ; attempt += 1) {
      const response = await sendAuthenticated(request, deadline);
      if (!(response instanceof Response) || !turnedAway.has(response.status)) return response;
      const askedSeconds = retryAfterSeconds(response);
      if (askedSeconds === null || attempt === mostAttempts) return response;
      const pause = askedSeconds + fullJitterSeconds(attempt, time.random, retryJitter);
      if (pause >= deadline.leftSeconds()) return response;
      await response.body?.cancel();
      await time.sleep(pause, deadline.signal);
    }
  }

  return {
    async request<T>(request: KubeRequest): Promise<KubeResult<T>> {
      const deadline = startDeadline(request.timeoutMs ?? defaultTimeoutMs, request.signal);
      try {
        const response = await sendPatiently(request, deadline);
        if (!(response instanceof Response)) return response;
        const text = await response.text();
        if (!response.ok) return failureOfBody(response.status, text);
        return { ok: true, status: response.status, body: parseBody(text) as T };
      } catch (error) {
        return noAnswer(error, deadline);
      } finally {
        deadline.end();
      }
    },

    async stream(request) {
      const deadline = startDeadline(request.timeoutMs ?? defaultTimeoutMs, request.signal);
      try {
        const response = await sendPatiently(request, deadline);
        if (!(response instanceof Response)) return response;
        if (response.ok && response.body !== null) return { ok: true, body: response.body };
        return failureOfBody(response.status, await response.text());
      } catch (error) {
        return noAnswer(error, deadline);
      } finally {
        deadline.end();
      }
    },
  };
}

async function fetchFrom(
  connection: Connection,
  request: KubeRequest,
  userAgent: string,
  signal: AbortSignal,
): Promise<Response> {
  const { server, headers, tls, proxy } = connection;
  const query = new URLSearchParams(request.query).toString();
  return fetch(`${server}${request.path}${query === "" ? "" : `?${query}`}`, {
    method: request.method,
    headers: {
      ...headers,
      accept: "application/json",
      "user-agent": userAgent,
      ...(request.body === undefined
        ? {}
        : { "content-type": request.contentType ?? "application/json" }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    tls: { ...tls },
    ...(proxy === undefined ? {} : { proxy }),
    redirect: "error",
    signal,
    // Bun ends a fetch that is silent for 300 s; deadlines and the watch's own watchdog do that here.
    timeout: false,
  });
}

/** `/livez` and its like answer plain text. */
function parseBody(text: string): unknown {
  if (text === "") return null;
  const first = text.charCodeAt(0);
  return first === 0x7b || first === 0x5b ? JSON.parse(text) : text;
}

/** The API server gives whole seconds. Null: none, so a repetition was not asked for. */
function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get("retry-after");
  const seconds = text === null ? Number.NaN : Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
