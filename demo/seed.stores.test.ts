import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { useStores } from "@mestore/tools/stack/test-stores";
import { SQL } from "bun";
import { createCatalogue } from "./catalogue.ts";
import { catalogueTables } from "./rows.ts";
import { SeedError, type SeedErrorCode } from "./seed-error.ts";
import { isCatalogueEmpty, seedDemo } from "./seed.ts";

const migrationsFolder = fileURLToPath(new URL("../service/migrations", import.meta.url));

interface Shop {
  readonly url: string;
  readonly sql: SQL;
}

const shops: Shop[] = [];

/** A database of its own with the schema and no rows. */
async function openShop(): Promise<Shop> {
  const { postgresUrl: url } = await useStores();
  const sql = new SQL({ url, max: 2 });
  shops.push({ url, sql });
  await migrate(sql);
  return { url, sql };
}

async function migrate(sql: SQL): Promise<void> {
  for (const file of [...new Bun.Glob("*.sql").scanSync(migrationsFolder)].toSorted())
    await sql.unsafe(await Bun.file(`${migrationsFolder}/${file}`).text()).simple();
}

afterAll(async () => {
  for (const { sql } of shops) await sql.close({ timeout: 0 });
});

async function countRows(sql: SQL): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const table of catalogueTables) {
    const [row]: { n: number }[] = await sql.unsafe(`SELECT count(*)::int AS n FROM ${table}`);
    counts[table] = row?.n ?? -1;
  }
  return counts;
}

/** Every constraint and index of the catalogue by its definition. */
async function describeSchema(sql: SQL): Promise<readonly string[]> {
  const rows: { line: string }[] = await sql`
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY line`;
  return rows.map(({ line }) => line);
}

async function countOf(sql: SQL, condition: string): Promise<number> {
  const [row]: { n: number }[] = await sql.unsafe(`SELECT count(*)::int AS n ${condition}`);
  return row?.n ?? -1;
}

async function refusalOf(seeding: Promise<unknown>): Promise<SeedErrorCode | "NONE"> {
  try {
    await seeding;
    return "NONE";
  } catch (error) {
    if (error instanceof SeedError) return error.code;
    throw error;
  }
}

const nothing = { vendors: 0, brands: 0, categories: 0, products: 0, variants: 0, stock: 0 };

describe("a catalogue of 5,000", () => {
  const size = 5000;
  let shop: Shop;
  let schemaBefore: readonly string[];
  let variants: number;
  const progress: number[] = [];

  beforeAll(async () => {
    shop = await openShop();
    schemaBefore = await describeSchema(shop.sql);
    expect(await isCatalogueEmpty(shop.url)).toBe(true);
    const result = await seedDemo({
      postgresUrl: shop.url,
      products: size,
      onProgress: ({ products, total }) => {
        expect(total).toBe(size);
        progress.push(products);
      },
    });
    expect(result.products).toBe(size);
    expect(result.seconds).toBeGreaterThan(0);
    ({ variants } = result);
  });

  test("is all there", async () => {
    const { categories, brands, vendors } = createCatalogue({ products: size });
    expect(await countRows(shop.sql)).toEqual({
      vendors: vendors.length,
      brands: brands.length,
      categories: categories.length,
      products: size,
      variants,
      stock: variants,
    });
    expect(await isCatalogueEmpty(shop.url)).toBe(false);
  });

  test("reports progress up to the end", () => {
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.length).toBeGreaterThan(3);
    expect(progress.at(-1)).toBe(size);
  });

  test("arrives as it was generated", async () => {
    const product = createCatalogue({ products: size }).product(4321);
    const [row] = await shop.sql`
      SELECT slug, title, description, attributes, price_minor::int AS price, category_path::text AS path,
             (rating_average * 100)::int AS stars, created_at AS created, in_stock AS stocked
      FROM products WHERE id = 4321`;
    expect(row).toEqual({
      slug: product.slug,
      title: product.title,
      description: product.description,
      attributes: product.attributes,
      price: product.priceMinor,
      path: product.categoryPath,
      stars: product.ratingHundredths,
      created: new Date(product.createdAtMs),
      stocked: product.inStock,
    });
    const rows = await shop.sql`
      SELECT sku, attributes, price_minor::int AS "priceMinor", on_hand AS "onHand"
      FROM variants JOIN stock ON variant_id = id WHERE product_id = 4321 ORDER BY position`;
    expect([...rows]).toEqual([...product.variants]);
  });

  test.each([
    [
      "a product without vendor",
      "FROM products p LEFT JOIN vendors v ON v.id = vendor_id WHERE v.id IS NULL",
    ],
    [
      "a product without brand",
      "FROM products p LEFT JOIN brands b ON b.id = brand_id WHERE b.id IS NULL",
    ],
    [
      "a product whose path is not its category's",
      "FROM products p LEFT JOIN categories c ON c.id = category_id WHERE c.path IS DISTINCT FROM p.category_path",
    ],
    [
      "a category outside its parent",
      "FROM categories c JOIN categories p ON p.id = c.parent_id WHERE c.path <> p.path || c.id::text",
    ],
    [
      "a category that should have a parent",
      "FROM categories WHERE (parent_id IS NULL) <> (nlevel(path) = 1)",
    ],
    [
      "a product in a category that is not a leaf",
      "FROM products WHERE nlevel(category_path) <> 3",
    ],
    [
      "a variant without product",
      "FROM variants v LEFT JOIN products p ON p.id = product_id WHERE p.id IS NULL",
    ],
    [
      "stock without variant",
      "FROM stock s LEFT JOIN variants v ON v.id = variant_id WHERE v.id IS NULL",
    ],
    [
      "a variant without stock",
      "FROM variants v LEFT JOIN stock s ON s.variant_id = v.id WHERE s IS NULL",
    ],
    [
      "a product whose price is not its cheapest variant's",
      "FROM products p WHERE price_minor IS DISTINCT FROM (SELECT min(price_minor) FROM variants WHERE product_id = p.id)",
    ],
    [
      "a product that is wrong about its stock",
      `FROM products p WHERE in_stock IS DISTINCT FROM (SELECT bool_or(on_hand - reserved > 0)
       FROM variants JOIN stock ON variant_id = variants.id WHERE product_id = p.id)`,
    ],
  ])("there is no such thing as %s", async (_, condition) => {
    expect(await countOf(shop.sql, condition)).toBe(0);
  });

  test("leaves every constraint and index as the migrations made it", async () => {
    expect(await describeSchema(shop.sql)).toEqual([...schemaBefore]);
    expect(await countOf(shop.sql, "FROM pg_constraint WHERE NOT convalidated")).toBe(0);
  });

  test("has statistics, so that the first plans are good ones", async () => {
    const [row]: { tuples: number }[] = await shop.sql`
      SELECT reltuples::int AS tuples FROM pg_class WHERE oid = 'products'::regclass`;
    expect(row?.tuples).toBe(size);
  });

  test("sequences go on where it ends", async () => {
    const [row]: { id: number }[] = await shop.sql`
      INSERT INTO products (slug, product_key, vendor_id, category_id, category_path, title, currency, price_minor)
      SELECT 'nuevo', 'NUE-1', 1, id, path, 'Nuevo', 'EUR', 100 FROM categories WHERE nlevel(path) = 3 LIMIT 1
      RETURNING id::int AS id`;
    expect(row?.id).toBe(size + 1);
    const [variant]: { id: number }[] = await shop.sql`
      INSERT INTO variants (product_id, sku, price_minor) VALUES (${row?.id ?? 0}, 'NUE-1-01', 100)
      RETURNING id::int AS id`;
    expect(variant?.id).toBe(variants + 1);
    await shop.sql`DELETE FROM products WHERE id = ${row?.id ?? 0}`;
  });

  test("a second catalogue is refused and changes nothing", async () => {
    const before = await countRows(shop.sql);
    expect(await refusalOf(seedDemo({ postgresUrl: shop.url, products: 10 }))).toBe("NOT_EMPTY");
    expect(await countRows(shop.sql)).toEqual(before);
  });
});

describe("a failure on the way leaves nothing", () => {
  test("the backend is terminated", async () => {
    const { url, sql } = await openShop();
    const schemaBefore = await describeSchema(sql);
    let terminated: Promise<unknown> | null = null;
    const seeding = seedDemo({
      postgresUrl: url,
      products: 20_000,
      onProgress: ({ products }) => {
        if (products >= 5000)
          terminated ??= Promise.resolve(
            sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'mestore-demo' AND datname = current_database()`,
          );
      },
    });
    expect(await refusalOf(seeding)).toBe("LOAD_FAILED");
    await terminated;
    expect(terminated).not.toBeNull();
    expect(await countRows(sql)).toEqual(nothing);
    expect(await describeSchema(sql)).toEqual([...schemaBefore]);
    expect(await refusalOf(seedDemo({ postgresUrl: url, products: 100 }))).toBe("NONE");
  });

  test("the caller gives up", async () => {
    const { url, sql } = await openShop();
    const seeding = seedDemo({
      postgresUrl: url,
      products: 20_000,
      onProgress: () => {
        throw new Error("enough");
      },
    });
    expect(await seeding.catch(String)).toBe("Error: enough");
    expect(await countRows(sql)).toEqual(nothing);
  });

  test("a row breaks a constraint that was dropped for the load", async () => {
    const { url, sql } = await openShop();
    await sql.unsafe("CREATE UNIQUE INDEX one_of_each ON products (category_id)");
    expect(await refusalOf(seedDemo({ postgresUrl: url, products: 2000 }))).toBe("LOAD_FAILED");
    expect(await countRows(sql)).toEqual(nothing);
    expect(await describeSchema(sql)).toContain(
      "CREATE UNIQUE INDEX one_of_each ON public.products USING btree (category_id)",
    );
  });

  test("a row breaks a constraint during the load", async () => {
    const { url, sql } = await openShop();
    await sql.unsafe("ALTER TABLE variants ADD CONSTRAINT one_only CHECK (position = 0)");
    expect(await refusalOf(seedDemo({ postgresUrl: url, products: 2000 }))).toBe("LOAD_FAILED");
    expect(await countRows(sql)).toEqual(nothing);
  });
});

test("of two at once one seeds and the other is refused", async () => {
  const { url, sql } = await openShop();
  const outcomes = await Promise.all(
    [1, 2].map((seed) => refusalOf(seedDemo({ postgresUrl: url, products: 1000, seed }))),
  );
  expect(outcomes.toSorted()).toEqual(["NONE", "NOT_EMPTY"]);
  expect((await countRows(sql))["products"]).toBe(1000);
});

test("tables of later migrations that refer to the catalogue keep their keys", async () => {
  const { url, sql } = await openShop();
  await sql
    .unsafe(
      `CREATE TABLE reviews (product_id bigint NOT NULL REFERENCES products (id), stars integer);
     CREATE VIEW per_product AS SELECT p.id, p.title, count(*) FROM products p GROUP BY p.id`,
    )
    .simple();
  const schemaBefore = await describeSchema(sql);
  expect(await refusalOf(seedDemo({ postgresUrl: url, products: 500 }))).toBe("NONE");
  expect(await describeSchema(sql)).toEqual([...schemaBefore]);
  expect(await countOf(sql, "FROM per_product")).toBe(500);
});

test("a role that does not own the tables seeds too", async () => {
  const { url, sql } = await openShop();
  const role = `loader_${randomBytes(6).toString("hex")}`;
  const schemaBefore = await describeSchema(sql);
  await sql
    .unsafe(
      `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO ${role};
     GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ${role};
     GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
    )
    .simple();
  try {
    const asRole = new URL(url);
    asRole.username = role;
    asRole.password = "x";
    expect(await refusalOf(seedDemo({ postgresUrl: asRole.href, products: 500 }))).toBe("NONE");
    expect((await countRows(sql))["products"]).toBe(500);
    expect(await describeSchema(sql)).toEqual([...schemaBefore]);
  } finally {
    await sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`).simple();
  }
});

describe("the program", () => {
  const start = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    Bun.spawn([process.execPath, `${import.meta.dir}/main.ts`, ...words], {
      env: { ...process.env, ...environment },
      stdout: "pipe",
      stderr: "pipe",
    });

  const run = async (
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; out: string; err: string }> => {
    const child = start(words, environment);
    const [out, err, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { code, out, err };
  };

  test("seeds, and the second time leaves everything as it is", async () => {
    const { url, sql } = await openShop();
    const first = await run(["--postgres", url, "--products", "300", "--seed", "7"]);
    expect(first.out).toMatch(
      /^Seeded 300 products with [\d,]+ variants in [\d.]+ s \([\d,]+ products\/s\)\.\n$/,
    );
    expect(first.err).toContain("Seeding: 300 of 300 products\n");
    expect(first.code).toBe(0);
    const [row]: { title: string }[] = await sql`SELECT title FROM products WHERE id = 1`;
    expect(row?.title).toBe(createCatalogue({ products: 300, seed: 7 }).product(1).title);
    const before = await countRows(sql);
    const second = await run(["--postgres-env", "CATALOGUE", "--products", "20"], {
      CATALOGUE: url,
    });
    expect(second).toEqual({
      code: 0,
      out: expect.stringMatching(/^Done before: there is a catalogue already \(rows in [^\n]+\n$/),
      err: "",
    });
    expect(await countRows(sql)).toEqual(before);
  });

  test("waits for the migrations, says so, and seeds as soon as they are there", async () => {
    const { postgresUrl } = await useStores();
    const child = start(["--postgres-env", "DATABASE_URL", "--products", "50"], {
      DATABASE_URL: postgresUrl,
    });
    const reader = child.stderr.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toMatch(
      /^Waiting, \d+ s at most: the database has no table vendors/,
    );
    reader.releaseLock();
    const sql = new SQL({ url: postgresUrl, max: 1 });
    shops.push({ url: postgresUrl, sql });
    await migrate(sql);
    expect(await child.exited).toBe(0);
    expect((await countRows(sql))["products"]).toBe(50);
  });

  test("the wait has an end", async () => {
    const { postgresUrl } = await useStores();
    const { code, err } = await run(["--postgres", postgresUrl, "--wait", "2"]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^Waiting, 2 s at most: the database has no table [^\n]+\nerror: the database has no table [^\n]+\n$/,
    );
  });

  test("without the schema it says how to migrate", async () => {
    const { postgresUrl } = await useStores();
    const { code, err } = await run(["--postgres", postgresUrl]);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: the database has no table vendors[^\n]+ migrate\n$/);
    expect(await refusalOf(isCatalogueEmpty(postgresUrl))).toBe("NO_SCHEMA");
  });

  test.each([
    ["nonsense", /^error: the address must look like [^\n]+\n$/],
    ["mysql://root@127.0.0.1/shop", /^error: the address must look like [^\n]+\n$/],
    [
      "postgres://ana:secreta@127.0.0.1:1/shop",
      /^error: cannot use PostgreSQL at 127.0.0.1:1\/shop: [^\n]+\n$/,
    ],
  ])("a wrong address is one line and shows no password: %s", async (url, message) => {
    const { code, out, err } = await run(["--postgres", url]);
    expect(err).toMatch(message);
    expect(err).not.toContain("secreta");
    expect(out).toBe("");
    expect(code).toBe(1);
  });

  test("a wrong address is not waited for", async () => {
    const { code, err } = await run(["--postgres-env", "ADDRESS"], { ADDRESS: "nonsense" });
    expect(err).toMatch(/^error: the address must look like [^\n]+\n$/);
    expect(code).toBe(1);
  });

  test.each([
    [[], /one of --postgres and --postgres-env is required/],
    [["--postgres", "postgres://x", "--products", "many"], /whole number/],
    [["--postgres", "postgres://x", "--products", "0"], /products must be a whole number from 1/],
    [["--postgres", "postgres://x", "--postgres-env", "X"], /cannot be used with/],
    [["--postgres-env", "NO_SUCH_VARIABLE"], /the environment has no NO_SUCH_VARIABLE/],
    [["--postgres", "postgres://x", "--wait", "9999"], /at most 3600/],
  ])("wrong usage is exit code 2: %j", async (words, message) => {
    const { code, err } = await run(words);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  test("--help says what it does", async () => {
    const { code, out } = await run(["--help"]);
    expect(out).toContain("Usage: mestore-demo [options]");
    expect(code).toBe(0);
  });
});
