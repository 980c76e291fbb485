import { createRoute, z } from "@hono/zod-openapi";
import type { PageCache } from "../cache/index.ts";
import { publicCorsHeaders, securityHeaders } from "../http/answer-headers.ts";
import { problemResponse } from "../http/openapi.ts";
import { sendProblem } from "../http/problem-response.ts";
import { createRouter } from "../http/router.ts";
import { describeCacheStatus } from "./cache-status.ts";
import { describeCompliance } from "./compliance.ts";
import type { History } from "./history.ts";
import { isLocalRequest } from "./loopback.ts";
import { describeOverview } from "./overview.ts";
import { cacheStatusSchema, complianceSchema, overviewSchema } from "./schema.ts";
import type { TuningState } from "./tuning-state.ts";

export interface PerformanceDeps {
  readonly cache: Pick<PageCache, "status">;
  readonly history: Pick<History, "window">;
  readonly tuning: TuningState;
  /** Address of the peer of a request, null where it is unknown: `server.requestIP` of Bun. */
  readonly requestIp: (request: Request) => string | null;
}

const noQuery = z.strictObject({});

const answerHeaders = Object.entries({ "cache-control": "no-store", ...securityHeaders });

function describeRoute<Path extends string, Schema extends z.ZodType>(
  path: Path,
  summary: string,
  schema: Schema,
) {
  return createRoute({
    method: "get",
    path,
    summary,
    tags: ["performance"],
    request: { query: noQuery },
    responses: {
      200: { description: summary, content: { "application/json": { schema } } },
      400: problemResponse("Unknown query key"),
      403: problemResponse("Not asked from this machine"),
    },
  });
}

const complianceRoute = describeRoute(
  "/sla/compliance",
  "Each objective with its target, current value and verdict",
  complianceSchema,
);
const overviewRoute = describeRoute(
  "/metrics/overview",
  "API, database, cache, system and tuning at a glance",
  overviewSchema,
);
const cacheStatusRoute = describeRoute(
  "/cache/status",
  "Rates, operation times, TTL in force and shadow curve of each cache class",
  cacheStatusSchema,
);

/**
 * The performance API, to be mounted at `/api/v1/performance`. It answers only this machine: there
 * are no accounts yet that could be permitted to read it. Nothing of it is ever stored by a cache.
 */
export function createPerformanceRoutes({ cache, history, tuning, requestIp }: PerformanceDeps) {
  const routes = createRouter();
  routes.use(async (c, next) => {
    if (isLocalRequest(requestIp(c.req.raw), c.req.raw.headers)) await next();
    else
      c.res = sendProblem(c, "LOCAL_ONLY", { detail: "answers only the machine that it runs on" });
    for (const [name, value] of answerHeaders) c.header(name, value);
    // Problems of public routes may be read by any origin; a page in a browser here may not read these.
    for (const name of Object.keys(publicCorsHeaders)) c.res.headers.delete(name);
  });
  return routes
    .openapi(complianceRoute, (c) => c.json(describeCompliance(history.window()), 200))
    .openapi(overviewRoute, (c) =>
      c.json(describeOverview(history.window(), cache.status(), tuning), 200),
    )
    .openapi(cacheStatusRoute, (c) =>
      c.json(describeCacheStatus(history.window(), cache.status()), 200),
    );
}
