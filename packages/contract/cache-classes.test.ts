import { describe, expect, test } from "bun:test";
import { cacheClasses, cacheClassNames } from "./cache-classes.ts";

describe("cache classes", () => {
  for (const name of cacheClassNames) {
    const definition = cacheClasses[name];

    test(`${name} starts inside its safe range, and no layer outlives it`, () => {
      expect(definition.minTtlSeconds).toBeGreaterThanOrEqual(1);
      expect(definition.initialTtlSeconds).toBeGreaterThanOrEqual(definition.minTtlSeconds);
      expect(definition.initialTtlSeconds).toBeLessThanOrEqual(definition.maxTtlSeconds);
      expect(definition.l1CapSeconds).toBeLessThanOrEqual(definition.initialTtlSeconds);
    });
  }

  test("auth is never lengthened and never stale", () => {
    const { auth } = cacheClasses;
    expect(auth.maxTtlSeconds).toBe(auth.initialTtlSeconds);
    expect([auth.staleWhileRevalidateSeconds, auth.staleIfErrorSeconds]).toEqual([0, 0]);
  });
});
