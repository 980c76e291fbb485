import { createRoute } from "@hono/zod-openapi";
import type { LoadedPage, PageCache } from "../cache/index.ts";
import type { Database } from "../database/database.ts";
import { formatCanonicalUrl } from "../http/canonical-url.ts";
import type { CursorPosition } from "../http/cursor.ts";
import { pageResponses } from "../http/openapi.ts";
import { answerPage } from "../http/page-response.ts";
import { createFoundPage, createMissingPage } from "../http/pages.ts";
import { pickFields, resolveLanguage } from "../http/parameters.ts";
import { sendProblem } from "../http/problem-response.ts";
import { createRouter } from "../http/router.ts";
import {
  buildCategoryTree,
  findCategory,
  formatProductDetail,
  formatProductSummary,
  tagsOfProduct,
  tagsOfProductList,
} from "./catalog.ts";
import { formatProductCursor, parseProductCursor } from "./orders.ts";
import { type CatalogRepository, createCatalogRepository } from "./repository.ts";
import {
  attributeParameter,
  categoryDetailSchema,
  categoryParameters,
  categorySlugParameter,
  categoryTreeSchema,
  idOrSlugParameter,
  productDetailParameters,
  productDetailSchema,
  type ProductListParameters,
  productListQuery,
  productListSchema,
} from "./schema.ts";

export interface CatalogDependencies {
  readonly cache: Pick<PageCache, "fromL1" | "page">;
  readonly database: Database;
}

const productListRoute = createRoute({
  method: "get",
  path: "/products",
  summary: "Products on sale, a page at a time",
  tags: ["catalog"],
  parameters: [attributeParameter],
  request: { query: productListQuery },
  responses: pageResponses(
    "A page of products",
    productListSchema,
    "No category, vendor or brand has this slug",
  ),
});

const productRoute = createRoute({
  method: "get",
  path: "/products/{idOrSlug}",
  summary: "A product with its variants",
  tags: ["catalog"],
  request: { params: idOrSlugParameter, query: productDetailParameters },
  responses: pageResponses(
    "The product; with `fields` only the members named",
    productDetailSchema,
    "No such product is on sale",
  ),
});

const categoriesRoute = createRoute({
  method: "get",
  path: "/categories",
  summary: "The tree of categories",
  tags: ["catalog"],
  request: { query: categoryParameters },
  responses: pageResponses("Roots with all below them", categoryTreeSchema, null),
});

const categoryRoute = createRoute({
  method: "get",
  path: "/categories/{slug}",
  summary: "A category with the way to it and what is below it",
  tags: ["catalog"],
  request: { params: categorySlugParameter, query: categoryParameters },
  responses: pageResponses("The category", categoryDetailSchema, "No such category"),
});

/** `/products` and `/categories`, to be mounted at `/api/v1`. */
export function createCatalogRoutes({ cache, database }: CatalogDependencies) {
  const repository = createCatalogRepository(database);
  return createRouter()
    .openapi(productListRoute, (c) => {
      const query = c.req.valid("query");
      const after =
        query.cursor === undefined ? undefined : parseProductCursor(query.cursor, query.sort);
      if (after === null)
        return sendProblem(c, "INVALID_CURSOR", {
          detail: `not a cursor of a list sorted by ${query.sort}`,
          errors: [{ in: "query", name: "cursor", message: "begin again without it" }],
        });
      const url = formatProductListUrl(query, after);
      return answerPage(c, cache, ["catalog", url], () =>
        loadProductList(repository, query, after),
      );
    })
    .openapi(productRoute, (c) => {
      const { idOrSlug } = c.req.valid("param");
      const { fields, lang } = c.req.valid("query");
      const language = resolveLanguage(lang);
      const url = formatCanonicalUrl(`/products/${idOrSlug}`, {
        fields: fields?.join(),
        lang: language,
      });
      const load = async (): Promise<LoadedPage> => {
        const row = await repository.loadProduct(idOrSlug);
        if (row === null)
          return createMissingPage("PRODUCT_NOT_FOUND", `no product on sale is "${idOrSlug}"`);
        const product = formatProductDetail(row);
        return createFoundPage(pickFields(product, fields), {
          language,
          tags: tagsOfProduct(product),
        });
      };
      return answerPage(c, cache, ["product", url], load);
    })
    .openapi(categoriesRoute, (c) => {
      const language = resolveLanguage(c.req.valid("query").lang);
      const url = formatCanonicalUrl("/categories", { lang: language });
      const load = async () => {
        const items = buildCategoryTree(await repository.loadCategories());
        return createFoundPage({ items }, { language, tags: ["categories"] });
      };
      return answerPage(c, cache, ["catalog", url], load);
    })
    .openapi(categoryRoute, (c) => {
      const { slug } = c.req.valid("param");
      const language = resolveLanguage(c.req.valid("query").lang);
      const url = formatCanonicalUrl(`/categories/${slug}`, { lang: language });
      const load = async (): Promise<LoadedPage> => {
        const tree = buildCategoryTree(await repository.loadCategories());
        const category = findCategory(tree, slug);
        if (category === null)
          return createMissingPage("CATEGORY_NOT_FOUND", `no category is "${slug}"`);
        const tags = category.breadcrumbs.map(({ id }) => `category:${id}`);
        return createFoundPage(category, { language, tags: ["categories", ...tags] });
      };
      return answerPage(c, cache, ["catalog", url], load);
    });
}

/** Values as they were understood; the cursor is written anew, so that no other spelling is another page. */
function formatProductListUrl(
  query: ProductListParameters,
  after: CursorPosition | undefined,
): string {
  const { attributes, lang, fields, ids } = query;
  return formatCanonicalUrl("/products", {
    limit: query.limit,
    sort: query.sort,
    category: query.category,
    vendor: query.vendor,
    brand: query.brand,
    minPrice: query.minPrice,
    maxPrice: query.maxPrice,
    inStock: query.inStock,
    ids: ids?.join(),
    fields: fields?.join(),
    lang: resolveLanguage(lang),
    cursor: after === undefined ? undefined : formatProductCursor(query.sort, after),
    ...Object.fromEntries(attributes.map(([name, value]) => [`attr.${name}`, value])),
  });
}

async function loadProductList(
  repository: CatalogRepository,
  query: ProductListParameters,
  after: CursorPosition | undefined,
): Promise<LoadedPage> {
  const { category, vendor, brand, sort } = query;
  const named = category ?? vendor ?? brand;
  const found = named === undefined ? null : await repository.lookUpFilters(query);
  if (category !== undefined && found?.categoryId === null)
    return createMissingPage("CATEGORY_NOT_FOUND", `no category is "${category}"`);
  if (vendor !== undefined && found?.vendorId === null)
    return createMissingPage("VENDOR_NOT_FOUND", `no vendor is "${vendor}"`);
  if (brand !== undefined && found?.brandId === null)
    return createMissingPage("BRAND_NOT_FOUND", `no brand is "${brand}"`);
  const scope = {
    categoryId: found?.categoryId ?? undefined,
    vendorId: found?.vendorId ?? undefined,
    brandId: found?.brandId ?? undefined,
  };
  const { rows, more } = await repository.listProducts({
    ...query,
    ...scope,
    categoryPath: found?.categoryPath ?? undefined,
    after,
  });
  const last = rows.at(-1);
  const products = rows.map(formatProductSummary);
  const nextCursor = more && last !== undefined ? formatProductCursor(sort, last.position) : null;
  return createFoundPage(
    { items: products.map((product) => pickFields(product, query.fields)), nextCursor },
    { language: resolveLanguage(query.lang), tags: tagsOfProductList(scope, products) },
  );
}
