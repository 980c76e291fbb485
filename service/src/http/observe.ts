import { serviceMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Distribution, Registry } from "@mestore/telemetry/registry";
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { requestIdOf } from "./request-id.ts";

export interface RequestObserver {
  readonly registry: Registry;
  readonly logger: Logger;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  /** Paths below these are somebody else's to observe. */
  readonly except: readonly string[];
}

/** Methods that are a label; a client may send any word (OpenTelemetry HTTP conventions, `_OTHER`). */
const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
]);

/**
 * Times and counts the requests that reach a route, and logs each at debug. A path that is no route
 * is logged but not counted: what scanners ask for says nothing about shoppers.
 */
export function observeRequests(options: RequestObserver): MiddlewareHandler {
  const { registry, logger, monotonicMs, except } = options;
  const durations = new Map<string, Distribution>();
  const active = registry.cell(serviceMetrics.activeRequests, {});
  let inFlight = 0;
  active.set(0);

  function durationOf(method: string, route: string, status: number): Distribution {
    const key = `${method} ${route} ${status}`;
    let duration = durations.get(key);
    if (duration === undefined) {
      duration = registry.distribution(serviceMetrics.requestDuration, {
        http_request_method: method,
        http_route: route,
        http_response_status_code: String(status),
      });
      durations.set(key, duration);
    }
    return duration;
  }

  return async (c, next) => {
    if (except.some((path) => c.req.path.startsWith(path))) {
      await next();
      return;
    }
    const startedMs = monotonicMs();
    active.set(++inFlight);
    try {
      await next();
    } finally {
      active.set(--inFlight);
    }
    const tookMs = monotonicMs() - startedMs;
    const { status } = c.res;
    const route = routePath(c, -1);
    const isRoute = !route.endsWith("*");
    if (isRoute) {
      const method = knownMethods.has(c.req.method) ? c.req.method : "_OTHER";
      durationOf(method, route, status).observe(tookMs / 1000);
    }
    if (logger.isLevelEnabled("debug"))
      logger.debug(
        {
          requestId: requestIdOf(c),
          method: c.req.method,
          path: c.req.path,
          ...(isRoute ? { route } : {}),
          status,
          tookMs: Math.round(tookMs * 1000) / 1000,
        },
        "request",
      );
  };
}
