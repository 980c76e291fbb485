import type { OpenAPIHono } from "@hono/zod-openapi";
import { createPage, type Page } from "../cache/index.ts";
import { sendPage } from "./page-response.ts";

/**
 * Serves the description of every route that `app` has when it is first asked for. Made once, and
 * late: it costs 20 ms that a start need not wait for.
 */
export function serveOpenApi(app: OpenAPIHono): void {
  let page: Page | undefined;
  app.get("/openapi.json", (c) => {
    page ??= createPage({ status: 200, json: describeApi(app), language: "en", tags: [] });
    return sendPage(c, { page, outcome: "hit", layer: "l1", ageSeconds: 0 });
  });
}

/** The text of the document; docs/openapi.json is this, formatted as the rest of the tree. */
export function formatApi(app: OpenAPIHono): string {
  return `${JSON.stringify(describeApi(app), null, 2)}\n`;
}

/** The OpenAPI 3.1 document. */
function describeApi(app: OpenAPIHono) {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "MeStore",
      version: "1",
      description:
        "Storefront of a multi-vendor marketplace. Members that would be null are absent. Money is in minor units of its currency. Pages are public and carry validators; errors are problems (RFC 9457) with a stable `code`.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "catalog", description: "Products and categories" },
      { name: "vendors", description: "Who sells" },
      { name: "performance", description: "Objectives, caches and tuning of this process" },
      { name: "health", description: "For load balancers and supervisors" },
    ],
  });
}
