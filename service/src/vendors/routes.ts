import { createRoute } from "@hono/zod-openapi";
import type { LoadedPage, PageCache } from "../cache/index.ts";
import type { Database } from "../database/database.ts";
import { formatCanonicalUrl } from "../http/canonical-url.ts";
import { pageResponses } from "../http/openapi.ts";
import { answerPage } from "../http/page-response.ts";
import { createFoundPage, createMissingPage } from "../http/pages.ts";
import { resolveLanguage } from "../http/parameters.ts";
import { sendProblem } from "../http/problem-response.ts";
import { createRouter } from "../http/router.ts";
import { createVendorRepository } from "./repository.ts";
import {
  vendorDetailSchema,
  vendorListParameters,
  vendorListSchema,
  vendorParameters,
  vendorSlugParameter,
} from "./schema.ts";
import {
  formatVendorCursor,
  formatVendorDetail,
  formatVendorSummary,
  parseVendorCursor,
} from "./vendors.ts";

export interface VendorDependencies {
  readonly cache: Pick<PageCache, "fromL1" | "page">;
  readonly database: Database;
}

const vendorListRoute = createRoute({
  method: "get",
  path: "/vendors",
  summary: "Vendors by name, a page at a time",
  tags: ["vendors"],
  request: { query: vendorListParameters },
  responses: pageResponses("A page of vendors", vendorListSchema, null),
});

const vendorRoute = createRoute({
  method: "get",
  path: "/vendors/{slug}",
  summary: "A vendor",
  tags: ["vendors"],
  request: { params: vendorSlugParameter, query: vendorParameters },
  responses: pageResponses("The vendor", vendorDetailSchema, "No such vendor"),
});

/** `/vendors`, to be mounted at `/api/v1`. */
export function createVendorRoutes({ cache, database }: VendorDependencies) {
  const repository = createVendorRepository(database);
  return createRouter()
    .openapi(vendorListRoute, (c) => {
      const { limit, cursor, lang } = c.req.valid("query");
      const after = cursor === undefined ? undefined : parseVendorCursor(cursor);
      if (after === null)
        return sendProblem(c, "INVALID_CURSOR", {
          detail: "not a cursor of the list of vendors",
          errors: [{ in: "query", name: "cursor", message: "begin again without it" }],
        });
      const language = resolveLanguage(lang);
      const url = formatCanonicalUrl("/vendors", { limit, lang: language, cursor: after?.join() });
      const load = async (): Promise<LoadedPage> => {
        const { rows, more } = await repository.listVendors({ limit, after });
        const last = rows.at(-1);
        return createFoundPage(
          {
            items: rows.map(formatVendorSummary),
            nextCursor: more && last !== undefined ? formatVendorCursor(last) : null,
          },
          { language, tags: ["vendors", ...rows.map(({ id }) => `vendor:${id}`)] },
        );
      };
      return answerPage(c, cache, ["catalog", url], load);
    })
    .openapi(vendorRoute, (c) => {
      const { slug } = c.req.valid("param");
      const language = resolveLanguage(c.req.valid("query").lang);
      const url = formatCanonicalUrl(`/vendors/${slug}`, { lang: language });
      const load = async (): Promise<LoadedPage> => {
        const row = await repository.loadVendor(slug);
        if (row === null) return createMissingPage("VENDOR_NOT_FOUND", `no vendor is "${slug}"`);
        return createFoundPage(formatVendorDetail(row), { language, tags: [`vendor:${row.id}`] });
      };
      return answerPage(c, cache, ["catalog", url], load);
    });
}
