import { describe, expect, test } from "bun:test";
import { encodeCursor } from "../http/cursor.ts";
import { vendorDetailSchema } from "./schema.ts";
import { formatVendorCursor, formatVendorDetail, parseVendorCursor } from "./vendors.ts";

const row = {
  id: "7",
  slug: "casa-lupe",
  name: 'Casa "Lupe" & Niños, S.L.',
  city: "Sevilla",
  ratingAverage: "4.25",
  ratingCount: 9,
  description: "Desde 1990",
  productCount: 83,
  createdAt: "2026-01-02T03:04:05.000000Z",
};

describe("a vendor", () => {
  test("has what its schema says", () => {
    const detail = formatVendorDetail(row);
    expect(vendorDetailSchema.strict().parse(detail)).toEqual(detail);
  });

  test("is where the next page begins, whatever its name", () => {
    expect(parseVendorCursor(formatVendorCursor(row))).toEqual([row.name, "7"]);
  });

  test("is no place when the name has a character that PostgreSQL refuses", () => {
    expect(parseVendorCursor(encodeCursor("name", ["a\u0000", "7"]))).toBeNull();
    expect(parseVendorCursor(encodeCursor("price", ["a", "7"]))).toBeNull();
  });
});
