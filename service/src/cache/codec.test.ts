import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeEntry, encodeEntry, type StoredEntry } from "./codec.ts";

const bodies = fc
  .uint8Array({ maxLength: 2000 })
  .map((bytes): Uint8Array<ArrayBuffer> => new Uint8Array(bytes));

const entries: fc.Arbitrary<StoredEntry> = fc.record({
  page: fc.record({
    status: fc.integer({ min: 100, max: 599 }),
    contentType: fc.string({ unit: "binary" }),
    body: bodies,
    etag: fc.string(),
    language: fc.string({ maxLength: 35 }),
    tags: fc.array(fc.string({ unit: "binary" }), { maxLength: 20 }),
  }),
  negative: fc.boolean(),
  jitter: fc.integer({ min: 0, max: 255 }),
  madeAtMs: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 8e15 }),
});

const sample: StoredEntry = {
  page: {
    status: 200,
    contentType: "application/json; charset=utf-8",
    body: new TextEncoder().encode('{"title":"Cafetera de émbolo"}'),
    etag: '"0123456789abcdef-identity"',
    language: "es",
    tags: ["product:12", "vendor:ñandú"],
  },
  negative: false,
  jitter: 200,
  madeAtMs: 1_790_000_000_123.456,
};

describe("entries of the shared layer", () => {
  test("any entry comes back as it was", () => {
    fc.assert(
      fc.property(entries, (entry) => {
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
      }),
      { numRuns: 300 },
    );
  });

  test("are read from the middle of a larger buffer, and do not keep it", () => {
    const encoded = encodeEntry(sample);
    const socketBuffer = new Uint8Array(64 * 1024);
    socketBuffer.set(encoded, 1001);
    const decoded = decodeEntry(socketBuffer.subarray(1001, 1001 + encoded.length));
    expect(decoded).toEqual(sample);
    expect(decoded?.page.body.buffer.byteLength).toBe(sample.page.body.length);
    socketBuffer.fill(0);
    expect(decoded).toEqual(sample);
  });

  test("cost little beyond the body", () => {
    const bare = { ...sample.page, contentType: "", etag: "", language: "", tags: [] };
    expect(encodeEntry({ ...sample, page: bare }).length - bare.body.length).toBe(40);
  });

  test("another version is none", () => {
    const encoded = encodeEntry(sample);
    encoded[1] = 2;
    expect(decodeEntry(encoded)).toBeNull();
  });

  test("truncated or lengthened at any place is none", () => {
    const encoded = encodeEntry(sample);
    for (let length = 0; length < encoded.length; length++)
      expect(decodeEntry(encoded.subarray(0, length))).toBeNull();
    expect(decodeEntry(Buffer.concat([encoded, Buffer.alloc(1)]))).toBeNull();
  });

  test("one flipped bit anywhere is noticed", () => {
    const encoded = encodeEntry(sample);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const at = bit >> 3;
      encoded[at] = (encoded[at] ?? 0) ^ (1 << (bit & 7));
      expect(decodeEntry(encoded)).toBeNull();
      encoded[at] = (encoded[at] ?? 0) ^ (1 << (bit & 7));
    }
    expect(decodeEntry(encoded)).toEqual(sample);
  });

  test("garbage is none, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (garbage, disguised) => {
        if (disguised) garbage.set([0x4d, 1].slice(0, garbage.length));
        expect(decodeEntry(garbage)).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });
});
