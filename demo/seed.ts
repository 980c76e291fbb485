import { SQL, type TransactionSQL } from "bun";
import { copyText, restoreConstraints, suspendConstraints } from "./bulk-load.ts";
import { createCatalogue, type Catalogue } from "./catalogue.ts";
import {
  catalogueTables,
  copyStatement,
  formatBrand,
  formatCategory,
  formatVendor,
  productRows,
  type ProductRows,
} from "./rows.ts";
import { asSeedError, migrateHint, SeedError } from "./seed-error.ts";

/** Fills an empty database with the demonstration catalogue. */

export interface SeedOptions {
  /** `postgres://user:password@host:port/database`; the schema must be there. */
  readonly postgresUrl: string;
  /** How many products. */
  readonly products: number;
  /** `defaultSeed` of catalogue.ts by default. */
  readonly seed?: number;
  /** Called as products arrive. An error that it throws rolls everything back. */
  readonly onProgress?: (progress: SeedProgress) => void;
}

export interface SeedProgress {
  readonly products: number;
  readonly total: number;
}

export interface SeedResult {
  readonly products: number;
  readonly variants: number;
  /** From the first connection to the commit. */
  readonly seconds: number;
}

/** Products made at a stretch, about a millisecond, before the socket gets its turn. */
const productsPerRun = 64;

/** Products sent together: about 0.7 MB of rows. */
const productsPerBatch = 1024;

/** Tables that are worth freeing of their constraints while they fill. */
const largeTables = ["products", "variants", "stock"] as const;

/**
 * Seeds the catalogue in one transaction: whatever fails, the tables stay empty. Throws a SeedError
 * for everything that a person can do something about.
 */
export async function seedDemo(options: SeedOptions): Promise<SeedResult> {
  const started = performance.now();
  const catalogue = planCatalogue(options);
  const variants = await withConnection(options.postgresUrl, (sql) =>
    sql.begin((tx) => loadCatalogue(tx, catalogue, options.onProgress)),
  );
  return {
    products: catalogue.products,
    variants,
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Whether no table of the catalogue has a row. Throws a SeedError when PostgreSQL does not answer
 * or the schema is missing.
 */
export async function isCatalogueEmpty(postgresUrl: string): Promise<boolean> {
  return withConnection(
    postgresUrl,
    async (sql) => (await requireTables(sql), (await findFilledTables(sql)).length === 0),
  );
}

function planCatalogue({ products, seed }: SeedOptions): Catalogue {
  try {
    return createCatalogue(seed === undefined ? { products } : { products, seed });
  } catch (error) {
    if (error instanceof RangeError) throw new SeedError("BAD_OPTIONS", error.message);
    throw error;
  }
}

async function withConnection<T>(postgresUrl: string, use: (sql: SQL) => Promise<T>): Promise<T> {
  if (!/^postgres(ql)?:$/.test(URL.parse(postgresUrl)?.protocol ?? ""))
    throw new SeedError("BAD_ADDRESS", "the address must look like postgres://user@host:5432/name");
  const sql = new SQL({
    url: postgresUrl,
    max: 1,
    idleTimeout: 0,
    connectionTimeout: 10,
    connection: { application_name: "mestore-demo" },
  });
  try {
    return await use(sql);
  } catch (error) {
    throw asSeedError(error, postgresUrl) ?? error;
  } finally {
    await sql.close({ timeout: 0 });
  }
}

/** Answers the number of variants. */
async function loadCatalogue(
  tx: TransactionSQL,
  catalogue: Catalogue,
  onProgress: SeedOptions["onProgress"],
): Promise<number> {
  await tx.unsafe(sessionSettings).simple();
  await requireTables(tx);
  await tx.unsafe(`LOCK TABLE ${catalogueTables.join(", ")} IN SHARE ROW EXCLUSIVE MODE`);
  const filled = await findFilledTables(tx);
  if (filled.length > 0)
    throw new SeedError(
      "NOT_EMPTY",
      `there is a catalogue already (rows in ${filled.join(", ")}); nothing was changed`,
    );

  const suspended = await suspendConstraints(tx, largeTables);
  await copyText(tx, copyStatement("vendors"), catalogue.vendors.map(formatVendor).join(""));
  await copyText(tx, copyStatement("brands"), catalogue.brands.map(formatBrand).join(""));
  await copyText(
    tx,
    copyStatement("categories"),
    catalogue.categories.map(formatCategory).join(""),
  );
  const variants = await copyProducts(tx, catalogue, onProgress);
  await restoreConstraints(tx, suspended);
  for (const table of catalogueTables.filter((name) => name !== "stock"))
    await tx.unsafe(
      `SELECT setval(pg_get_serial_sequence('${table}', 'id'), max(id)) FROM ${table}`,
    );
  await tx.unsafe(`ANALYZE ${catalogueTables.join(", ")}`);
  return variants;
}

/**
 * Makes one batch while PostgreSQL takes in the one before, and gives the socket a turn after each
 * run. Answers the number of variants.
 */
async function copyProducts(
  tx: TransactionSQL,
  catalogue: Catalogue,
  onProgress: SeedOptions["onProgress"],
): Promise<number> {
  let variants = 0;
  let sent = 0;
  let sending = Promise.resolve();
  let batch: ProductRows[] = [];
  for (const rows of productRows(catalogue, productsPerRun)) {
    batch.push(rows);
    variants = rows.lastVariantId;
    if (rows.lastId - sent >= productsPerBatch || rows.lastId === catalogue.products) {
      await sending;
      if (sent > 0) onProgress?.({ products: sent, total: catalogue.products });
      sending = copyBatch(tx, batch);
      // Awaited at the next batch: until then a failure must not count as unhandled.
      sending.catch(() => undefined);
      sent = rows.lastId;
      batch = [];
    }
    await nextTurn();
  }
  await sending;
  onProgress?.({ products: sent, total: catalogue.products });
  return variants;
}

async function copyBatch(tx: TransactionSQL, batch: readonly ProductRows[]): Promise<void> {
  for (const table of largeTables)
    await copyText(tx, copyStatement(table), batch.map((rows) => rows[table]).join(""));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * For this transaction: a crash may lose the whole load (it can be repeated) but never half of it;
 * no statement is cut short by a role's limit, though waiting for a lock is; sorts for the indexes
 * fit in memory.
 */
const sessionSettings = `
  SET LOCAL synchronous_commit = off;
  SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0;
  SET LOCAL lock_timeout = '10s';
  SET LOCAL maintenance_work_mem = '128MB'`;

async function requireTables(sql: SQL | TransactionSQL): Promise<void> {
  const rows: { name: string }[] = await sql`
    SELECT name FROM unnest(string_to_array(${catalogueTables.join(",")}, ',')) AS name
    WHERE to_regclass(name) IS NULL`;
  if (rows.length > 0)
    throw new SeedError(
      "NO_SCHEMA",
      `the database has no table ${rows.map((row) => row.name).join(", ")}. ${migrateHint}`,
    );
}

async function findFilledTables(sql: SQL | TransactionSQL): Promise<readonly string[]> {
  const filled: string[] = [];
  for (const table of catalogueTables) {
    const [row]: { filled: boolean }[] = await sql.unsafe(
      `SELECT EXISTS (SELECT FROM ${table}) AS filled`,
    );
    if (row?.filled === true) filled.push(table);
  }
  return filled;
}
