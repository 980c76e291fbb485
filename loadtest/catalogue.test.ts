import { describe, expect, test } from "bun:test";
import { loadCatalogue } from "./catalogue.ts";

/** A shop with this many products, which remembers what it was asked. */
function createShop(products: number) {
  const asked: string[] = [];
  return {
    asked,
    readJson: async (path: string): Promise<unknown> => {
      asked.push(path);
      const url = new URL(path, "http://shop");
      if (url.pathname === "/api/v1/categories") {
        const bowls = { slug: "cuencos", children: [], count: 3 };
        return { items: [{ slug: "cocina", children: [bowls] }, { slug: "deporte" }] };
      }
      const from = Number(url.searchParams.get("cursor") ?? 0);
      const to = Math.min(products, from + Number(url.searchParams.get("limit")));
      const items = Array.from({ length: to - from }, (_, i) => ({ id: from + i + 1, title: "…" }));
      return to < products ? { items, nextCursor: String(to) } : { items };
    },
  };
}

describe("catalogue", () => {
  test("follows the cursor by popularity to the end", async () => {
    const shop = createShop(250);
    const catalogue = await loadCatalogue(shop.readJson);
    expect(catalogue.productIds).toHaveLength(250);
    expect(catalogue.productIds[0]).toBe("1");
    expect(catalogue.categorySlugs).toEqual(["cocina", "cuencos", "deporte"]);
    expect(shop.asked[1]).toBe("/api/v1/products?sort=popular&limit=100&cursor=100");
  });

  test("stops at 5,000 products and 50 pages", async () => {
    const shop = createShop(200_000);
    const catalogue = await loadCatalogue(shop.readJson);
    expect(catalogue.productIds).toHaveLength(5000);
    expect(shop.asked).toHaveLength(51);
  });

  test("an empty catalogue and an answer of another shape are errors", async () => {
    await expect(loadCatalogue(createShop(0).readJson)).rejects.toThrow("empty");
    await expect(loadCatalogue(async () => ({ products: [] }))).rejects.toThrow("items");
  });
});
