import { createRoute, z } from "@hono/zod-openapi";
import { securityHeaders } from "./answer-headers.ts";
import { isReady, type Readiness } from "./readiness.ts";
import { createRouter } from "./router.ts";

const readinessSchema = z
  .object({
    status: z.enum(["ready", "degraded", "starting", "schemaBehind", "draining"]).openapi({
      description:
        "degraded: a store is away and what is cached is served on; schemaBehind: apply the migrations",
    }),
    dependencies: z.object({
      database: z.object({
        state: z.enum(["up", "down"]),
        schemaVersion: z.int().optional(),
        requiredSchemaVersion: z.int(),
      }),
      cache: z.object({ state: z.enum(["up", "down", "absent"]) }),
    }),
  })
  .openapi("Readiness");

const readinessContent = { "application/json": { schema: readinessSchema } };

const livezRoute = createRoute({
  method: "get",
  path: "/livez",
  summary: "Whether the process answers at all; touches no store",
  tags: ["health"],
  responses: {
    200: { description: "Alive", content: { "text/plain": { schema: z.literal("ok\n") } } },
  },
});

const readyzRoute = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether the process should get requests, and the state of each store",
  tags: ["health"],
  responses: {
    200: { description: "Ready, or degraded and serving", content: readinessContent },
    503: { description: "Starting, draining, or the schema is behind", content: readinessContent },
  },
});

const headers = { "cache-control": "no-store", ...securityHeaders } as const;

/** `/livez` and `/readyz`. */
export function createHealthRoutes({ readiness }: { readonly readiness: Readiness }) {
  return createRouter()
    .openapi(livezRoute, (c) => c.text("ok\n", 200, headers))
    .openapi(readyzRoute, async (c) => {
      const report = await readiness.report();
      return c.json(report, isReady(report) ? 200 : 503, headers);
    });
}
