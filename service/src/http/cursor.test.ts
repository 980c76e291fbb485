import { describe, expect, test } from "bun:test";
import { z } from "@hono/zod-openapi";
import fc from "fast-check";
import { decodeCursor, encodeCursor } from "./cursor.ts";

const text = z.string();
const number = z.string().regex(/^\d+$/);

describe("a cursor", () => {
  test("comes back as it went, whatever the values", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.nat(), (name, id) => {
        const position = [name, String(id)];
        expect(decodeCursor(encodeCursor("name", position), "name", [text, number])).toEqual(
          position,
        );
      }),
    );
  });

  test("belongs to its order", () => {
    expect(decodeCursor(encodeCursor("price", ["1", "2"]), "-price", [number, number])).toBeNull();
  });

  test("must have the values that its order has", () => {
    expect(decodeCursor(encodeCursor("a", ["1"]), "a", [number, number])).toBeNull();
    expect(decodeCursor(encodeCursor("a", ["1", "x"]), "a", [number, number])).toBeNull();
  });

  test("is refused, never thrown at, when it is any other text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json()), (other) => {
        expect(decodeCursor(other, "a", [number])).toBeNull();
        const encoded = Buffer.from(other).toString("base64url");
        expect(decodeCursor(encoded, "a", [number])).toBeNull();
      }),
    );
  });
});
