import { describe, expect, test } from "bun:test";
import { createL1, createL1Entry } from "./l1.ts";

function entryOf(key: string, bodyBytes: number) {
  const page = {
    status: 200,
    contentType: "text/plain",
    body: new Uint8Array(bodyBytes),
    etag: '"0-identity"',
    language: "es",
    tags: [],
  };
  return createL1Entry(key, { page, negative: false, jitter: 0, madeAtMs: 0 }, 0, 0);
}

describe("the process's own layer", () => {
  test("stays within its bytes, and drops what was used least recently", () => {
    const l1 = createL1(100_000);
    const product = l1.of("product");
    for (let i = 0; i < 8; i++) l1.set("product", `/${i}`, entryOf(`/${i}`, 9000));
    product.get("/0");
    for (let i = 8; i < 12; i++) l1.set("product", `/${i}`, entryOf(`/${i}`, 9000));
    expect(product.calculatedSize).toBeLessThanOrEqual(100_000);
    expect(product.size).toBe(10);
    expect(product.has("/0")).toBe(true);
    expect(product.has("/1")).toBe(false);
  });

  test("a crawl through one class makes room in that class", () => {
    const l1 = createL1(100_000);
    for (let i = 0; i < 3; i++) l1.set("catalog", `/${i}`, entryOf(`/${i}`, 9000));
    for (let i = 0; i < 500; i++) l1.set("search", `/${i}`, entryOf(`/${i}`, 900));
    expect(l1.of("catalog").size).toBe(3);
    const total = l1.of("catalog").calculatedSize + l1.of("search").calculatedSize;
    expect(total).toBeLessThanOrEqual(100_000);
    expect(total).toBeGreaterThan(95_000);
  });

  test("does not empty itself for one huge entry", () => {
    const l1 = createL1(100_000);
    l1.set("product", "/small", entryOf("/small", 100));
    l1.set("product", "/huge", entryOf("/huge", 50_000));
    expect(l1.of("product").has("/huge")).toBe(false);
    expect(l1.of("product").has("/small")).toBe(true);
  });
});
