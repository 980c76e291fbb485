import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { formatPath } from "@mestore/contract/fault";
import type { PageCache } from "../cache/index.ts";
import { describeCacheStatus } from "./cache-status.ts";
import { describeCompliance } from "./compliance.ts";
import type { History } from "./history.ts";
import { isLocalRequest } from "./loopback.ts";
import { describeOverview } from "./overview.ts";
import { cacheStatusSchema, complianceSchema, overviewSchema, problemSchema } from "./schema.ts";
import type { TuningState } from "./tuning-state.ts";

export interface PerformanceDeps {
  readonly cache: Pick<PageCache, "status">;
  readonly history: Pick<History, "window">;
  readonly tuning: TuningState;
  /** Address of the peer of a request, null where it is unknown: `server.requestIP` of Bun. */
  readonly requestIp: (request: Request) => string | null;
}

const noQuery = z.strictObject({});

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemSchema } },
});

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
      400: problem("Unknown query key"),
      403: problem("Not asked from this machine"),
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
  const routes = new OpenAPIHono({
    defaultHook: (result) =>
      result.success
        ? undefined
        : refuse(400, "VALIDATION_FAILED", { errors: queryFaults(result.error.issues) }),
  });
  routes.use(async (c, next) => {
    if (!isLocalRequest(requestIp(c.req.raw), c.req.raw.headers))
      return refuse(403, "LOCAL_ONLY", { detail: "answers only the machine that it runs on" });
    await next();
    c.header("cache-control", "no-store");
    return undefined;
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

interface QueryFault {
  readonly in: "query";
  readonly name: string;
  readonly message: string;
}

function refuse(status: 400 | 403, code: string, members: object): Response {
  const title = status === 400 ? "Bad Request" : "Forbidden";
  return Response.json(
    { type: "about:blank", title, status, code, ...members },
    {
      status,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    },
  );
}

function queryFaults(issues: readonly z.core.$ZodIssue[]): QueryFault[] {
  return issues.flatMap((issue): QueryFault[] =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => ({ in: "query", name, message: "unknown parameter" }))
      : [{ in: "query", name: formatPath(issue.path), message: issue.message }],
  );
}
