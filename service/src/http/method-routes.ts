import type { OpenAPIHono } from "@hono/zod-openapi";
import { publicCorsHeaders, securityHeaders } from "./answer-headers.ts";
import { sendProblem } from "./problem-response.ts";

/** A day: the longest that Firefox keeps a preflight; what it says never changes. */
const preflightSeconds = 86_400;

/**
 * Answers the methods that a route lacks: 405 with `Allow`, and the preflights of public paths, which
 * a browser sends before a request with `If-None-Match`. To be called when all routes are mounted.
 * @param isPublic of a route's template: whether any origin may read it
 */
export function serveOtherMethods(app: OpenAPIHono, isPublic: (route: string) => boolean): void {
  const methodsOf = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const methods = methodsOf.get(path) ?? new Set();
    methods.add(method);
    if (method === "GET") methods.add("HEAD");
    methodsOf.set(path, methods);
  }
  for (const [path, methods] of methodsOf) {
    const readable = isPublic(path);
    const allow = [...methods, ...(readable ? ["OPTIONS"] : [])].sort().join(", ");
    app.all(path, (c) => {
      if (readable && c.req.method === "OPTIONS")
        return new Response(null, {
          status: 204,
          headers: {
            ...publicCorsHeaders,
            ...securityHeaders,
            allow,
            "access-control-allow-methods": allow,
            "access-control-allow-headers": "If-None-Match",
            "access-control-max-age": String(preflightSeconds),
            "cache-control": `public, max-age=${preflightSeconds}`,
          },
        });
      const refusal = sendProblem(c, "METHOD_NOT_ALLOWED", { detail: `${path} has ${allow}` });
      refusal.headers.set("allow", allow);
      return refusal;
    });
  }
}
