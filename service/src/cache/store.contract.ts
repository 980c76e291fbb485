import { describe, expect, test } from "bun:test";
import type { CacheStore } from "./store.ts";

/** What every adapter of `CacheStore` does. `create` gives one that is up and empty. */
export function describeCacheStore(create: () => Promise<CacheStore>): void {
  describe("contract of a cache store", () => {
    test("gives back what was set, and nothing for what was not", async () => {
      const store = await create();
      expect(await store.getBuffer("absent")).toBeNull();
      expect(await store.set("key:{/a?b=ñ}", new TextEncoder().encode("value"), 60)).toBe("ok");
      expect(asBytes(await store.getBuffer("key:{/a?b=ñ}"))).toEqual(
        new TextEncoder().encode("value"),
      );
      await store.set("key:{/a?b=ñ}", new TextEncoder().encode("other"), 60);
      expect(asBytes(await store.getBuffer("key:{/a?b=ñ}"))).toEqual(
        new TextEncoder().encode("other"),
      );
      await store.close();
    });

    test("keeps values of any bytes and sizes", async () => {
      const store = await create();
      const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const values = [
        new Uint8Array(),
        everyByte,
        Uint8Array.of(0),
        new TextEncoder().encode("\r\n$-1\r\n"),
        Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255),
        everyByte.subarray(13, 17),
      ];
      await Promise.all(values.map((value, i) => store.set(`value:${i}`, value, 60)));
      const read = await Promise.all(values.map((_, i) => store.getBuffer(`value:${i}`)));
      expect(read.map(asBytes)).toEqual(values.map((value) => new Uint8Array(value)));
      await store.close();
    });

    test("is up, knows its clock and tells its memory", async () => {
      const store = await create();
      expect(store.isUp()).toBe(true);
      expect(store.clockOffsetMs()).not.toBeNull();
      await store.set("key", new Uint8Array(1000), 60);
      const info = await store.info();
      expect(info).toMatchObject({ evicts: expect.any(Boolean), evictedKeys: 0 });
      expect(typeof info === "object" && info.usedMemoryBytes).toBeGreaterThanOrEqual(1000);
      await store.close();
    });

    test("closed, it is away, and closing again does nothing", async () => {
      const store = await create();
      await store.close();
      expect(store.isUp()).toBe(false);
      expect(await store.getBuffer("key")).toBe("unavailable");
      expect(await store.set("key", new Uint8Array(1), 60)).toBe("unavailable");
      expect(await store.info()).toBe("unavailable");
      await store.close();
    });
  });
}

function asBytes(answer: Uint8Array | string | null): Uint8Array | string | null {
  return answer instanceof Uint8Array ? new Uint8Array(answer) : answer;
}
