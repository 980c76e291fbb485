import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  buildCategoryTree,
  type CategoryRow,
  decideStockState,
  findCategory,
  formatProductDetail,
  formatProductSummary,
  type ProductDetailRow,
  tagsOfProduct,
  tagsOfProductList,
} from "./catalog.ts";
import { productDetailSchema, productSummarySchema } from "./schema.ts";

const row: ProductDetailRow = {
  id: "42",
  slug: "cafetera-aurora",
  title: "Cafetera Aurora",
  currency: "EUR",
  priceMinor: "1999",
  inStock: true,
  ratingAverage: "4.60",
  ratingCount: 12,
  image: "/img/42.webp",
  createdAt: "2026-01-02T03:04:05.678901Z",
  updatedAt: "2026-02-02T03:04:05.000000Z",
  vendorId: "7",
  vendorSlug: "casa-lupe",
  vendorName: "Casa Lupe",
  brandId: "3",
  brandSlug: "aurora",
  brandName: "Aurora",
  categoryId: "26",
  categorySlug: "cafeteras",
  categoryName: "Cafeteras",
  description: "Seis tazas.",
  attributes: { color: "rojo" },
  images: ["/img/42.webp"],
  variants: [
    { id: "1", sku: "C-1", attributes: { tazas: 3 }, priceMinor: 1999, available: 0 },
    { id: "2", sku: "C-2", attributes: { tazas: 6 }, priceMinor: 2499, available: 3 },
  ],
  breadcrumbs: [
    { id: "1", slug: "cocina", name: "Cocina" },
    { id: "26", slug: "cafeteras", name: "Cafeteras" },
  ],
};

describe("a product", () => {
  test("in a list has what its schema says", () => {
    const summary = formatProductSummary(row);
    expect(productSummarySchema.strict().parse(summary)).toEqual(summary);
    expect(summary.price).toEqual({ amountMinor: 1999, currency: "EUR" });
    expect(summary.rating).toEqual({ average: 4.6, count: 12 });
  });

  test("without a brand or an image has no such member", () => {
    const summary = formatProductSummary({
      ...row,
      image: null,
      brandId: null,
      brandSlug: null,
      brandName: null,
    });
    expect(summary).not.toHaveProperty("brand");
    expect(summary).not.toHaveProperty("image");
  });

  test("on its page has what its schema says", () => {
    const detail = formatProductDetail(row);
    expect(productDetailSchema.strict().parse(detail)).toEqual(detail);
    expect(detail.variants.map(({ stock }) => stock.state)).toEqual(["outOfStock", "lowStock"]);
  });

  test("has the stock of its best-stocked variant, whatever its list says", () => {
    expect(formatProductDetail(row)).toMatchObject({ inStock: true, stock: { state: "lowStock" } });
    const soldOut = formatProductDetail({ ...row, variants: [] });
    expect(soldOut).toMatchObject({ inStock: false, stock: { state: "outOfStock" } });
  });

  test("is tagged with what its page names", () => {
    expect(tagsOfProduct(formatProductDetail(row))).toEqual([
      "product:42",
      "vendor:7",
      "brand:3",
      "category:1",
      "category:26",
    ]);
  });
});

test.each([
  [-1, "outOfStock"],
  [0, "outOfStock"],
  [1, "lowStock"],
  [4, "lowStock"],
  [5, "inStock"],
] as const)("%d available is %s", (available, state) => {
  expect(decideStockState(available)).toBe(state);
});

test("a list is tagged with what narrows it and what it shows", () => {
  expect(tagsOfProductList({}, [{ id: "1" }])).toEqual(["products", "product:1"]);
  expect(tagsOfProductList({ categoryId: "5", vendorId: "7", brandId: "3" }, [])).toEqual([
    "category:5",
    "vendor:7",
    "brand:3",
  ]);
});

/** A forest in which a category's parent comes from those before it. */
const categoryRows = fc
  .array(fc.record({ parent: fc.nat(), products: fc.nat(100) }), { minLength: 1, maxLength: 40 })
  .map((drawn) =>
    drawn.map(({ parent, products }, index): CategoryRow => {
      const place = parent % (index + 1);
      return {
        id: String(index + 1),
        parentId: place === 0 ? null : String(place),
        slug: `c-${index + 1}`,
        name: `C ${index + 1}`,
        products,
      };
    }),
  );

describe("the tree of categories", () => {
  test("holds every category once and counts every product once", () => {
    fc.assert(
      fc.property(categoryRows, (rows) => {
        const tree = buildCategoryTree(rows);
        const slugs: string[] = [];
        const visit = (nodes: typeof tree): void => {
          for (const node of nodes) {
            slugs.push(node.slug);
            visit(node.children);
          }
        };
        visit(tree);
        expect(slugs.sort()).toEqual(rows.map(({ slug }) => slug).sort());
        expect(tree.reduce((sum, { productCount }) => sum + productCount, 0)).toBe(
          rows.reduce((sum, { products }) => sum + products, 0),
        );
      }),
    );
  });

  test("keeps siblings in the order that they came in", () => {
    const tree = buildCategoryTree([
      { id: "9", parentId: null, slug: "b", name: "B", products: 1 },
      { id: "1", parentId: null, slug: "a", name: "A", products: 2 },
    ]);
    expect(tree.map(({ slug }) => slug)).toEqual(["b", "a"]);
  });

  test("gives a category with the way to it and what is below it", () => {
    const tree = buildCategoryTree([
      { id: "1", parentId: null, slug: "cocina", name: "Cocina", products: 1 },
      { id: "2", parentId: "1", slug: "cafe", name: "Café", products: 2 },
      { id: "3", parentId: "2", slug: "cafeteras", name: "Cafeteras", products: 4 },
    ]);
    expect(findCategory(tree, "cafe")).toEqual({
      id: "2",
      slug: "cafe",
      name: "Café",
      productCount: 6,
      breadcrumbs: [
        { id: "1", slug: "cocina", name: "Cocina" },
        { id: "2", slug: "cafe", name: "Café" },
      ],
      children: [{ id: "3", slug: "cafeteras", name: "Cafeteras", productCount: 4, children: [] }],
    });
    expect(findCategory(tree, "tazas")).toBeNull();
  });
});
