import type { Logger } from "./logger.ts";
import type { Registry } from "./registry.ts";

export interface MetricsServer {
  readonly url: string;
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  stop(): Promise<void>;
}

export interface MetricsServerOptions {
  readonly registry: Registry;
  /** 0 takes a free one. */
  readonly port: number;
  readonly hostname: string;
  /** Further paths by what they answer: 200 for true, 503 for false. */
  readonly probes?: Readonly<Record<string, () => boolean>>;
  /** Is told when a collection throws; the scrape is answered 500. */
  readonly logger?: Logger;
}

/**
 * Serves `/metrics`, the probes, and nothing else, on a port of its own: it is never in the way of shoppers and
 * a network policy can keep it inside. Throws when the port is taken.
 */
export function serveMetrics(options: MetricsServerOptions): MetricsServer {
  const { registry, logger } = options;
  const probes = new Map(Object.entries(options.probes ?? {}));
  const server = Bun.serve({
    port: options.port,
    hostname: options.hostname,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const probe = probes.get(pathname);
      if (probe !== undefined) {
        const status = probe() ? 200 : 503;
        return new Response(status === 200 ? "ok\n" : "not yet\n", { status });
      }
      if (pathname !== "/metrics")
        return new Response("not found; the metrics are at /metrics\n", { status: 404 });
      if (request.method !== "GET" && request.method !== "HEAD")
        return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
      // Not before the first scrape: see exposition.ts for what the import costs.
      const { expositionContentType, formatExposition } = await import("./exposition.ts");
      return new Response(formatExposition(registry), {
        headers: { "content-type": expositionContentType, "cache-control": "no-store" },
      });
    },
    error(error) {
      logger?.error({ err: error }, "metrics could not be collected");
      return new Response("metrics could not be collected\n", { status: 500 });
    },
  });
  const port = server.port ?? options.port;
  return { url: `${server.url.origin}/metrics`, port, stop: () => server.stop(true) };
}
