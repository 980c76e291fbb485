import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createMemoryStore } from "./memory-store.ts";
import {
  createCountingLoad,
  createTestBed,
  createTestClock,
  pageOf,
  textOf,
} from "./test-bed.fixture.ts";

const key = "/api/v1/products/12";

/** A cache on a shared layer that another cache fills too, and its clock. */
function createPair() {
  const clock = createTestClock();
  const store = createMemoryStore(clock.now);
  return { clock, store, bed: createTestBed(clock, store), other: createTestBed(clock, store) };
}

describe("layers", () => {
  test("a page is loaded once, then served by the process, then by the shared layer", async () => {
    const { clock, bed, other } = createPair();
    const load = createCountingLoad();
    expect(bed.cache.fromL1("product", key)).toBeNull();
    expect(await bed.cache.page("product", key, load)).toMatchObject({
      outcome: "miss",
      layer: null,
      ageSeconds: 0,
    });
    clock.passSeconds(5);
    const held = await bed.cache.page("product", key, load);
    expect(held).toMatchObject({ outcome: "hit", layer: "l1", ageSeconds: 5 });
    expect(bed.cache.fromL1("product", key)).toEqual(held);

    clock.passSeconds(20);
    const shared = await other.cache.page("product", key, load);
    expect(shared).toEqual({ ...held, layer: "l2", ageSeconds: 25 });
    // Past its cap of 10 s the process's own copy has to be compared, and then serves again.
    expect(bed.cache.fromL1("product", key)).toBeNull();
    expect(await bed.cache.page("product", key, load)).toMatchObject({ layer: "l2" });
    expect(bed.cache.fromL1("product", key)).toMatchObject({ outcome: "hit", ageSeconds: 25 });
    expect(load.count).toBe(1);

    expect(bed.lookups("product", "miss")).toBe(1);
    expect(bed.lookups("product", "hit")).toBe(4);
    const layerHits = (layer: "l1" | "l2") =>
      bed.read(serviceMetrics.cacheLayerHits, { class: "product", layer });
    expect([layerHits("l1"), layerHits("l2")]).toEqual([3, 1]);
  });

  test("a newer page of another process is taken over at the cap", async () => {
    const { clock, bed, other } = createPair();
    bed.cache.applyTtls({ product: 40 });
    other.cache.applyTtls({ product: 15 });
    await bed.cache.page("product", key, async () => pageOf("old"));
    clock.passSeconds(20);
    await other.cache.page("product", key, async () => pageOf("new"));
    await waitFor(() => other.cache.fromL1("product", key), { what: "the refresh" });
    const answer = await bed.cache.page("product", key, createCountingLoad());
    expect(answer).toMatchObject({ outcome: "hit", layer: "l2" });
    expect(textOf(answer)).toBe("new");
  });

  test("classes do not share entries", async () => {
    const { bed } = createPair();
    await bed.cache.page("product", key, async () => pageOf("product"));
    const answer = await bed.cache.page("catalog", key, async () => pageOf("catalog"));
    expect(answer.outcome).toBe("miss");
  });

  test("a shared layer that lost the page: served once more while it is loaded", async () => {
    const { clock, store, bed } = createPair();
    const load = createCountingLoad();
    await bed.cache.page("product", key, load);
    store.clear();
    clock.passSeconds(11);
    const lost = await bed.cache.page("product", key, load);
    expect([textOf(lost), lost.outcome]).toEqual(["1", "hit"]);
    await waitFor(() => store.size === 1, { what: "the page to be shared again" });
    const fresh = await bed.cache.page("product", key, load);
    expect([textOf(fresh), fresh.outcome, load.count]).toEqual(["2", "hit", 2]);
  });

  test("a shared layer that is away: the process's own pages serve for the cap and the grace", async () => {
    const { clock, store, bed } = createPair();
    const load = createCountingLoad();
    await bed.cache.page("product", key, load);
    await store.close();
    clock.passSeconds(10 + 300);
    expect(await bed.cache.page("product", key, load)).toMatchObject({
      outcome: "hit",
      layer: "l1",
    });
    clock.passSeconds(1);
    expect(await bed.cache.page("product", key, load)).toMatchObject({ outcome: "miss" });
    expect(load.count).toBe(2);
  });

  test("without a shared layer the process's own serves for the whole TTL", async () => {
    const clock = createTestClock();
    const { cache, registry } = createTestBed(clock);
    const load = createCountingLoad();
    await cache.page("product", key, load);
    clock.passSeconds(3600);
    expect(await cache.page("product", key, load)).toMatchObject({ outcome: "hit", layer: "l1" });
    expect(registry.collect().has(serviceMetrics.storeUp.name)).toBe(false);
  });

  test("what cannot be read in the shared layer is a miss", async () => {
    const { clock, store, bed } = createPair();
    await store.set(`mestore:1:product:{${key}}`, new TextEncoder().encode("{}"), 60);
    const load = createCountingLoad();
    expect(await bed.cache.page("product", key, load)).toMatchObject({ outcome: "miss" });
    clock.passSeconds(11);
    expect(await bed.cache.page("product", key, load)).toMatchObject({ layer: "l2" });
  });
});

describe("TTL in force", () => {
  test("lowered from 10 min to 1 s: old entries of both layers are old at once", async () => {
    const { clock, bed, other } = createPair();
    const load = createCountingLoad();
    bed.cache.applyTtls({ product: 600 });
    await bed.cache.page("product", key, load);
    clock.passSeconds(5);
    expect(bed.cache.fromL1("product", key)?.outcome).toBe("hit");

    bed.cache.applyTtls({ product: 1 });
    other.cache.applyTtls({ product: 1 });
    expect(bed.cache.fromL1("product", key)).toBeNull();
    const fromShared = await other.cache.page("product", key, load);
    expect([fromShared.outcome, fromShared.layer]).toEqual(["stale", "l2"]);
    await waitFor(() => other.cache.fromL1("product", key), { what: "the refresh" });
    clock.passSeconds(70);
    expect((await bed.cache.page("product", key, load)).outcome).toBe("miss");
    expect(load.count).toBe(3);
  });

  test("raised: entries that had grown old are fresh again", async () => {
    const { clock, bed, other } = createPair();
    bed.cache.applyTtls({ product: 5 });
    const load = createCountingLoad();
    await bed.cache.page("product", key, load);
    clock.passSeconds(9);
    expect(bed.cache.fromL1("product", key)).toBeNull();
    bed.cache.applyTtls({ product: 600 });
    other.cache.applyTtls({ product: 600 });
    expect(bed.cache.fromL1("product", key)).toMatchObject({ outcome: "hit", ageSeconds: 9 });
    expect(await other.cache.page("product", key, load)).toMatchObject({
      outcome: "hit",
      layer: "l2",
    });
    expect(load.count).toBe(1);
  });

  test("is exported and reported; classes that are not named keep theirs", () => {
    const { cache, read } = createTestBed(createTestClock());
    cache.applyTtls({ product: 77 });
    expect(read(serviceMetrics.cacheTtl, { class: "product" })).toBe(77);
    expect(read(serviceMetrics.cacheTtl, { class: "catalog" })).toBe(600);
    const status = Object.fromEntries(cache.status().map((one) => [one.class, one.ttlSeconds]));
    expect(status).toMatchObject({ product: 77, catalog: 600, auth: 60 });
  });

  test("jitter takes up to a tenth off, drawn once for both layers", async () => {
    const clock = createTestClock();
    const store = createMemoryStore(clock.now);
    const bed = createTestBed(clock, store, { random: () => 0.999 });
    const other = createTestBed(clock, store, { random: () => 0 });
    for (const { cache } of [bed, other]) cache.applyTtls({ product: 100 });
    const load = createCountingLoad();
    await bed.cache.page("product", key, load);
    clock.passSeconds(90);
    expect(await other.cache.page("product", key, load)).toMatchObject({ outcome: "hit" });
    clock.passSeconds(0.2);
    expect(bed.cache.fromL1("product", key)).toBeNull();
    expect(await other.cache.page("product", key, load)).toMatchObject({ outcome: "stale" });
  });
});

describe("negatives", () => {
  test("are kept shortly, counted apart, and have no stale life", async () => {
    const { clock, bed, other } = createPair();
    let loads = 0;
    const load = async () => pageOf(String(++loads), true);
    expect(await bed.cache.page("product", key, load)).toMatchObject({ outcome: "miss" });
    clock.passSeconds(9);
    const known = await bed.cache.page("product", key, load);
    expect(known).toMatchObject({ outcome: "negative", layer: "l1", page: { status: 404 } });
    expect(await other.cache.page("product", key, load)).toMatchObject({
      outcome: "negative",
      layer: "l2",
    });
    clock.passSeconds(2);
    expect(await bed.cache.page("product", key, load)).toMatchObject({ outcome: "miss" });
    expect([loads, bed.lookups("product", "negative")]).toEqual([2, 1]);
  });
});

test("entries and bytes of the process's own layer are exported", async () => {
  const { cache, read } = createTestBed(createTestClock());
  await cache.page("product", key, async () => pageOf("x".repeat(1000)));
  expect(read(serviceMetrics.cacheEntries, { class: "product" })).toBe(1);
  const bytes = read(serviceMetrics.cacheBytes, { class: "product" });
  expect(bytes).toBeGreaterThan(1000);
  expect(cache.status().find((one) => one.class === "product")).toMatchObject({
    l1Entries: 1,
    l1Bytes: bytes,
  });
});

describe("clocks of processes that share a layer", () => {
  /** A process that takes the layer's clock to be `aheadMs` further than it is. */
  function createSkewed(aheadMs: number | null) {
    const { clock, store, bed } = createPair();
    const skewed = createTestBed(clock, { ...store, clockOffsetMs: () => aheadMs });
    return { clock, store, bed, skewed };
  }

  test("a page dated an hour ahead is a miss, and the page that replaces it is a hit", async () => {
    const { clock, bed, skewed } = createSkewed(3_600_000);
    await skewed.cache.page("product", key, async () => pageOf("ahead"));
    const answer = await bed.cache.page("product", key, async () => pageOf("right"));
    expect([textOf(answer), answer.outcome]).toEqual(["right", "miss"]);
    clock.passSeconds(11);
    const compared = await bed.cache.page("product", key, createCountingLoad());
    expect([textOf(compared), compared.layer, compared.ageSeconds]).toEqual(["right", "l2", 11]);
  });

  test("a page of a process that was an hour ahead gives way to a newer one", async () => {
    const { clock, store, bed } = createPair();
    let offsetMs = 3_600_000;
    const measuring = createTestBed(clock, { ...store, clockOffsetMs: () => offsetMs });
    await measuring.cache.page("product", key, async () => pageOf("old"));
    offsetMs = 0;
    clock.passSeconds(11);
    await bed.cache.page("product", key, async () => pageOf("new"));
    expect(textOf(await measuring.cache.page("product", key, createCountingLoad()))).toBe("new");
  });

  test("what two measurements may differ by is no miss, and no age below 0", async () => {
    const { bed, skewed } = createSkewed(900);
    await skewed.cache.page("product", key, async () => pageOf("a little ahead"));
    const answer = await bed.cache.page("product", key, createCountingLoad());
    expect(answer).toMatchObject({ outcome: "hit", layer: "l2", ageSeconds: 0 });
  });

  test("a page made while the layer's clock is unknown is kept here and not shared", async () => {
    const { store, skewed } = createSkewed(null);
    const load = createCountingLoad();
    await skewed.cache.page("product", key, load);
    expect(await skewed.cache.page("product", key, load)).toMatchObject({ layer: "l1" });
    expect([store.size, load.count]).toEqual([0, 1]);
  });
});
