import { afterAll, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger } from "@mestore/telemetry/logger";
import { startValkey, type TestServer, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import type { PageCache } from "./cache.ts";
import { createRedisStore, type RedisStore } from "./redis-store.ts";
import { createTestBed, pageOf, type TestBed, textOf } from "./test-bed.fixture.ts";

const monotonic = () => performance.now();

/** A cache on real Valkey whose own layer holds nothing, so that every look-up asks Valkey. */
async function createSharedBed(url: string): Promise<TestBed & { store: RedisStore }> {
  const logger = createLogger({ name: "test", level: "info", write: () => {} });
  const store = createRedisStore({ url, logger, monotonic });
  expect(await store.connected()).toBe(true);
  return { ...createTestBed({ monotonic }, store, { l1Bytes: 1 }), store };
}

interface Traffic {
  /** Time of each call so far, in ms. */
  readonly tookMs: number[];
  readonly failures: unknown[];
  /** Ends the shoppers; what they asked for has been answered then. */
  stop(): Promise<void>;
}

/** Shoppers who look at pages one after the other. */
function startTraffic(cache: PageCache, shoppers = 20): Traffic {
  const shop = { open: true };
  const tookMs: number[] = [];
  const failures: unknown[] = [];
  async function browse(shopper: number): Promise<void> {
    for (let i = 0; shop.open; i++) {
      const text = String((shopper * 7919 + i) % 200);
      const startedMs = performance.now();
      try {
        const answer = await cache.page("product", `/p/${text}`, async () => pageOf(text));
        if (textOf(answer) !== text) failures.push(`${text}: ${textOf(answer)}`);
      } catch (error) {
        failures.push(error);
      }
      tookMs.push(performance.now() - startedMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const all = Promise.all(Array.from({ length: shoppers }, (_, shopper) => browse(shopper)));
  return {
    tookMs,
    failures,
    async stop() {
      shop.open = false;
      await all;
    },
  };
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

test("two processes share pages", async () => {
  const { redisUrl } = await useStores();
  const [one, two] = await Promise.all([createSharedBed(redisUrl), createSharedBed(redisUrl)]);
  await one.cache.page("product", "/p/1", async () => pageOf("ñandú"));
  await one.store.getBuffer("after the write");
  const answer = await two.cache.page("product", "/p/1", async () => pageOf("not this"));
  expect(answer).toMatchObject({ outcome: "hit", layer: "l2" });
  expect(textOf(answer)).toBe("ñandú");
  expect(answer.ageSeconds).toBeLessThan(5);
  await one.cache.close();
  await two.cache.close();
});

test("a wall clock that jumps dates no page: ages are right, and newer pages replace older ones", async () => {
  const { redisUrl } = await useStores();
  const hourMs = 3_600_000;
  for (const jumpMs of [hourMs, -hourMs]) {
    const key = `/p/jump${jumpMs}`;
    const [one, two] = await Promise.all([createSharedBed(redisUrl), createSharedBed(redisUrl)]);
    try {
      setSystemTime(Date.now() + jumpMs);
      await one.cache.page("product", key, async () => pageOf("during"));
      await one.store.getBuffer("after the write");
      setSystemTime();
      const during = await two.cache.page("product", key, async () => pageOf("not this"));
      expect([textOf(during), during.outcome]).toEqual(["during", "hit"]);
      expect(during.ageSeconds).toBeLessThan(5);

      // Whoever now finds it too old loads it again, and everybody gets that.
      two.cache.applyTtls({ product: 0.001 });
      await waitFor(
        async () =>
          textOf(await two.cache.page("product", key, async () => pageOf("after"))) === "after",
        { what: "the refresh" },
      );
      await two.store.getBuffer("after the write");
      const after = await one.cache.page("product", key, async () => pageOf("not this"));
      expect([textOf(after), after.outcome]).toEqual(["after", "hit"]);
      expect(after.ageSeconds).toBeLessThan(5);
    } finally {
      setSystemTime();
      await Promise.all([one.cache.close(), two.cache.close()]);
    }
  }
});

describe("under traffic", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startValkey();
  });
  afterAll(() => server.stop());

  test("Valkey killed: no failed look-up, and it serves again after its restart", async () => {
    const bed = await createSharedBed(server.url);
    const hits = () => bed.read(serviceMetrics.cacheLayerHits, { class: "product", layer: "l2" });
    const traffic = startTraffic(bed.cache);
    await waitFor(() => hits() > 500, { what: "hits of the shared layer" });
    await server.kill("SIGKILL");
    await waitFor(() => !bed.store.isUp(), { what: "the loss to be noticed" });
    expect(bed.read(serviceMetrics.storeUp, {})).toBe(0);
    const without = traffic.tookMs.length;
    await waitFor(() => traffic.tookMs.length > without + 1000, { what: "look-ups without it" });

    await server.restart();
    await waitFor(() => bed.store.isUp(), { what: "the connection to come back" });
    const before = hits();
    await waitFor(() => hits() > before + 500, { what: "hits of the shared layer again" });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    await bed.cache.close();
  });

  test("Valkey hung: no failed look-up, a short wait once, then none", async () => {
    const bed = await createSharedBed(server.url);
    const hits = () => bed.read(serviceMetrics.cacheLayerHits, { class: "product", layer: "l2" });
    const traffic = startTraffic(bed.cache);
    await waitFor(() => hits() > 500, { what: "hits of the shared layer" });
    await server.kill("SIGSTOP");
    try {
      await waitFor(() => !bed.store.isUp(), { what: "the breaker to open", intervalMs: 1 });
      const open = traffic.tookMs.length;
      await waitFor(() => traffic.tookMs.length > open + 3000, { what: "look-ups without it" });
      // 40 ms of deadline and one turn of the loop; the bound leaves room for a busy machine.
      expect(Math.max(...traffic.tookMs)).toBeLessThan(500);
      expect(median(traffic.tookMs.slice(open + 50))).toBeLessThan(10);
      expect(
        bed.read(serviceMetrics.cacheErrors, { class: "product", operation: "get" }),
      ).toBeGreaterThanOrEqual(5);
    } finally {
      await server.kill("SIGCONT");
    }
    await waitFor(() => bed.store.isUp(), { what: "the connection to come back" });
    const before = hits();
    await waitFor(() => hits() > before + 500, { what: "hits of the shared layer again" });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    await bed.cache.close();
  });

  test("memory, limit, policy and evictions are exported", async () => {
    const bed = await createSharedBed(server.url);
    await waitFor(() => bed.read(serviceMetrics.storeMemoryUsed, {}) > 100_000, {
      what: "the first reading in the background",
    });
    expect(bed.read(serviceMetrics.storeMemoryLimit, {})).toBe(256 * 1024 * 1024);
    expect(bed.read(serviceMetrics.storeEvictionPolicy, {})).toBe(1);
    expect(bed.read(serviceMetrics.storeEvictions, {})).toBe(0);
    await bed.cache.close();
  });
});
