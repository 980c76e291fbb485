import { describe, expect, test } from "bun:test";
import { productListQuery } from "./schema.ts";

function parse(query: Record<string, unknown>) {
  return productListQuery.parse(query);
}

function refused(query: Record<string, unknown>): string[] {
  const result = productListQuery.safeParse(query);
  return result.success ? [] : result.error.issues.map(({ path }) => path.join("."));
}

describe("the query of a product list", () => {
  test("has defaults", () => {
    expect(parse({})).toEqual({ limit: 24, sort: "newest", attributes: [] });
  });

  test("is understood the same however it is written", () => {
    expect(
      parse({ ids: "3,1,2,1", "attr.b": "2", "attr.a": "1", fields: "title,id,title" }),
    ).toEqual(
      parse({ fields: "id,title", "attr.a": "1", ids: "1,2,3", "attr.b": "2", limit: "24" }),
    );
    expect(parse({ ids: "10,9" }).ids).toEqual(["9", "10"]);
  });

  test("gives numbers and truth values", () => {
    expect(
      parse({ minPrice: "0", maxPrice: "1999", inStock: "false", limit: "100" }),
    ).toMatchObject({
      minPrice: 0,
      maxPrice: 1999,
      inStock: false,
      limit: 100,
    });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["an unknown parameter", { page: "2" }, "page"],
    ["a parameter given twice", { limit: ["1", "2"] }, "limit"],
    ["a limit of nothing", { limit: "0" }, "limit"],
    ["a limit above 100", { limit: "101" }, "limit"],
    ["a limit with a fraction", { limit: "1.5" }, "limit"],
    ["an unknown sort", { sort: "cheapest" }, "sort"],
    ["an unknown field", { fields: "id,secret" }, "fields"],
    ["no field", { fields: "" }, "fields"],
    ["an unknown language", { lang: "fr" }, "lang"],
    ["a price below nothing", { minPrice: "-1" }, "minPrice"],
    ["a price that JSON cannot hold", { maxPrice: "9".repeat(16) }, "maxPrice"],
    ["a range the wrong way round", { minPrice: "2", maxPrice: "1" }, "minPrice"],
    ["ids that are none", { ids: "1,two" }, "ids"],
    ["too many ids", { ids: Array.from({ length: 101 }, (_, i) => i + 1).join(",") }, "ids"],
    ["an id beyond the database's", { ids: "9".repeat(19) }, "ids"],
    ["a truth value that is none", { inStock: "yes" }, "inStock"],
    ["a slug that is none", { category: "Cocina y baño" }, "category"],
    ["an attribute without a name", { "attr.": "rojo" }, "attr."],
    ["an attribute without a value", { "attr.color": "" }, "attr.color"],
    ["an attribute with a zero byte", { "attr.color": "ro\u0000jo" }, "attr.color"],
    ["an attribute given twice", { "attr.color": ["rojo", "azul"] }, "attr.color"],
  ])("refuses %s", (_, query, parameter) => {
    expect(refused(query)).toContain(parameter);
  });

  test("refuses a sixth attribute", () => {
    const query = Object.fromEntries(Array.from("abcdef", (name) => [`attr.${name}`, "1"]));
    expect(refused(query)).toEqual(["attr.f"]);
  });
});
