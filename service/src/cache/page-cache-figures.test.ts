import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createMemoryStore } from "./memory-store.ts";
import { createTestBed, createTestClock, pageOf, type TestBed } from "./test-bed.fixture.ts";

const key = "/api/v1/products/12";
const own = { class: "product" };

const readRefills = ({ read }: TestBed) => ({
  changed: read(serviceMetrics.refillsChanged, own),
  changedHits: read(serviceMetrics.refillChangedHits, own),
  ageHits: read(serviceMetrics.refillAgeHits, own),
});

const readMisses = ({ read }: TestBed, ttl: number) =>
  read(serviceMetrics.shadowMisses, { ...own, ttl_seconds: String(ttl) });
const readStale = ({ read }: TestBed, ttl: number) =>
  read(serviceMetrics.shadowStale, { ...own, ttl_seconds: String(ttl) });

describe("update rate", () => {
  test("hits weigh the age of what a refill replaced, and count as exposed if it changed", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock, createMemoryStore(clock.now));
    bed.cache.applyTtls({ product: 20 });
    let text = "first";
    const load = async () => pageOf(text);
    await bed.cache.page("product", key, load);
    for (let i = 0; i < 7; i++) await bed.cache.page("product", key, load);
    // The copy is compared with the shared layer's, and its hits are carried on.
    clock.passSeconds(15);
    await bed.cache.page("product", key, load);
    expect(readRefills(bed)).toEqual({ changed: 0, changedHits: 0, ageHits: 0 });

    clock.passSeconds(85);
    await bed.cache.page("product", key, load);
    expect(readRefills(bed)).toEqual({ changed: 0, changedHits: 0, ageHits: 8 * 100 });

    await bed.cache.page("product", key, load);
    text = "second";
    clock.passSeconds(100);
    await bed.cache.page("product", key, load);
    expect(readRefills(bed)).toEqual({ changed: 1, changedHits: 1, ageHits: 8 * 100 + 100 });
  });

  test("a page that is gone has changed; a negative that is refilled says nothing", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    bed.cache.applyTtls({ product: 20 });
    await bed.cache.page("product", key, async () => pageOf("here"));
    await bed.cache.page("product", key, async () => pageOf("here"));
    clock.passSeconds(100);
    await bed.cache.page("product", key, async () => pageOf("gone", true));
    expect(readRefills(bed)).toEqual({ changed: 1, changedHits: 1, ageHits: 100 });
    clock.passSeconds(100);
    await bed.cache.page("product", key, async () => pageOf("back"));
    expect(readRefills(bed)).toEqual({ changed: 1, changedHits: 1, ageHits: 100 });
  });
});

describe("shadow curve", () => {
  test("sees every look-up that the hit rate sees, whatever layer answers it", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock, createMemoryStore(clock.now));
    bed.cache.applyTtls({ product: 20 });
    const load = async () => pageOf("same");
    await bed.cache.page("product", key, load);
    for (const pause of [3, 15, 6]) {
      clock.passSeconds(pause);
      await bed.cache.page("product", key, load);
    }
    // Ages at which it was looked up: 0, 3, 18, 24 (stale, then refreshed).
    expect(bed.read(serviceMetrics.shadowLookups, own)).toBe(4);
    expect(bed.read(serviceMetrics.shadowSampled, own)).toBe(4);
    expect([1, 2, 4, 8, 16, 32].map((ttl) => readMisses(bed, ttl))).toEqual([4, 4, 3, 2, 2, 1]);
    clock.passSeconds(6);
    expect(bed.read(serviceMetrics.shadowObserved, own)).toBe(30);
    const bytes = [8, 32].map((ttl) =>
      bed.read(serviceMetrics.shadowBytes, { ...own, ttl_seconds: String(ttl) }),
    );
    expect(bytes[0]).toBe(0);
    expect(bytes[1]).toBeGreaterThan(100);
  });

  test("knows from refills when content changed", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    bed.cache.applyTtls({ product: 20 });
    await bed.cache.page("product", key, async () => pageOf("old"));
    clock.passSeconds(25);
    await bed.cache.page("product", key, async () => pageOf("new"));
    await waitFor(() => bed.cache.fromL1("product", key), { what: "the refresh" });
    const before = [8, 32].map((ttl) => readStale(bed, ttl));
    clock.passSeconds(1);
    await bed.cache.page("product", key, async () => pageOf("new"));
    // A TTL of 8 s has loaded it since; one of 32 s would still serve the old one.
    expect([8, 32].map((ttl, i) => readStale(bed, ttl) - (before[i] ?? 0))).toEqual([0, 1]);
  });

  test("negatives: remembered ones are not in it, loaded ones miss at every TTL", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    const load = async () => pageOf("nothing", true);
    await bed.cache.page("product", key, load);
    await bed.cache.page("product", key, load);
    expect(bed.read(serviceMetrics.shadowLookups, own)).toBe(1);
    expect(bed.read(serviceMetrics.shadowSampled, own)).toBe(0);
    expect(readMisses(bed, 32_768)).toBe(1);
  });
});
