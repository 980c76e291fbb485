import { z } from "@hono/zod-openapi";
import { type CursorPosition, decodeCursor, encodeCursor } from "../http/cursor.ts";
import type { ProductSort } from "./schema.ts";

/** A column by which a list is ordered. */
export interface OrderColumn {
  readonly column: string;
  /** SQL that writes the value as text without losing any of it. */
  readonly text: string;
  /** SQL type of a position's value. */
  readonly type: string;
  readonly shape: z.ZodType<string, string>;
}

/** All columns run one way, so that a position is one row comparison and one range of an index. */
export interface ListOrder {
  readonly columns: readonly OrderColumn[];
  readonly direction: "ASC" | "DESC";
}

/** ISO 8601 in UTC with the microseconds of PostgreSQL, which a Date of JavaScript would drop. */
export function formatTimestampSql(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

const whole = z.string().regex(/^\d{1,18}$/);

/** `bigint` for every whole number: a position beyond an integer's range is a place like any other. */
const wholeColumn = (column: string): OrderColumn => ({
  column,
  text: `${column}::text`,
  type: "bigint",
  shape: whole,
});

const idColumn = wholeColumn("p.id");

const createdColumn: OrderColumn = {
  column: "p.created_at",
  text: formatTimestampSql("p.created_at"),
  type: "timestamptz",
  shape: z.iso.datetime({ precision: 6 }).regex(/^[12]\d{3}-/),
};

const ratingColumn: OrderColumn = {
  column: "p.rating_average",
  text: "p.rating_average::text",
  type: "numeric",
  shape: z.string().regex(/^\d\.\d\d$/),
};

export const productOrders: Readonly<Record<ProductSort, ListOrder>> = {
  newest: { columns: [createdColumn, idColumn], direction: "DESC" },
  price: { columns: [wholeColumn("p.price_minor"), idColumn], direction: "ASC" },
  "-price": { columns: [wholeColumn("p.price_minor"), idColumn], direction: "DESC" },
  rating: {
    columns: [ratingColumn, wholeColumn("p.rating_count"), idColumn],
    direction: "DESC",
  },
  popular: { columns: [wholeColumn("p.popularity"), idColumn], direction: "DESC" },
};

/** Null when the cursor is none, or belongs to another sort. */
export function parseProductCursor(text: string, sort: ProductSort): CursorPosition | null {
  return decodeCursor(
    text,
    sort,
    productOrders[sort].columns.map(({ shape }) => shape),
  );
}

export function formatProductCursor(sort: ProductSort, position: CursorPosition): string {
  return encodeCursor(sort, position);
}
