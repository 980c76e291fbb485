import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { useStores } from "@mestore/tools/stack/test-stores";
import postgres from "postgres";
import { migrateFully } from "../../test/app.fixture.ts";
import { seedCatalogue } from "../../test/catalogue.fixture.ts";
import type { Statement } from "../database/database.ts";
import { planVendorDetail, planVendorList } from "../vendors/repository.ts";
import { planProductDetail, planProductList, type ProductListPlan } from "./statements.ts";

/** Each index of the migrations stands for a statement here, and PostgreSQL's plan uses it. */
let sql: postgres.Sql;

beforeAll(async () => {
  const { postgresUrl } = await useStores();
  await migrateFully(postgresUrl);
  await seedCatalogue(postgresUrl, 5000);
  sql = postgres(postgresUrl, { max: 1, onnotice: () => {} });
  await sql`UPDATE variants SET attributes = '{"talla": "rara"}' WHERE id % 2000 = 7`;
  await sql`VACUUM ANALYZE variants`;
});
afterAll(() => sql.end());

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly Plans?: readonly PlanNode[];
}

async function explain({ text, parameters }: Statement): Promise<readonly PlanNode[]> {
  const [row] = await sql.unsafe<{ "QUERY PLAN": [{ Plan: PlanNode }] }[]>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    [...parameters],
    { prepare: false },
  );
  const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];
  return row === undefined ? [] : flatten(row["QUERY PLAN"][0].Plan);
}

const indexesOf = (plan: readonly PlanNode[]) => plan.flatMap((node) => node["Index Name"] ?? []);

/** Rows that were read of a table, by whatever scan. */
const rowsRead = (plan: readonly PlanNode[], table: string) =>
  plan
    .filter((node) => node["Relation Name"] === table)
    .reduce((sum, node) => sum + node["Actual Rows"], 0);

const list = (plan: Partial<ProductListPlan>) =>
  planProductList({ sort: "newest", limit: 24, ...plan });

describe("a page of a list that its order decides", () => {
  const newest = ["2026-05-01T00:00:00.000000Z", "500"];
  test.each<[string, Statement, string]>([
    ["the newest", list({}), "products_status_newest"],
    ["the newest, further on", list({ after: newest }), "products_status_newest"],
    ["the cheapest", list({ sort: "price" }), "products_price"],
    ["the cheapest, further on", list({ sort: "price", after: ["5000", "9"] }), "products_price"],
    ["the dearest", list({ sort: "-price" }), "products_price"],
    ["the best rated", list({ sort: "rating" }), "products_rating"],
    [
      "the best rated, further on",
      list({ sort: "rating", after: ["3.00", "100", "5"] }),
      "products_rating",
    ],
    ["the most popular", list({ sort: "popular" }), "products_popular"],
    [
      "the most popular, further on",
      list({ sort: "popular", after: ["5000", "9"] }),
      "products_popular",
    ],
    ["a vendor's newest", list({ vendorId: "5" }), "products_vendor_newest"],
    ["a brand's newest", list({ brandId: "5" }), "products_brand_newest"],
  ])("%s: reads the page and sorts nothing", async (_, statement, index) => {
    const plan = await explain(statement);
    expect(indexesOf(plan)).toContain(index);
    expect(plan.map((node) => node["Node Type"])).not.toContain("Sort");
    // A page of 25, and the few that a suspended vendor hides.
    expect(rowsRead(plan, "products")).toBeLessThan(50);
  });
});

describe("a filter that leaves little", () => {
  test.each<[string, Statement, string]>([
    ["a leaf of the tree", list({ categoryPath: "1.6.26" }), "products_category_path"],
    [
      "a leaf of the tree by price",
      list({ categoryPath: "1.6.26", sort: "price" }),
      "products_category_path",
    ],
    ["a narrow range of prices", list({ minPrice: 5000, maxPrice: 5100 }), "products_price"],
    ["a rare attribute", list({ attributes: [["modelo", "M7"]] }), "products_attributes"],
    [
      "a number as attribute",
      list({
        attributes: [
          ["peso", "150"],
          ["modelo", "M50"],
        ],
      }),
      "products_attributes",
    ],
    [
      "an attribute of few variants",
      list({ attributes: [["talla", "rara"]] }),
      "variants_attributes",
    ],
    ["some ids", list({ ids: ["1", "2", "3"] }), "products_pkey"],
  ])("%s: reads what is left", async (_, statement, index) => {
    const plan = await explain(statement);
    expect(indexesOf(plan)).toContain(index);
    expect(rowsRead(plan, "products")).toBeLessThan(100);
  });
});

test("two attributes, each on the product or on a variant: each by its indexes", async () => {
  const statement = list({
    attributes: [
      ["modelo", "M7"],
      ["talla", "rara"],
    ],
  });
  const plan = await explain(statement);
  expect(indexesOf(plan)).toContain("products_attributes");
  expect(indexesOf(plan)).toContain("variants_attributes");
  expect(rowsRead(plan, "products")).toBeLessThan(100);
});

describe("one thing", () => {
  test("a product by id, its variants, stock and breadcrumbs", async () => {
    const indexes = indexesOf(await explain(planProductDetail({ id: "42" })));
    for (const index of ["products_pkey", "variants_product", "stock_pkey", "categories_pkey"])
      expect(indexes).toContain(index);
  });

  test("a product by slug", async () => {
    const plan = await explain(planProductDetail({ slug: "producto-42" }));
    expect(indexesOf(plan)).toContain("products_slug_key");
  });

  test("the number of a vendor's products", async () => {
    const plan = await explain(planVendorDetail("vendedor-3"));
    expect(indexesOf(plan)).toContain("products_vendor_newest");
  });
});

test("vendors by name, where there are many", async () => {
  await sql`
    INSERT INTO vendors (slug, name) SELECT 'muchos-' || n, 'Muchos ' || n FROM generate_series(1, 5000) n`;
  await sql`ANALYZE vendors`;
  for (const after of [undefined, ["Muchos 300", "400"]]) {
    const plan = await explain(planVendorList(24, after));
    expect(indexesOf(plan)).toEqual(["vendors_name"]);
    expect(plan.map((node) => node["Node Type"])).not.toContain("Sort");
  }
});

test("every index of the catalogue is one of these, or belongs to a constraint", async () => {
  const rows = await sql<{ name: string }[]>`
    SELECT i.relname AS name FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public' AND NOT x.indisunique`;
  expect(rows.map(({ name }) => name).sort()).toEqual([
    "products_attributes",
    "products_brand_newest",
    "products_category_path",
    "products_popular",
    "products_price",
    "products_rating",
    "products_status_newest",
    "products_vendor_newest",
    "variants_attributes",
    "variants_product",
    "vendors_name",
  ]);
});
