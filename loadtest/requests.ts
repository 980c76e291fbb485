import type { Random } from "./random.ts";
import type { RouteMix, WorkloadRoute } from "./workloads.ts";
import { createZipf } from "./zipf.ts";

/** What a driver knows of the shop that it visits. Both lists begin with the most popular. */
export interface VisitedCatalogue {
  readonly productIds: readonly string[];
  readonly categorySlugs: readonly string[];
}

/** The routes that these requests can be built for. */
export const requestableRoutes = ["product", "list"] as const satisfies readonly WorkloadRoute[];

type RequestableRoute = (typeof requestableRoutes)[number];

export const apiPath = "/api/v1";

/**
 * Gives the paths of a visit one after another: a route by its share, then a product or category by
 * its popularity. The first list of a shop without categories is its front page.
 */
export function createRequests(
  catalogue: VisitedCatalogue,
  mix: RouteMix,
  zipfExponent: number,
  random: Random,
): () => string {
  const products = catalogue.productIds.map(
    (id) => `${apiPath}/products/${encodeURIComponent(id)}`,
  );
  const lists = [
    `${apiPath}/products`,
    ...catalogue.categorySlugs.map(
      (slug) => `${apiPath}/products?category=${encodeURIComponent(slug)}`,
    ),
  ];
  const draw: Record<RequestableRoute, () => string> = {
    product: createPathDraw(products, zipfExponent, random),
    list: createPathDraw(lists, zipfExponent, random),
  };
  return () => {
    let left = random();
    for (const route of requestableRoutes) {
      left -= mix[route] ?? 0;
      if (left < 0) return draw[route]();
    }
    return draw.product();
  };
}

function createPathDraw(paths: readonly string[], zipfExponent: number, random: Random) {
  const drawRank = createZipf(paths.length, zipfExponent, random);
  return () => paths[drawRank()] ?? "";
}
