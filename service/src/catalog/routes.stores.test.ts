import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestStores, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import postgres from "postgres";
import { createTestApp, migrateFully, type TestApp } from "../../test/app.fixture.ts";
import { seedCatalogue, seededCategories } from "../../test/catalogue.fixture.ts";
import {
  type CategoryNode,
  categoryTreeSchema,
  type ProductDetail,
  productDetailSchema,
  productListSchema,
  productSorts,
  type ProductSummary,
} from "./schema.ts";

const products = 600;

let stores: TestStores;
let bed: TestApp;
let sql: postgres.Sql;

beforeAll(async () => {
  stores = await useStores();
  await migrateFully(stores.postgresUrl);
  await seedCatalogue(stores.postgresUrl, products);
  sql = postgres(stores.postgresUrl, { max: 1, onnotice: () => {} });
  bed = createTestApp(stores);
});
afterAll(async () => {
  await bed.close();
  await sql.end();
});

interface ProductPage {
  readonly items: ProductSummary[];
  readonly nextCursor?: string;
}

async function get<Answer>(path: string): Promise<Answer> {
  const response = await bed.app.request(`/api/v1${path}`);
  if (response.status !== 200) throw new Error(`${path}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function refusal(path: string) {
  const response = await bed.app.request(`/api/v1${path}`);
  const problem = (await response.json()) as { code: string; errors?: { name: string }[] };
  return { status: response.status, code: problem.code, errors: problem.errors };
}

/** Follows the cursors from the first page to the last. */
async function getAll(query: string, limit: number): Promise<ProductSummary[]> {
  const all: ProductSummary[] = [];
  let cursor: string | undefined;
  do {
    const after = cursor === undefined ? "" : `&cursor=${cursor}`;
    const page: ProductPage = await get(`/products?limit=${limit}&${query}${after}`);
    all.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

/** Ids as PostgreSQL gives them by a plain statement without pages. */
async function idsWhere(condition: string, order = "p.created_at DESC, p.id DESC") {
  const rows = await sql.unsafe<{ id: string }[]>(`
    SELECT p.id::text FROM products p JOIN vendors v ON v.id = p.vendor_id
    WHERE p.status = 'active' AND v.status = 'active' AND (${condition}) ORDER BY ${order}`);
  return rows.map(({ id }) => id);
}

const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id);

describe("a product list", () => {
  const orders = {
    newest: "p.created_at DESC, p.id DESC",
    price: "p.price_minor, p.id",
    "-price": "p.price_minor DESC, p.id DESC",
    rating: "p.rating_average DESC, p.rating_count DESC, p.id DESC",
    popular: "p.popularity DESC, p.id DESC",
  } as const;

  test.each(productSorts)(
    "by %s shows every product once, in order, page by page",
    async (sort) => {
      expect(ids(await getAll(`sort=${sort}`, 37))).toEqual(await idsWhere("true", orders[sort]));
    },
  );

  test("goes on where it was though products with equal values lie on both sides", async () => {
    await sql`UPDATE products SET popularity = 500000 WHERE id <= 100`;
    expect(ids(await getAll("sort=popular&brand=marca-2", 1))).toEqual(
      await idsWhere("p.brand_id = (SELECT id FROM brands WHERE slug = 'marca-2')", orders.popular),
    );
  });

  test.each([
    ["category=raiz-2", "p.category_path <@ '2'"],
    [
      "category=raiz-2-3",
      "p.category_path <@ (SELECT path FROM categories WHERE slug = 'raiz-2-3')",
    ],
    [
      "category=raiz-2-3-4",
      "p.category_id = (SELECT id FROM categories WHERE slug = 'raiz-2-3-4')",
    ],
    ["vendor=vendedor-5", "v.slug = 'vendedor-5'"],
    ["brand=marca-7", "p.brand_id = (SELECT id FROM brands WHERE slug = 'marca-7')"],
    ["minPrice=10000&maxPrice=20000", "p.price_minor BETWEEN 10000 AND 20000"],
    ["inStock=true", "p.in_stock"],
    ["inStock=false", "NOT p.in_stock"],
    ["attr.color=rojo", "p.attributes ->> 'color' = 'rojo'"],
    ["attr.peso=151", "p.attributes ->> 'peso' = '151'"],
    ["attr.color=azul&attr.modelo=M51", 'p.attributes @> \'{"color": "azul", "modelo": "M51"}\''],
    [
      "attr.talla=1",
      "p.id IN (SELECT product_id FROM variants WHERE attributes ->> 'talla' = '1')",
    ],
    ["attr.color=rojo&attr.talla=1", "p.attributes ->> 'color' = 'rojo'"],
    ["ids=1,2,3,50,99999", "p.id IN (1, 2, 3, 50, 99999)"],
    [
      "category=raiz-1&vendor=vendedor-11&inStock=true&minPrice=1",
      "p.category_path <@ '1' AND v.slug = 'vendedor-11' AND p.in_stock",
    ],
  ])("with %s shows these and no others", async (query, condition) => {
    const expected = await idsWhere(condition);
    expect(expected.length).toBeGreaterThan(0);
    expect(ids(await getAll(query, 50))).toEqual(expected);
  });

  test("finds what a product has in several values, and all that is asked for on one variant", async () => {
    await sql`
      UPDATE variants SET attributes = attributes ||
        CASE position WHEN 0 THEN '{"corte": "S", "tinte": "lima"}' ELSE '{"corte": "M", "tinte": "malva"}' END::jsonb
      WHERE product_id IN (11, 12)`;
    expect(ids(await getAll("attr.corte=M", 50)).sort()).toEqual(["11", "12"]);
    expect(ids(await getAll("attr.corte=M&attr.tinte=malva", 50)).sort()).toEqual(["11", "12"]);
    expect(ids(await getAll("attr.corte=M&attr.tinte=lima", 50))).toEqual([]);
    const [model] = await sql<{ modelo: string }[]>`
      SELECT attributes ->> 'modelo' AS modelo FROM products WHERE id = 11`;
    expect(ids(await getAll(`attr.corte=M&attr.modelo=${model?.modelo}`, 50))).toEqual(["11"]);
    expect(ids(await getAll("attr.corte=XL", 50))).toEqual([]);
  });

  test("takes no sibling for a descendant whose path begins with the same digits", async () => {
    const roots = ids(await getAll("category=raiz-1", 100));
    const others = await idsWhere("p.category_path <@ '2' OR p.category_path <@ '5'");
    expect(others.filter((id) => roots.includes(id))).toEqual([]);
  });

  test("shows nothing of a suspended vendor and nothing archived", async () => {
    const shown = await getAll("", 100);
    expect(shown.some(({ vendor }) => vendor.slug === "vendedor-60")).toBe(false);
    expect(shown.some(({ id }) => Number(id) % 50 === 0)).toBe(false);
    expect(await refusal("/products?vendor=vendedor-60")).toMatchObject({
      status: 404,
      code: "VENDOR_NOT_FOUND",
    });
  });

  test("can be trimmed to some fields", async () => {
    const { items } = await get<ProductPage>("/products?fields=price,id&limit=3");
    expect(items).toHaveLength(3);
    for (const item of items) expect(Object.keys(item).sort()).toEqual(["id", "price"]);
  });

  test("has 24 products where no limit is given, and fits its schema", async () => {
    const page = await get<ProductPage>("/products");
    expect(page.items).toHaveLength(24);
    expect(productListSchema.strict().parse(page)).toEqual(page);
  });

  test("of nothing is empty and has no next page", async () => {
    expect(await get<ProductPage>("/products?minPrice=999999999999999")).toEqual({ items: [] });
  });

  test.each([
    ["/products?category=no-such", 404, "CATEGORY_NOT_FOUND"],
    ["/products?vendor=no-such", 404, "VENDOR_NOT_FOUND"],
    ["/products?brand=no-such", 404, "BRAND_NOT_FOUND"],
    ["/products?cursor=bm90LWEtY3Vyc29y", 400, "INVALID_CURSOR"],
    ["/products?page=2", 400, "VALIDATION_FAILED"],
  ])("%s is refused", async (path, status, code) => {
    expect(await refusal(path)).toMatchObject({ status, code });
  });

  test("refuses the cursor of another sort", async () => {
    const { nextCursor } = await get<ProductPage>("/products?sort=price");
    expect(await refusal(`/products?sort=rating&cursor=${nextCursor}`)).toMatchObject({
      status: 400,
      code: "INVALID_CURSOR",
      errors: [{ name: "cursor" }],
    });
  });

  test("that asks the same in other words is the same page of the cache", async () => {
    await get("/products?attr.color=verde&limit=24&ids=7,9,8&fields=title,id");
    bed.takeStatements();
    await get("/products?fields=id,title,id&ids=8,7,9,7&sort=newest&attr.color=verde&lang=es");
    expect(bed.takeStatements()).toEqual({});
  });
});

describe("a product", () => {
  test("is found by id and by slug, and fits its schema", async () => {
    const byId = await get<ProductDetail>("/products/42");
    expect(productDetailSchema.strict().parse(byId)).toEqual(byId);
    expect(await get<ProductDetail>("/products/producto-42")).toEqual(byId);
    expect(byId.variants.map(({ sku }) => sku)).toEqual(["P42-0", "P42-1"]);
    expect(byId.breadcrumbs).toHaveLength(3);
    expect(byId.breadcrumbs.at(-1)).toEqual(byId.category);
  });

  test("can be trimmed to some fields", async () => {
    expect(await get<object>("/products/42?fields=title")).toEqual({ title: "Producto 42" });
  });

  test.each([
    ["no such id", "/products/999999"],
    ["no such slug", "/products/no-such"],
    ["an archived one", "/products/50"],
    ["one of a suspended vendor", "/products/61"],
    ["an id with a zero before it", "/products/042"],
    ["an id beyond the database's", `/products/${"9".repeat(30)}`],
  ])("is not found: %s", async (_, path) => {
    expect(await refusal(path)).toMatchObject({ status: 404, code: "PRODUCT_NOT_FOUND" });
  });

  test.each([
    ["/products/Not%20a%20Slug", "idOrSlug"],
    ["/products/a%00b", "idOrSlug"],
    ["/products/42?expand=all", "expand"],
    ["/products/42?fields=cost", "fields"],
  ])("%s names the parameter that is wrong", async (path, name) => {
    expect(await refusal(path)).toMatchObject({
      status: 400,
      code: "VALIDATION_FAILED",
      errors: [{ name }],
    });
  });

  test("that is missing is remembered: asking again costs no statement", async () => {
    await refusal("/products/888888");
    bed.takeStatements();
    expect(await refusal("/products/888888")).toMatchObject({ status: 404 });
    expect(bed.takeStatements()).toEqual({});
  });
});

describe("categories", () => {
  test("are one tree whose counts take in descendants", async () => {
    const tree = await get<{ items: CategoryNode[] }>("/categories");
    expect(categoryTreeSchema.parse(tree)).toEqual(tree);
    const flat = (nodes: CategoryNode[]): CategoryNode[] =>
      nodes.flatMap((node) => [node, ...flat(node.children)]);
    expect(flat(tree.items)).toHaveLength(seededCategories);
    expect(tree.items.map(({ slug }) => slug)).toEqual(Array.from("12345", (n) => `raiz-${n}`));
    for (const slug of ["raiz-4", "raiz-4-2", "raiz-4-2-1"]) {
      const node = flat(tree.items).find((one) => one.slug === slug);
      const below = await idsWhere(
        `p.category_path <@ (SELECT path FROM categories WHERE slug = '${slug}')`,
      );
      expect(node?.productCount).toBe(below.length);
    }
  });

  test("have a page each, with the way to it", async () => {
    const category = await get<{ breadcrumbs: { slug: string }[]; children: CategoryNode[] }>(
      "/categories/raiz-4-2",
    );
    expect(category.breadcrumbs.map(({ slug }) => slug)).toEqual(["raiz-4", "raiz-4-2"]);
    expect(category.children).toHaveLength(4);
    expect(await refusal("/categories/no-such")).toMatchObject({
      status: 404,
      code: "CATEGORY_NOT_FOUND",
    });
  });
});

describe("the budget of SQL statements (list 2, detail 3, cached 0)", () => {
  test.each([
    ["/products?sort=price&limit=11", { product_list: 1 }],
    [
      "/products?category=raiz-3&vendor=vendedor-7&limit=11",
      { product_list_filters: 1, product_list: 1 },
    ],
    ["/products/77", { product_detail: 1 }],
    ["/products/producto-78?fields=id", { product_detail: 1 }],
    ["/categories/raiz-5", { category_counts: 1 }],
  ])("%s", async (path, cold) => {
    bed.takeStatements();
    await get(path);
    expect(bed.takeStatements()).toEqual(cold);
    await get(path);
    expect(bed.takeStatements()).toEqual({});
  });

  test("one load serves all who ask at the same time", async () => {
    bed.takeStatements();
    await Promise.all(Array.from({ length: 20 }, () => get("/products/79")));
    expect(bed.takeStatements()).toEqual({ product_detail: 1 });
  });

  test("another process finds the page in the shared layer", async () => {
    const other = createTestApp(stores);
    let product = 80;
    try {
      // Until its connection is there, the other one loads by itself.
      await waitFor(async () => {
        product += 1;
        await get(`/products/${product}`);
        other.takeStatements();
        const response = await other.app.request(`/api/v1/products/${product}`);
        expect(response.status).toBe(200);
        return Object.keys(other.takeStatements()).length === 0;
      });
    } finally {
      await other.close();
    }
  });
});

describe("validators", () => {
  test("spare the body, and change with the bytes", async () => {
    const first = await bed.app.request("/api/v1/products/43");
    const etag = first.headers.get("etag") ?? "";
    const again = await bed.app.request("/api/v1/products/43", {
      headers: { "if-none-match": etag },
    });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    expect(again.headers.get("surrogate-key")).toBe(first.headers.get("surrogate-key"));
    const trimmed = await bed.app.request("/api/v1/products/43?fields=id", {
      headers: { "if-none-match": etag },
    });
    expect(trimmed.status).toBe(200);
  });

  test("surrogate keys name what a page shows", async () => {
    const { headers } = await bed.app.request("/api/v1/products?category=raiz-1&limit=2");
    const page = await get<ProductPage>("/products?category=raiz-1&limit=2");
    expect(headers.get("surrogate-key")?.split(" ")).toEqual([
      "category:1",
      ...page.items.map(({ id }) => `product:${id}`),
    ]);
  });
});
