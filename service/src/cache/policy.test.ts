import { describe, expect, test } from "bun:test";
import { cacheClasses } from "@mestore/contract/cache-classes";
import {
  decideOutcome,
  decideStoreExpirySeconds,
  drawJitter,
  freshForMs,
  jitterFactor,
  planFreshness,
  refreshableForMs,
  standsInForMs,
} from "./policy.ts";

const { product, auth } = cacheClasses;

describe("jitter", () => {
  test("shortens a TTL by less than a tenth and never lengthens it", () => {
    expect(jitterFactor(drawJitter(() => 0))).toBe(1);
    const most = jitterFactor(drawJitter(() => 1 - Number.EPSILON));
    expect(most).toBeGreaterThan(0.9);
    expect(most).toBeLessThan(0.901);
  });

  test("fits a byte and spreads evenly", () => {
    const drawn = Array.from({ length: 1000 }, (_, i) => drawJitter(() => i / 1000));
    expect(Math.min(...drawn)).toBe(0);
    expect(Math.max(...drawn)).toBe(255);
    const mean = drawn.reduce((sum, one) => sum + one, 0) / drawn.length;
    expect(mean).toBeCloseTo(127.5, -1);
  });
});

describe("freshness", () => {
  const rules = planFreshness(product, 100, true);

  test("is decided by the TTL in force and the entry's own jitter", () => {
    expect(freshForMs(rules, { negative: false, jitterFactor: 0.95 })).toBe(95_000);
    expect(decideOutcome(rules, { negative: false, jitterFactor: 0.95 }, 95_000)).toBe("hit");
    expect(decideOutcome(rules, { negative: false, jitterFactor: 0.95 }, 95_001)).toBe("stale");
  });

  test("stale windows begin at the TTL; a negative has none", () => {
    const page = { negative: false, jitterFactor: 1 };
    expect(refreshableForMs(rules, page)).toBe(160_000);
    expect(standsInForMs(rules, page)).toBe(400_000);
    const negative = { negative: true, jitterFactor: 1 };
    expect(refreshableForMs(rules, negative)).toBe(10_000);
    expect(standsInForMs(rules, negative)).toBe(10_000);
  });

  test("a negative never outlives a page", () => {
    expect(planFreshness(product, 2, true).negativeTtlMs).toBe(2000);
  });

  test("without a shared layer nothing caps the process's own", () => {
    expect(rules.l1CapMs).toBe(10_000);
    expect(planFreshness(product, 100, false).l1CapMs).toBe(Infinity);
  });
});

describe("expiry in the shared layer", () => {
  test.each([
    [5, 310],
    [600, 1500],
    [86_400, 86_700],
    [60_000, 86_700],
    [0.3, 301],
  ])("TTL %d s expires after %d s", (ttlSeconds, expected) => {
    expect(decideStoreExpirySeconds(product, ttlSeconds, false)).toBe(expected);
  });

  test("a class without stale windows, and negatives, have no more than they need", () => {
    expect(decideStoreExpirySeconds(auth, 20, false)).toBe(40);
    expect(decideStoreExpirySeconds(auth, 60, false)).toBe(60);
    expect(decideStoreExpirySeconds(product, 600, true)).toBe(10);
    expect(decideStoreExpirySeconds(product, 0.2, true)).toBe(1);
  });
});
