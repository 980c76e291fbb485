import type { Parameter, Statement } from "../database/database.ts";
import type { CursorPosition } from "../http/cursor.ts";
import { formatTimestampSql, productOrders } from "./orders.ts";
import type { ProductListParameters, ProductSort } from "./schema.ts";

/** The slugs of a list request, for one statement that looks them all up. */
export interface FilterSlugs {
  readonly category?: string | undefined;
  readonly vendor?: string | undefined;
  readonly brand?: string | undefined;
}

export function planFilterLookup({ category, vendor, brand }: FilterSlugs): Statement {
  return {
    name: "product_list_filters",
    queryClass: "simple",
    text: `
      SELECT
        (SELECT id::text FROM categories WHERE slug = $1) AS category_id,
        (SELECT path::text FROM categories WHERE slug = $1) AS category_path,
        (SELECT id::text FROM vendors WHERE slug = $2 AND status = 'active') AS vendor_id,
        (SELECT id::text FROM brands WHERE slug = $3) AS brand_id`,
    parameters: [category ?? null, vendor ?? null, brand ?? null],
  };
}

/** What a product list is filtered, ordered and cut by. Absent members do not narrow it. */
export interface ProductListPlan {
  readonly categoryPath?: string | undefined;
  readonly vendorId?: string | undefined;
  readonly brandId?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  readonly minPrice?: number | undefined;
  readonly maxPrice?: number | undefined;
  readonly inStock?: boolean | undefined;
  readonly attributes?: ProductListParameters["attributes"];
  readonly sort: ProductSort;
  /** Where the page before ended; absent on the first. */
  readonly after?: CursorPosition | undefined;
  readonly limit: number;
}

/** On sale: an active product of an active vendor. */
const fromProductsOnSale = `
  FROM products p
  JOIN vendors v ON v.id = p.vendor_id AND v.status = 'active'
  JOIN categories c ON c.id = p.category_id
  LEFT JOIN brands b ON b.id = p.brand_id`;

const summaryColumns = `
  p.id::text, p.slug, p.title, p.currency, p.price_minor::text, p.in_stock,
  p.rating_average::text, p.rating_count, p.images ->> 0 AS image,
  ${formatTimestampSql("p.created_at")} AS created_at,
  v.id::text AS vendor_id, v.slug AS vendor_slug, v.name AS vendor_name,
  b.id::text AS brand_id, b.slug AS brand_slug, b.name AS brand_name,
  c.id::text AS category_id, c.slug AS category_slug, c.name AS category_name`;

/**
 * One page of a list, and one item more, which says whether there is another page. A page begins by
 * comparing with the position (keyset), so the hundredth costs what the first does.
 */
export function planProductList(plan: ProductListPlan): Statement {
  const parameters: Parameter[] = [];
  const bind = (value: Parameter, type: string) => `$${parameters.push(value)}::${type}`;
  const { columns, direction } = productOrders[plan.sort];
  const conditions = ["p.status = 'active'", ...planFilters(plan, bind)];
  if (plan.after !== undefined) {
    const names = columns.map(({ column }) => column).join(", ");
    const values = columns.map(({ type }, index) => bind(plan.after?.[index] ?? null, type));
    conditions.push(`(${names}) ${direction === "ASC" ? ">" : "<"} (${values.join(", ")})`);
  }
  const carriers = planAttributes(plan.attributes ?? [], bind);
  const ordered = `ORDER BY ${columns.map(({ column }) => `${column} ${direction}`).join(", ")}
      LIMIT ${bind(plan.limit + 1, "int")}`;
  const position = columns.map(({ text }) => text).join(", ");
  return {
    name: "product_list",
    queryClass: "complex",
    text: `
      SELECT ${summaryColumns}, json_build_array(${position}) AS position
      ${fromProductsOnSale}
      WHERE ${carriers.length === 0 ? joinConditions(conditions) : planCarriers(carriers, conditions, ordered)}
      ${ordered}`,
    parameters,
    prepared: false,
  };
}

const joinConditions = (conditions: readonly string[]) => conditions.join("\n        AND ");

/** The page of each carrier in the order of the list; the page of the list is among them. */
function planCarriers(
  carriers: readonly string[],
  conditions: readonly string[],
  ordered: string,
): string {
  const pages = carriers.map(
    (carrier) => `(
      SELECT p.id FROM products p JOIN vendors v ON v.id = p.vendor_id AND v.status = 'active'
      WHERE ${joinConditions([...conditions, carrier])}
      ${ordered})`,
  );
  return `p.id IN (${pages.join(" UNION ALL ")})`;
}

type Bind = (value: Parameter, type: string) => string;

function planFilters(plan: ProductListPlan, bind: Bind): string[] {
  const { categoryPath, vendorId, brandId, ids, minPrice, maxPrice, inStock } = plan;
  const filters: string[] = [];
  if (categoryPath !== undefined) {
    // Labels are numbers, and '3.17' < '3.17.5' < '3.170': descendants are one range of a B-tree.
    filters.push(
      `p.category_path >= ${bind(categoryPath, "text")}::ltree`,
      `p.category_path < ${bind(`${categoryPath}0`, "text")}::ltree`,
    );
  }
  if (vendorId !== undefined) filters.push(`p.vendor_id = ${bind(vendorId, "bigint")}`);
  if (brandId !== undefined) filters.push(`p.brand_id = ${bind(brandId, "bigint")}`);
  if (ids !== undefined)
    filters.push(`p.id = ANY (string_to_array(${bind(ids.join(","), "text")}, ',')::bigint[])`);
  if (minPrice !== undefined) filters.push(`p.price_minor >= ${bind(minPrice, "bigint")}`);
  if (maxPrice !== undefined) filters.push(`p.price_minor <= ${bind(maxPrice, "bigint")}`);
  if (inStock !== undefined) filters.push(inStock ? "p.in_stock" : "NOT p.in_stock");
  return filters;
}

/** What reads the same as JSON: a number of at most 15 digits, or a truth value. */
const jsonScalar = /^(?:-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?|true|false)$/;

/**
 * What a product has in one value stands on it, what it has in several on its variants. So what is
 * asked for is carried by the product alone, or by one variant of it together with it: a condition
 * for each, because together no index serves them.
 */
function planAttributes(attributes: ProductListParameters["attributes"], bind: Bind): string[] {
  const has = attributes.map(([name, value]) => planAttribute(name, value, bind));
  const [only] = has;
  if (only === undefined) return [];
  const onProduct = has.map((on) => on("p.attributes")).join(" AND ");
  if (has.length === 1) return [onProduct, existsVariant(only("r.attributes"))];
  // A rare attribute narrows by its index, wherever it stands; the variant is looked for in the rest.
  const narrowed = has.map(
    (on) => `p.id IN (SELECT id FROM products WHERE status = 'active' AND ${on("attributes")}
          UNION ALL SELECT product_id FROM variants WHERE ${on("attributes")})`,
  );
  const onVariant = has.map((on) => `(${on("p.attributes")} OR ${on("r.attributes")})`);
  return [onProduct, [...narrowed, existsVariant(onVariant.join(" AND "))].join(" AND ")];
}

function existsVariant(condition: string): string {
  return `EXISTS (SELECT FROM variants r WHERE r.product_id = p.id AND ${condition})`;
}

/** An attribute may be kept as text or as the number or truth value that reads the same. */
function planAttribute(name: string, value: string, bind: Bind): (column: string) => string {
  const readings: unknown[] = jsonScalar.test(value) ? [value, JSON.parse(value)] : [value];
  const bound = readings.map((json) => `${bind(JSON.stringify({ [name]: json }), "text")}::jsonb`);
  return (column) => `(${bound.map((json) => `${column} @> ${json}`).join(" OR ")})`;
}

/** A product by `id` (digits) or slug with all that its page shows, from one snapshot. */
export function planProductDetail(
  by: { readonly id: string } | { readonly slug: string },
): Statement {
  const [condition, value] = "id" in by ? ["p.id = $1::bigint", by.id] : ["p.slug = $1", by.slug];
  return {
    name: "product_detail",
    queryClass: "complex",
    text: `
      SELECT ${summaryColumns}, p.description, p.attributes, p.images,
        ${formatTimestampSql("p.updated_at")} AS updated_at,
        variants.list AS variants, breadcrumbs.list AS breadcrumbs
      ${fromProductsOnSale}
      CROSS JOIN LATERAL (
        SELECT coalesce(json_agg(json_build_object(
          'id', r.id::text, 'sku', r.sku, 'attributes', r.attributes, 'priceMinor', r.price_minor,
          'available', coalesce(s.on_hand - s.reserved, 0)
        ) ORDER BY r.position, r.id), '[]') AS list
        FROM variants r LEFT JOIN stock s ON s.variant_id = r.id
        WHERE r.product_id = p.id
      ) variants
      CROSS JOIN LATERAL (
        SELECT json_agg(json_build_object('id', a.id::text, 'slug', a.slug, 'name', a.name)
          ORDER BY nlevel(a.path)) AS list
        FROM categories a
        WHERE a.id = ANY (string_to_array(ltree2text(c.path), '.')::bigint[])
      ) breadcrumbs
      WHERE p.status = 'active' AND ${condition}`,
    parameters: [value],
  };
}

/** Every category with the number of products on sale that are its own. */
export const categoryCounts: Statement = {
  name: "category_counts",
  queryClass: "aggregation",
  text: `
    SELECT c.id::text, c.parent_id::text, c.slug, c.name, coalesce(own.products, 0) AS products
    FROM categories c
    LEFT JOIN (
      SELECT p.category_id, count(*)::int AS products
      FROM products p
      JOIN vendors v ON v.id = p.vendor_id AND v.status = 'active'
      WHERE p.status = 'active'
      GROUP BY p.category_id
    ) own ON own.category_id = c.id
    ORDER BY c.position, c.name, c.id`,
  parameters: [],
};
