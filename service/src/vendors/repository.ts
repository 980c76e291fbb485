import type { Database, Statement } from "../database/database.ts";
import type { CursorPosition } from "../http/cursor.ts";
import type { VendorDetailRow, VendorSummaryRow } from "./vendors.ts";

/** Active vendors only. Rejects as `Database.query` does. */
export interface VendorRepository {
  /** Up to `limit` rows and whether there are more. */
  listVendors(page: {
    readonly limit: number;
    readonly after?: CursorPosition | undefined;
  }): Promise<{ rows: readonly VendorSummaryRow[]; more: boolean }>;
  loadVendor(slug: string): Promise<VendorDetailRow | null>;
}

const columns = "v.id::text, v.slug, v.name, v.city, v.rating_average::text, v.rating_count";

export function planVendorList(limit: number, after: CursorPosition | undefined): Statement {
  const position = after === undefined ? "" : "AND (v.name, v.id) > ($2, $3::bigint)";
  return {
    name: "vendor_list",
    queryClass: "simple",
    text: `
      SELECT ${columns}
      FROM vendors v
      WHERE v.status = 'active' ${position}
      ORDER BY v.name, v.id
      LIMIT $1::int`,
    parameters: [limit + 1, ...(after ?? [])],
  };
}

export function planVendorDetail(slug: string): Statement {
  return {
    name: "vendor_detail",
    queryClass: "complex",
    text: `
      SELECT ${columns}, v.description,
        to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
        (SELECT count(*)::int FROM products p
          WHERE p.vendor_id = v.id AND p.status = 'active') AS product_count
      FROM vendors v
      WHERE v.slug = $1 AND v.status = 'active'`,
    parameters: [slug],
  };
}

export function createVendorRepository(database: Database): VendorRepository {
  return {
    async listVendors({ limit, after }) {
      const rows = await database.query<VendorSummaryRow>(planVendorList(limit, after));
      return { rows: rows.slice(0, limit), more: rows.length > limit };
    },
    async loadVendor(slug) {
      const [row] = await database.query<VendorDetailRow>(planVendorDetail(slug));
      return row ?? null;
    },
  };
}
