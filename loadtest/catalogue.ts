import { z } from "zod";
import { apiPath, type VisitedCatalogue } from "./requests.ts";

/** More would not change what a Zipf law shows: rank 5,000 has 0.002 % of the requests. */
export const mostProducts = 5000;
/** At most this many list pages are read at the start, so that learning is no load of its own. */
export const mostListPages = 50;
/** The largest page of the API. */
const pageSize = 100;

const id = z.union([z.string(), z.int()]).transform(String);
const productPageSchema = z.object({
  items: z.array(z.object({ id })),
  nextCursor: z.string().nullish(),
});

interface CategoryNode {
  readonly slug: string;
  readonly children?: readonly CategoryNode[] | undefined;
}
const categorySchema: z.ZodType<CategoryNode> = z.object({
  slug: z.string(),
  get children() {
    return z.array(categorySchema).optional();
  },
});
const categoryTreeSchema = z.object({ items: z.array(categorySchema) });

/** Reads one JSON document of the shop by its path. Throws when there is no good answer. */
export type ReadJson = (path: string) => Promise<unknown>;

/**
 * Learns from the API itself what shoppers can ask for: products in the order of their popularity,
 * and every category. Throws what `readJson` throws, or a ZodError when the answer has another shape;
 * an empty catalogue is an error too, as there would be nothing to ask for.
 */
export async function loadCatalogue(readJson: ReadJson): Promise<VisitedCatalogue> {
  const productIds: string[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < mostListPages && productIds.length < mostProducts; page += 1) {
    const query = new URLSearchParams({ sort: "popular", limit: String(pageSize) });
    if (typeof cursor === "string") query.set("cursor", cursor);
    const answer = productPageSchema.parse(
      await readJson(`${apiPath}/products?${query.toString()}`),
    );
    productIds.push(...answer.items.map((product) => product.id));
    cursor = answer.nextCursor;
    if (typeof cursor !== "string") break;
  }
  if (productIds.length === 0) throw new Error("the catalogue is empty");
  const tree = categoryTreeSchema.parse(await readJson(`${apiPath}/categories`));
  return {
    productIds: productIds.slice(0, mostProducts),
    categorySlugs: tree.items.flatMap(slugsOf),
  };
}

function slugsOf(node: CategoryNode): string[] {
  return [node.slug, ...(node.children ?? []).flatMap(slugsOf)];
}
