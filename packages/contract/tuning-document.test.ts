import { describe, expect, test } from "bun:test";
import {
  formatTuningDocument,
  parseTuningDocument,
  type TuningDocument,
} from "./tuning-document.ts";

const document: TuningDocument = {
  schemaVersion: 1,
  revision: 12,
  profile: "shop/storefront",
  writtenAt: "2026-03-01T12:00:00Z",
  reason: "product: 0.72 of 0.87",
  ttlSeconds: { product: 20, catalog: 600.5 },
  poolSize: 8,
};

const pathsOf = (change: object) => {
  const result = parseTuningDocument(JSON.stringify({ ...document, ...change }));
  return result.ok ? [] : result.faults.map(({ path }) => path);
};

describe("tuning document", () => {
  test("what is written is read back the same", () => {
    const text = formatTuningDocument(document);
    expect(text.endsWith("}\n")).toBe(true);
    expect(parseTuningDocument(text)).toEqual({ ok: true, value: document });
  });

  test("the pool size may be absent", () => {
    const { poolSize: _, ...rest } = document;
    expect(parseTuningDocument(formatTuningDocument(rest))).toEqual({ ok: true, value: rest });
  });

  test("every shorter beginning of a document is refused as no JSON", () => {
    const text = formatTuningDocument(document).trimEnd();
    for (let length = 0; length < text.length; length++) {
      const result = parseTuningDocument(text.slice(0, length));
      expect(result.ok ? [] : result.faults[0]?.message).toStartWith("not JSON: ");
    }
  });

  test("faults name the path of their field", () => {
    expect(pathsOf({ schemaVersion: 2 })).toEqual(["schemaVersion"]);
    expect(pathsOf({ schemaVersion: "1" })).toEqual(["schemaVersion"]);
    expect(pathsOf({ revision: 0 })).toEqual(["revision"]);
    expect(pathsOf({ revision: 1.5 })).toEqual(["revision"]);
    expect(pathsOf({ writtenAt: "yesterday" })).toEqual(["writtenAt"]);
    expect(pathsOf({ reason: "x".repeat(513) })).toEqual(["reason"]);
    expect(pathsOf({ ttlSeconds: { product: "5s" } })).toEqual(["ttlSeconds.product"]);
    expect(pathsOf({ ttlSeconds: { product: 0 } })).toEqual(["ttlSeconds.product"]);
    expect(pathsOf({ ttlSeconds: { product: null } })).toEqual(["ttlSeconds.product"]);
    expect(pathsOf({ ttlSeconds: [] })).toEqual(["ttlSeconds"]);
    expect(pathsOf({ poolSize: 0 })).toEqual(["poolSize"]);
    expect(pathsOf({ ttl: {}, pool: 1 })).toEqual(["ttl", "pool"]);
  });

  test("JSON that is no document is refused", () => {
    for (const text of ["null", "[]", "7", '"x"'])
      expect(parseTuningDocument(text)).toMatchObject({ ok: false, faults: [{ path: "" }] });
  });
});
