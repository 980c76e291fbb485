import { describe, expect, test } from "bun:test";
import {
  isChange,
  maxReferences,
  readBytes,
  readOffsetMs,
  ReferenceBuffer,
} from "./reference-buffer.ts";
import { hashRange } from "./shadow-sample.ts";

const read = (words: Uint32Array | undefined) => {
  const references = [];
  for (let i = 0; i < (words?.length ?? 0); i += 2) {
    const word = words?.[i + 1] ?? 0;
    references.push({
      hash: words?.[i],
      ms: readOffsetMs(word),
      changed: isChange(word),
      bytes: readBytes(word),
    });
  }
  return references;
};

describe("references of one batch", () => {
  test("are read back as they were noted, to the ms and to 64 bytes", () => {
    const buffer = new ReferenceBuffer(5000);
    buffer.reference(0xffff_ffff, 700, 5000);
    buffer.noteChange(3, 5000.6);
    buffer.missAtEveryTtl();
    buffer.reference(0, 64, 5999);
    const sealed = buffer.seal(6000);
    expect(sealed).toMatchObject({ lookups: 2, unkept: 1, threshold: hashRange });
    expect(read(sealed?.words)).toEqual([
      { hash: 0xffff_ffff, ms: 0, changed: false, bytes: 704 },
      { hash: 3, ms: 1, changed: true, bytes: 0 },
      { hash: 0, ms: 999, changed: false, bytes: 64 },
    ]);
    expect(buffer.seal(7000)).toBeNull();
    buffer.reference(9, 1e12, 9e9);
    expect(read(buffer.seal(8000)?.words)).toEqual([
      { hash: 9, ms: 4095, changed: false, bytes: 0x7ffff * 64 },
    ]);
  });

  test("above the threshold are counted and not kept", () => {
    const buffer = new ReferenceBuffer(0);
    buffer.threshold = 100;
    for (const hash of [99, 100, 101]) {
      buffer.reference(hash, 64, 1);
      buffer.noteChange(hash, 1);
    }
    const sealed = buffer.seal(1000);
    expect(sealed).toMatchObject({ lookups: 3, threshold: 100 });
    expect(read(sealed?.words).map(({ hash }) => hash)).toEqual([99, 99]);
  });

  test("that are too many lower the threshold, and those below it are all there", () => {
    const buffer = new ReferenceBuffer(0);
    const noted: number[] = [];
    for (let i = 0; i < 4 * maxReferences; i++) {
      const hash = Bun.hash.xxHash32(String(i % 1000));
      noted.push(hash);
      buffer.reference(hash, 64, i / 100);
    }
    const sealed = buffer.seal(1000);
    const threshold = sealed?.threshold ?? 0;
    expect(sealed?.lookups).toBe(noted.length);
    expect(threshold).toBeLessThan(hashRange / 2);
    const kept = read(sealed?.words).map(({ hash }) => hash ?? 0);
    expect(kept.filter((hash) => hash < threshold)).toEqual(
      noted.filter((hash) => hash < threshold),
    );
    expect(kept.length).toBeLessThanOrEqual(maxReferences);
  });
});
