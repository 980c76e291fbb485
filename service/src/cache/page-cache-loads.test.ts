import { describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import type { LoadedPage } from "./cache.ts";
import { LoadTimeoutError } from "./flight.ts";
import { createMemoryStore } from "./memory-store.ts";
import {
  createCountingLoad,
  createTestBed,
  createTestClock,
  pageOf,
  textOf,
} from "./test-bed.fixture.ts";

const key = "/api/v1/products/12";

/** A load that ends when the test says so. */
function createHeldLoad() {
  const { promise, resolve, reject } = Promise.withResolvers<LoadedPage>();
  const load = () => {
    load.count++;
    return promise;
  };
  load.count = 0;
  return { load, resolve, reject };
}

describe("single flight", () => {
  test.each([false, true])("1,000 callers, one load (shared layer: %p)", async (shared) => {
    const clock = createTestClock();
    const bed = createTestBed(clock, shared ? createMemoryStore(clock.now) : null);
    const { load, resolve } = createHeldLoad();
    const callers = Array.from({ length: 1000 }, () => bed.cache.page("product", key, load));
    await waitFor(() => load.count > 0, { what: "the load to begin" });
    resolve(pageOf("one"));
    const answers = await Promise.all(callers);
    expect(load.count).toBe(1);
    expect(new Set(answers.map(textOf))).toEqual(new Set(["one"]));
    expect(bed.lookups("product", "miss")).toBe(1);
    expect(bed.lookups("product", "coalesced")).toBe(999);
  });

  test("callers that wait for the shared layer ask it once, and are all hits", async () => {
    const clock = createTestClock();
    const store = createMemoryStore(clock.now);
    let asked = 0;
    const watched = {
      ...store,
      getBuffer: (storeKey: string) => {
        asked++;
        return store.getBuffer(storeKey);
      },
    };
    const load = createCountingLoad();
    await createTestBed(clock, store).cache.page("product", key, load);
    const bed = createTestBed(clock, watched);
    await Promise.all(Array.from({ length: 100 }, () => bed.cache.page("product", key, load)));
    expect([asked, load.count, bed.lookups("product", "hit")]).toEqual([1, 1, 100]);
  });

  test("a failure is shared: 1,000 callers and those who come within the back-off, one load", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    const { load, reject } = createHeldLoad();
    const fault = new Error("database away");
    const callers = Array.from({ length: 1000 }, () => bed.cache.page("product", key, load));
    reject(fault);
    const settled = await Promise.allSettled(callers);
    expect(settled.every((one) => one.status === "rejected" && one.reason === fault)).toBe(true);
    await expect(bed.cache.page("product", key, load)).rejects.toBe(fault);
    expect(load.count).toBe(1);
    expect(bed.lookups("product", "miss")).toBe(1);
    expect(bed.lookups("product", "coalesced")).toBe(1000);

    clock.passSeconds(0.25);
    const recovered = createCountingLoad();
    expect(textOf(await bed.cache.page("product", key, recovered))).toBe("1");
  });

  test("a load that hangs fails all who wait, in time", async () => {
    const bed = createTestBed(createTestClock(), null, { loadTimeoutMs: 10 });
    const { load } = createHeldLoad();
    const callers = Array.from({ length: 100 }, () => bed.cache.page("product", key, load));
    for (const one of await Promise.allSettled(callers)) {
      expect(one.status).toBe("rejected");
      expect(one.status === "rejected" && one.reason).toBeInstanceOf(LoadTimeoutError);
    }
    expect(load.count).toBe(1);
  });

  test("a load that throws at once is a failed load", async () => {
    const bed = createTestBed(createTestClock());
    const load = () => {
      throw new Error("at once");
    };
    await expect(bed.cache.page("product", key, load)).rejects.toThrow("at once");
  });
});

describe("stale while revalidate", () => {
  test("the old page is served at once, refreshed once, in the background", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock, createMemoryStore(clock.now));
    bed.cache.applyTtls({ product: 10 });
    await bed.cache.page("product", key, async () => pageOf("old"));
    clock.passSeconds(11);
    const { load, resolve } = createHeldLoad();
    const during = await Promise.all(
      Array.from({ length: 50 }, () => bed.cache.page("product", key, load)),
    );
    expect(new Set(during.map(textOf))).toEqual(new Set(["old"]));
    expect(load.count).toBe(1);
    expect(bed.lookups("product", "stale")).toBe(50);
    resolve(pageOf("new"));
    const fresh = await waitFor(() => bed.cache.fromL1("product", key), { what: "the refresh" });
    expect(textOf(fresh)).toBe("new");
    expect(load.count).toBe(1);
  });

  test("beyond the window callers wait", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    bed.cache.applyTtls({ product: 10 });
    const load = createCountingLoad();
    await bed.cache.page("product", key, load);
    clock.passSeconds(70);
    expect((await bed.cache.page("product", key, load)).outcome).toBe("stale");
    await waitFor(() => bed.cache.fromL1("product", key), { what: "the refresh" });
    clock.passSeconds(70.001);
    const late = await bed.cache.page("product", key, load);
    expect([late.outcome, textOf(late)]).toEqual(["miss", "3"]);
  });

  test("a class without stale windows waits for its load", async () => {
    const clock = createTestClock();
    const store = createMemoryStore(clock.now);
    const bed = createTestBed(clock, store);
    const load = createCountingLoad();
    await bed.cache.page("auth", key, load);
    store.clear();
    clock.passSeconds(2);
    expect(await bed.cache.page("auth", key, load)).toMatchObject({ outcome: "miss" });
    clock.passSeconds(61);
    expect(await bed.cache.page("auth", key, load)).toMatchObject({ outcome: "miss" });
    clock.passSeconds(61);
    const failing = () => Promise.reject(new Error("database away"));
    await expect(bed.cache.page("auth", key, failing)).rejects.toThrow("database away");
  });

  test("refreshes that fail leave the old page in place, and one line in the log", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock);
    bed.cache.applyTtls({ product: 10 });
    const keys = Array.from({ length: 20 }, (_, i) => `/api/v1/products/${i}`);
    await Promise.all(keys.map((one) => bed.cache.page("product", one, createCountingLoad())));
    clock.passSeconds(11);
    let tries = 0;
    const failing = async () => {
      tries++;
      throw new Error("database away");
    };
    for (let i = 0; i < 5; i++)
      for (const one of keys)
        expect((await bed.cache.page("product", one, failing)).outcome).toBe("stale");
    await waitFor(() => bed.logged.length > 0, { what: "the line in the log" });
    expect(tries).toBe(20);
    expect(bed.logged.length).toBe(1);
    expect(JSON.parse(bed.logged[0] ?? "")).toMatchObject({ class: "product", failures: 1 });
  });
});

describe("stale if error", () => {
  test("an old page stands in for a failed load, until the grace ends", async () => {
    const clock = createTestClock();
    const bed = createTestBed(clock, createMemoryStore(clock.now));
    bed.cache.applyTtls({ product: 10 });
    await bed.cache.page("product", key, async () => pageOf("old"));
    const failing = () => Promise.reject(new Error("database away"));
    clock.passSeconds(300);
    const standIn = await bed.cache.page("product", key, failing);
    expect([standIn.outcome, textOf(standIn)]).toEqual(["stale", "old"]);
    expect(standIn.ageSeconds).toBe(300);
    // The next one comes within the back-off, and is served without a try.
    expect((await bed.cache.page("product", key, createCountingLoad())).outcome).toBe("stale");
    clock.passSeconds(11);
    await expect(bed.cache.page("product", key, failing)).rejects.toThrow("database away");
  });

  test("a page that the shared layer still has stands in too", async () => {
    const clock = createTestClock();
    const store = createMemoryStore(clock.now);
    const [bed, other] = [createTestBed(clock, store), createTestBed(clock, store)];
    for (const { cache } of [bed, other]) cache.applyTtls({ product: 10 });
    await bed.cache.page("product", key, async () => pageOf("old"));
    clock.passSeconds(200);
    const failing = () => Promise.reject(new Error("database away"));
    expect(await other.cache.page("product", key, failing)).toMatchObject({
      outcome: "stale",
      layer: "l2",
    });
  });
});
