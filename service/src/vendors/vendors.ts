import { z } from "@hono/zod-openapi";
import { type CursorPosition, decodeCursor, encodeCursor } from "../http/cursor.ts";
import { plainText } from "../http/parameters.ts";
import type { VendorDetail, VendorSummary } from "./schema.ts";

export interface VendorSummaryRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly city: string;
  readonly ratingAverage: string;
  readonly ratingCount: number;
}

export interface VendorDetailRow extends VendorSummaryRow {
  readonly description: string;
  readonly productCount: number;
  readonly createdAt: string;
}

export function formatVendorSummary(row: VendorSummaryRow): VendorSummary {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    city: row.city,
    rating: { average: Number(row.ratingAverage), count: row.ratingCount },
  };
}

export function formatVendorDetail(row: VendorDetailRow): VendorDetail {
  return {
    ...formatVendorSummary(row),
    description: row.description,
    productCount: row.productCount,
    createdAt: row.createdAt,
  };
}

/** Vendors are listed by name; vendors of one name by id. */
const order = "name";
const shapes = [z.string().regex(plainText), z.string().regex(/^\d{1,18}$/)] as const;

/** Null when the text is no cursor of this list. */
export function parseVendorCursor(text: string): CursorPosition | null {
  return decodeCursor(text, order, shapes);
}

export function formatVendorCursor({ name, id }: VendorSummaryRow): string {
  return encodeCursor(order, [name, id]);
}
