import { expect, test } from "bun:test";
import { formatCanonicalUrl } from "./canonical-url.ts";

test("sorts names and leaves out what is absent", () => {
  expect(formatCanonicalUrl("/products", { sort: "newest", limit: 24, brand: undefined })).toBe(
    "/products?limit=24&sort=newest",
  );
  expect(formatCanonicalUrl("/categories", { lang: undefined })).toBe("/categories");
});

test("keeps a value apart from a parameter", () => {
  expect(formatCanonicalUrl("/products", { "attr.color": "rojo&limit=1" })).not.toBe(
    formatCanonicalUrl("/products", { "attr.color": "rojo", limit: 1 }),
  );
});
