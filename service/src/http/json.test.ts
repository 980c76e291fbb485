import { expect, test } from "bun:test";
import { removeNulls } from "./json.ts";

test("removes null and undefined members at any depth, and nothing else", () => {
  expect(
    removeNulls({
      a: null,
      b: undefined,
      c: { d: null, e: 0, f: "", g: false },
      h: [{ i: null, j: 1 }, null],
      k: {},
    }),
  ).toEqual({ c: { e: 0, f: "", g: false }, h: [{ j: 1 }, null], k: {} });
});
