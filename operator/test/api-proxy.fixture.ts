import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createAuthority, issueCertificate } from "@mestore/tools/cluster/certificates";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";

/** A request on its way to the API server. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly isWatch: boolean;
  /** Its place in the order in which requests came. */
  readonly index: number;
  /** Status code of the API server's answer, once it is there; what never went on has none. */
  readonly answered: Promise<number>;
}

/**
 * What becomes of a request: it goes on and its answer comes back (`pass`); it goes on and the answer
 * is kept (`keepAnswer`); it is lost (`lose`); or it waits for a promise before it goes on.
 */
export type Fate = "pass" | "keepAnswer" | "lose" | Promise<unknown>;

/**
 * Between one operator and the API server. TLS ends here, under an authority of its own, so that it sees
 * requests and not only bytes; the token goes on to the server as it is.
 */
export interface ApiProxy {
  /** The account's kubeconfig, leading through it. */
  readonly kubeconfig: string;
  /** All requests so far. */
  readonly requests: readonly ProxiedRequest[];
  /** Decides about each request from now on; default: all pass. */
  decide: (request: ProxiedRequest) => Fate;
  /** Watches that are open now, by path. */
  openWatches(): Readonly<Record<string, number>>;
  /** Ends every open watch as the server does at its time. */
  endWatches(): void;
  /** Watches stay open, and what comes on them from now on is kept back; the next one is as ever. */
  silenceWatches(): void;
  close(): Promise<void>;
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { server: string; "certificate-authority-data": string };
  }[];
}

interface OpenWatch {
  readonly path: string;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly stop: AbortController;
  isSilent: boolean;
}

export async function openApiProxy(cluster: TestCluster, kubeconfig: string): Promise<ApiProxy> {
  const authority = await createAuthority("api-proxy");
  const { certificate, key } = await issueCertificate(authority, {
    commonName: "api-proxy",
    ipAddresses: ["127.0.0.1"],
  });
  const ca = readFileSync(cluster.caFile, "utf8");
  const requests: ProxiedRequest[] = [];
  const watches = new Set<OpenWatch>();

  function relay(path: string, upstream: Response, stop: AbortController): Response {
    const reader = upstream.body?.getReader();
    let watch: OpenWatch;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        watch = { path, controller, stop, isSilent: false };
        watches.add(watch);
        // Headers go out with the first byte; whitespace between JSON texts means nothing.
        controller.enqueue(new TextEncoder().encode("\n"));
        void (async () => {
          try {
            for (;;) {
              const chunk = await reader?.read();
              if (chunk === undefined || chunk.done) break;
              if (!watch.isSilent) controller.enqueue(chunk.value);
            }
            if (watches.delete(watch) && !watch.isSilent) controller.close();
          } catch {
            if (watches.delete(watch)) controller.error(new Error("the server went away"));
          }
        })();
      },
      cancel() {
        watches.delete(watch);
        stop.abort();
      },
    });
    return new Response(body, {
      status: upstream.status,
      headers: { "content-type": "application/json" },
    });
  }

  async function forward(request: Request, isWatch: boolean): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const stop = new AbortController();
    const headers = new Headers(request.headers);
    headers.delete("host");
    const upstream = await fetch(`${cluster.server}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(request.method === "GET" ? {} : { body: await request.arrayBuffer() }),
      tls: { ca },
      signal: stop.signal,
      timeout: false,
      redirect: "manual",
    } as RequestInit);
    if (isWatch && upstream.ok) return relay(pathname, upstream, stop);
    const retryAfter = upstream.headers.get("retry-after");
    return new Response(await upstream.arrayBuffer(), {
      status: upstream.status,
      headers: {
        "content-type": upstream.headers.get("content-type") ?? "application/json",
        ...(retryAfter === null ? {} : { "retry-after": retryAfter }),
      },
    });
  }

  const never = () => new Promise<Response>(() => undefined);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: certificate, key },
    // A watch is silent for minutes.
    idleTimeout: 0,
    async fetch(request) {
      const { pathname: path, searchParams } = new URL(request.url);
      const isWatch = searchParams.get("watch") === "true";
      const { promise: answered, resolve } = Promise.withResolvers<number>();
      const one = { method: request.method, path, isWatch, index: requests.length, answered };
      requests.push(one);
      const fate = proxy.decide(one);
      if (fate === "lose") return never();
      if (fate instanceof Promise) await fate;
      try {
        const response = await forward(request, isWatch);
        resolve(response.status);
        return fate === "keepAnswer" ? await never() : response;
      } catch {
        return new Response("the API server cannot be reached", { status: 502 });
      }
    },
  });
  const path = join(mkdtempSync(join(tmpdir(), "api-proxy-")), "kubeconfig");
  const config = JSON.parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
  for (const { cluster: access } of config.clusters) {
    access.server = `https://127.0.0.1:${server.port}`;
    access["certificate-authority-data"] = Buffer.from(authority.certificate).toString("base64");
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  const take = () => {
    const open = [...watches];
    watches.clear();
    return open;
  };
  const proxy: ApiProxy = {
    kubeconfig: path,
    requests,
    decide: () => "pass",
    openWatches() {
      const counts: Record<string, number> = {};
      for (const watch of watches) counts[watch.path] = (counts[watch.path] ?? 0) + 1;
      return counts;
    },
    endWatches() {
      for (const { controller, stop } of take()) {
        controller.close();
        stop.abort();
      }
    },
    silenceWatches() {
      for (const watch of watches) watch.isSilent = true;
    },
    async close() {
      for (const { stop } of take()) stop.abort();
      await server.stop(true);
      rmSync(dirname(path), { recursive: true });
    },
  };
  return proxy;
}
