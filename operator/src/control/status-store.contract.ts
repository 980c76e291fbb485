import { describe, expect, test } from "bun:test";
import { emptyStatus, type ProfileStatus } from "../profile/status.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import type { StatusStore } from "./ports.ts";

export interface StatusStoreBench {
  /** Another store on the same place, as after a restart. */
  open(): StatusStore<ProfileStatus, LoopMemory>;
  close(): void | Promise<void>;
}

export const sampleStatus: ProfileStatus = {
  ...emptyStatus,
  observedGeneration: 3,
  conditions: [
    {
      type: "Ready",
      status: "True",
      reason: "Accepted",
      message: "The profile is in force: yes, # really",
      observedGeneration: 3,
      lastTransitionTime: "2026-11-24T12:00:00.000Z",
    },
  ],
  objectives: [{ name: "product-hits", target: "85 %", current: "86.71 %", met: "True" }],
  tuning: { revision: 4, ttlSeconds: [{ name: "product", seconds: "49.7" }] },
};

export const sampleMemory: LoopMemory = {
  ...emptyLoopMemory,
  generation: 3,
  slices: [{ atSeconds: 1_800_000_000.123, seconds: 60, requests: 100, slow: 1, errors: 0 }],
  changesAtSeconds: [1_799_999_000],
};

/** What every StatusStore does. */
export function describeStatusStore(
  name: string,
  createBench: () => Promise<StatusStoreBench>,
): void {
  describe(name, () => {
    async function withBench(use: (bench: StatusStoreBench) => Promise<void>): Promise<void> {
      const bench = await createBench();
      try {
        await use(bench);
      } finally {
        await bench.close();
      }
    }
    const key = "shop/storefront";

    test("holds nothing at first", () =>
      withBench(async ({ open }) => {
        expect(await open().load(key)).toEqual({ status: null, memory: null, foreignOwner: null });
      }));

    test("gives back what was saved, also after a restart", () =>
      withBench(async ({ open }) => {
        await open().save(key, sampleStatus, sampleMemory);
        expect(await open().load(key)).toMatchObject({
          status: sampleStatus,
          memory: sampleMemory,
        });
        const next = { ...sampleStatus, observedGeneration: 4 };
        await open().save(key, next, sampleMemory);
        expect((await open().load(key)).status).toEqual(next);
      }));

    test("keeps profiles apart, and forgets the status of one that is gone", () =>
      withBench(async ({ open }) => {
        const store = open();
        await store.save(key, sampleStatus, sampleMemory);
        await store.save("shop/other", emptyStatus, emptyLoopMemory);
        await store.remove(key);
        expect((await open().load(key)).status).toBeNull();
        expect((await open().load("shop/other")).status).toEqual(emptyStatus);
      }));
  });
}
