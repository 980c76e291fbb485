import { expect, test } from "bun:test";
import { createMemoryStore } from "./memory-store.ts";
import { describeCacheStore } from "./store.contract.ts";

describeCacheStore(async () => createMemoryStore(() => 0));

test("entries expire on its owner's clock", async () => {
  let ms = 0;
  const store = createMemoryStore(() => ms);
  await store.set("key", Uint8Array.of(1), 10);
  ms = 9999;
  expect(await store.getBuffer("key")).toEqual(Uint8Array.of(1));
  ms = 10_000;
  expect(await store.getBuffer("key")).toBeNull();
});
