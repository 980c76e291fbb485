import { describe, expect, test } from "bun:test";
import { createRandom } from "./random.ts";
import { createRequests } from "./requests.ts";

const catalogue = {
  productIds: Array.from({ length: 1000 }, (_, i) => String(i + 1)),
  categorySlugs: ["hogar", "cocina y mesa"],
};

function drawPaths(mix: Parameters<typeof createRequests>[1], count: number): string[] {
  const next = createRequests(catalogue, mix, 1, createRandom(7));
  return Array.from({ length: count }, next);
}

describe("requests", () => {
  test("routes come by their shares", () => {
    const paths = drawPaths({ product: 0.7, list: 0.3 }, 50_000);
    const products = paths.filter((path) => path.startsWith("/api/v1/products/")).length;
    expect(products / paths.length).toBeCloseTo(0.7, 2);
  });

  test("products come by popularity, the first most often", () => {
    const paths = drawPaths({ product: 1 }, 50_000);
    const first = paths.filter((path) => path === "/api/v1/products/1").length;
    const tenth = paths.filter((path) => path === "/api/v1/products/10").length;
    expect(first / tenth).toBeGreaterThan(8.5);
    expect(first / tenth).toBeLessThan(11.5);
  });

  test("lists are the front page and the categories, escaped", () => {
    expect(new Set(drawPaths({ list: 1 }, 1000))).toEqual(
      new Set([
        "/api/v1/products",
        "/api/v1/products?category=hogar",
        "/api/v1/products?category=cocina%20y%20mesa",
      ]),
    );
  });
});
