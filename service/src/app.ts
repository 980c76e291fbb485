import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { type CatalogDependencies, createCatalogRoutes } from "./catalog/index.ts";
import { createHealthRoutes } from "./http/health-routes.ts";
import { serveOtherMethods } from "./http/method-routes.ts";
import { observeRequests } from "./http/observe.ts";
import { serveOpenApi } from "./http/openapi-routes.ts";
import { problemCodeOf } from "./http/problem.ts";
import { sendProblem } from "./http/problem-response.ts";
import type { Readiness } from "./http/readiness.ts";
import { requestIdOf } from "./http/request-id.ts";
import { createRouter } from "./http/router.ts";
import { createPerformanceRoutes, type PerformanceDeps } from "./performance/index.ts";
import { createVendorRoutes, type VendorDependencies } from "./vendors/index.ts";

export interface AppDependencies extends CatalogDependencies, VendorDependencies {
  readonly cache: CatalogDependencies["cache"] & PerformanceDeps["cache"];
  readonly history: PerformanceDeps["history"];
  readonly tuning: PerformanceDeps["tuning"];
  readonly requestIp: PerformanceDeps["requestIp"];
  readonly readiness: Readiness;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

const apiPath = "/api/v1";
const performancePath = `${apiPath}/performance`;

/** Every route of the service, over what `deps` are; owns no socket and no timer. */
export function createApp(deps: AppDependencies): OpenAPIHono {
  const { registry, logger, monotonicMs } = deps;
  const app = createRouter();
  app.onError((error, c) => {
    const code = problemCodeOf(error);
    const line = { requestId: requestIdOf(c), method: c.req.method, path: c.req.path, code };
    // A store that is away is logged where it is noticed, once, not by each request that misses it.
    if (code === "INTERNAL_ERROR") logger.error({ ...line, err: error }, "request failed");
    else logger.debug({ ...line, reason: error.message }, "request could not be answered");
    return sendProblem(c, code);
  });
  app.notFound((c) => sendProblem(c, "ROUTE_NOT_FOUND", { detail: `there is no ${c.req.path}` }));
  app.use(
    `${apiPath}/*`,
    observeRequests({ registry, logger, monotonicMs, except: [`${performancePath}/`] }),
  );
  app.route("/", createHealthRoutes(deps));
  app.route(apiPath, createCatalogRoutes(deps));
  app.route(apiPath, createVendorRoutes(deps));
  app.route(performancePath, createPerformanceRoutes(deps));
  serveOpenApi(app);
  serveOtherMethods(app, isPublic);
  return app;
}

/** Whether the bytes of a route depend on nobody, so that any origin may read them. */
function isPublic(route: string): boolean {
  return (
    route === "/openapi.json" ||
    (route.startsWith(`${apiPath}/`) && !route.startsWith(`${performancePath}/`))
  );
}
