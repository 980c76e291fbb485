import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLineSplitter } from "./lines.ts";

const encode = (text: string) => new TextEncoder().encode(text);

test("lines come out whole, however the stream is cut, also inside a character", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", minLength: 1 }).filter((s) => !s.includes("\n"))),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (lines, cuts) => {
        const bytes = encode(lines.map((line) => `${line}\n`).join(""));
        const splitter = createLineSplitter();
        const out: string[] = [];
        for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
          const size = cuts[cut % cuts.length] ?? 1;
          out.push(...splitter.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(out).toEqual(lines);
      },
    ),
  );
});

test("what has no end yet waits, and an empty line is none", () => {
  const splitter = createLineSplitter();
  expect(splitter.push(encode('{"a":'))).toEqual([]);
  expect(splitter.push(encode('1}\n\n{"b"'))).toEqual(['{"a":1}']);
  expect(splitter.push(encode(":2}\n"))).toEqual(['{"b":2}']);
});

// No clock: copying what is there already for each piece would move half a terabyte.
test("a long line in small pieces costs no more than its length", () => {
  const splitter = createLineSplitter();
  const piece = encode("x".repeat(64));
  for (let sent = 0; sent < 8 * 1024 * 1024; sent += piece.length) splitter.push(piece);
  expect(splitter.push(encode("\n"))[0]).toHaveLength(8 * 1024 * 1024);
});

test("a line that does not end is refused", () => {
  const splitter = createLineSplitter();
  const piece = new Uint8Array(1024 * 1024).fill(0x78);
  expect(() => {
    for (let sent = 0; sent < 32; sent += 1) splitter.push(piece);
  }).toThrow(RangeError);
});
