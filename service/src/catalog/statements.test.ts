import { describe, expect, test } from "bun:test";
import { planProductList } from "./statements.ts";

describe("the statement of a product list", () => {
  test("holds no value of a request in its text", () => {
    const marked = "marca-que-no-es-sql";
    const { text, parameters } = planProductList({
      sort: "rating",
      limit: 10,
      after: ["4.62", "118", "4242"],
      categoryPath: "31.717.5252",
      vendorId: "616161",
      brandId: "717171",
      ids: ["818181"],
      minPrice: 919191,
      maxPrice: 929292,
      inStock: true,
      attributes: [[marked, marked]],
    });
    for (const value of [marked, "4242", "5252", "616161", "717171", "818181", "919191", "929292"])
      expect(text).not.toContain(value);
    const numbers = new Set([...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
    expect([...numbers]).toEqual(parameters.map((_, index) => index + 1));
  });

  test("is not kept prepared, since requests decide its shape", () => {
    expect(planProductList({ sort: "newest", limit: 1 }).prepared).toBe(false);
  });

  test("looks for an attribute as text, and as the number or truth value that reads the same", () => {
    const valuesOf = (value: string) =>
      planProductList({ sort: "newest", limit: 1, attributes: [["a", value]] }).parameters.slice(
        0,
        -1,
      );
    expect(valuesOf("rojo")).toEqual(['{"a":"rojo"}']);
    expect(valuesOf("1.5")).toEqual(['{"a":"1.5"}', '{"a":1.5}']);
    expect(valuesOf("true")).toEqual(['{"a":"true"}', '{"a":true}']);
    expect(valuesOf("007")).toEqual(['{"a":"007"}']);
  });
});
