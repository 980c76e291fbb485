import { describe, expect, test } from "bun:test";
import { formatProductCursor, parseProductCursor } from "./orders.ts";
import { productSorts } from "./schema.ts";

const positions = {
  newest: ["2026-08-20T10:54:59.001477Z", "1477"],
  price: ["1999", "42"],
  "-price": ["1999", "42"],
  rating: ["4.62", "118", "42"],
  popular: ["77000", "42"],
} as const;

describe("a cursor of a product list", () => {
  test.each(productSorts)("sorted by %s comes back as it went", (sort) => {
    const position = [...positions[sort]];
    expect(parseProductCursor(formatProductCursor(sort, position), sort)).toEqual(position);
  });

  test("is refused by every other sort", () => {
    for (const sort of productSorts)
      for (const other of productSorts)
        if (other !== sort)
          expect(parseProductCursor(formatProductCursor(sort, positions[sort]), other)).toBeNull();
  });

  test.each([
    ["a day that never was", ["2026-02-30T00:00:00.000000Z", "1"]],
    ["a year that PostgreSQL does not know", ["0000-01-01T00:00:00.000000Z", "1"]],
    ["a moment without microseconds", ["2026-02-03T00:00:00Z", "1"]],
    ["an id beyond the database's", ["2026-02-03T00:00:00.000000Z", "9".repeat(19)]],
    ["an id that is SQL", ["2026-02-03T00:00:00.000000Z", "1); DROP TABLE products"]],
  ])("is refused with %s", (_, position) => {
    expect(parseProductCursor(formatProductCursor("newest", position), "newest")).toBeNull();
  });
});
