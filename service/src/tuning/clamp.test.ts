import { describe, expect, test } from "bun:test";
import { type CacheClass, cacheClasses, cacheClassNames } from "@mestore/contract/cache-classes";
import { assert, constantFrom, dictionary, double, property } from "fast-check";
import { clampTuning, readTuning } from "./clamp.ts";

const day = 24 * 3600;

describe("clampTuning", () => {
  test("values inside the safe range pass as they are", () => {
    expect(clampTuning({ ttlSeconds: { product: 40, catalog: 1.5 } }, cacheClasses)).toEqual({
      ok: true,
      ttlSeconds: { product: 40, catalog: 1.5 },
      clamped: [],
    });
  });

  test("values outside it are brought to its edge, and named", () => {
    const tooFar = { ttlSeconds: { product: 0.2, auth: 3600, catalog: 60 } };
    expect(clampTuning(tooFar, cacheClasses)).toEqual({
      ok: true,
      ttlSeconds: { product: 1, auth: 60, catalog: 60 },
      clamped: [
        { class: "product", askedSeconds: 0.2, givenSeconds: 1 },
        { class: "auth", askedSeconds: 3600, givenSeconds: 60 },
      ],
    });
  });

  test("an unknown class refuses the whole document by its path", () => {
    for (const name of ["produkt", "toString", "constructor"])
      expect(clampTuning({ ttlSeconds: { product: 40, [name]: 9 } }, cacheClasses)).toEqual({
        ok: false,
        faults: [{ path: `ttlSeconds.${name}`, message: "no cache class of this service" }],
      });
  });

  test("no document says nothing of the classes it leaves out", () => {
    expect(clampTuning({ ttlSeconds: {} }, cacheClasses)).toEqual({
      ok: true,
      ttlSeconds: {},
      clamped: [],
    });
  });

  test("whatever is asked, what is given lies in the safe range and clamping again changes nothing", () => {
    const asked = dictionary(
      constantFrom(...cacheClassNames),
      double({ min: 1e-9, max: 1e12, noNaN: true }),
    );
    assert(
      property(asked, (ttlSeconds) => {
        const once = clampTuning({ ttlSeconds }, cacheClasses);
        if (!once.ok) throw new Error("refused");
        for (const [name, given] of Object.entries(once.ttlSeconds)) {
          const { minTtlSeconds, maxTtlSeconds } = cacheClasses[name as CacheClass];
          expect(given).toBeGreaterThanOrEqual(minTtlSeconds);
          expect(given).toBeLessThanOrEqual(maxTtlSeconds);
        }
        const again = clampTuning({ ttlSeconds: once.ttlSeconds }, cacheClasses);
        expect(again).toEqual({ ok: true, ttlSeconds: once.ttlSeconds, clamped: [] });
      }),
    );
  });
});

describe("readTuning", () => {
  const document = {
    schemaVersion: 1 as const,
    revision: 4,
    profile: "default/demo",
    writtenAt: "2026-01-01T00:00:00Z",
    reason: "hit rate below target",
    ttlSeconds: { product: 2 * day },
    poolSize: 6,
  };

  test("gives the document as it was written beside what is obeyed of it", () => {
    expect(readTuning(JSON.stringify(document), cacheClasses)).toEqual({
      ok: true,
      tuning: {
        document,
        ttlSeconds: { product: day },
        clamped: [{ class: "product", askedSeconds: 2 * day, givenSeconds: day }],
        unsupported: ["poolSize"],
      },
    });
  });

  test("faults of the document and of its classes have the same shape", () => {
    const faultsOf = (change: object) => {
      const read = readTuning(JSON.stringify({ ...document, ...change }), cacheClasses);
      return read.ok ? [] : read.faults.map(({ path }) => path);
    };
    expect(faultsOf({ schemaVersion: 2 })).toEqual(["schemaVersion"]);
    expect(faultsOf({ ttlSeconds: { basket: 5 } })).toEqual(["ttlSeconds.basket"]);
    expect(faultsOf({ ttlSeconds: { product: -1 } })).toEqual(["ttlSeconds.product"]);
    expect(faultsOf({ ttl: {} })).toEqual(["ttl"]);
  });
});
