import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { useStores } from "@mestore/tools/stack/test-stores";
import { createTestApp, migrateFully, type TestApp } from "../../test/app.fixture.ts";
import { seedCatalogue, seededVendors } from "../../test/catalogue.fixture.ts";
import { type VendorDetail, vendorDetailSchema, vendorListSchema } from "./schema.ts";

let bed: TestApp;

beforeAll(async () => {
  const stores = await useStores();
  await migrateFully(stores.postgresUrl);
  await seedCatalogue(stores.postgresUrl, 120);
  bed = createTestApp(stores);
});
afterAll(() => bed.close());

async function get(path: string) {
  const response = await bed.app.request(`/api/v1${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("vendors", () => {
  test("are listed by name, each active one once, page by page", async () => {
    const names: string[] = [];
    let query = "limit=7";
    for (;;) {
      const { body } = await get(`/vendors?${query}`);
      const page = vendorListSchema.strict().parse(body);
      names.push(...page.items.map(({ name }) => name));
      if (page.nextCursor === undefined) break;
      query = `limit=7&cursor=${page.nextCursor}`;
    }
    const active = Array.from({ length: seededVendors - 1 }, (_, i) => i + 1);
    expect(names).toEqual(active.map((n) => `Vendedor ${String(n).padStart(3, "0")}`));
  });

  test("have a page each, with the number of their products on sale", async () => {
    const { status, body } = await get("/vendors/vendedor-2");
    expect(status).toBe(200);
    const vendor: VendorDetail = vendorDetailSchema.strict().parse(body);
    const list = await get("/products?vendor=vendedor-2&limit=100");
    expect(vendor.productCount).toBe((list.body["items"] as unknown[]).length);
    expect(vendor.productCount).toBeGreaterThan(0);
  });

  test("cost one statement, and none when cached", async () => {
    for (const [path, cold] of [
      ["/vendors?limit=9", { vendor_list: 1 }],
      ["/vendors/vendedor-4", { vendor_detail: 1 }],
    ] as const) {
      bed.takeStatements();
      await get(path);
      expect(bed.takeStatements()).toEqual(cold);
      await get(path);
      expect(bed.takeStatements()).toEqual({});
    }
  });

  test.each([
    ["/vendors/vendedor-60", 404, "VENDOR_NOT_FOUND"],
    ["/vendors/no-such", 404, "VENDOR_NOT_FOUND"],
    ["/vendors?cursor=x", 400, "INVALID_CURSOR"],
    ["/vendors?sort=rating", 400, "VALIDATION_FAILED"],
  ])("%s is refused", async (path, status, code) => {
    expect(await get(path)).toMatchObject({ status, body: { code } });
  });
});
