import { describe, expect, test } from "bun:test";
import type { ProfileSource } from "./ports.ts";

export interface ProfileIdentity {
  readonly name: string;
  readonly namespace: string;
}

/** A source together with what people write into it. */
export interface ProfileSourceBench {
  readonly source: ProfileSource;
  /** Creates the profile or replaces its spec. Where the world itself refuses it, nothing changes. */
  put(identity: ProfileIdentity, spec: unknown): Promise<void>;
  remove(identity: ProfileIdentity): Promise<void>;
  close(): void | Promise<void>;
}

const storefront = { name: "storefront", namespace: "shop" };
const targetRef = { name: "mestore" };

/** What every ProfileSource does. */
export function describeProfileSource(
  name: string,
  createBench: () => Promise<ProfileSourceBench>,
): void {
  describe(name, () => {
    async function withBench(use: (bench: ProfileSourceBench) => Promise<void>): Promise<void> {
      const bench = await createBench();
      try {
        await use(bench);
      } finally {
        await bench.close();
      }
    }

    test("lists profiles by key, defaults filled in", () =>
      withBench(async ({ source, put }) => {
        expect(await source.list()).toEqual([]);
        await put(storefront, { targetRef });
        const [state] = await source.list();
        expect(state).toMatchObject({ key: "shop/storefront", faults: [] });
        expect(state?.profile?.spec).toMatchObject({
          mode: "Recommend",
          guardrails: { cooldownSeconds: 300, rollbackPolicy: "Enabled" },
        });
      }));

    test("shows a new text at the next look", () =>
      withBench(async ({ source, put }) => {
        await put(storefront, { targetRef });
        await source.list();
        await put(storefront, { targetRef, mode: "Auto" });
        const [state] = await source.list();
        expect(state?.profile?.spec.mode).toBe("Auto");
      }));

    test("a refused text leaves the last good profile in force, and the next good one replaces it", () =>
      withBench(async ({ source, put }) => {
        await put(storefront, { targetRef, mode: "Auto" });
        await source.list();
        await put(storefront, { targetRef, mode: "Off" });
        for (const _ of ["at once", "and later"]) {
          const [state] = await source.list();
          expect(state?.key).toBe("shop/storefront");
          expect(state?.profile?.spec.mode).toBe("Auto");
          expect(state?.faults.map(({ path }) => path)).toEqual(["spec.mode"]);
        }
        await put(storefront, { targetRef, mode: "Disabled" });
        const [state] = await source.list();
        expect(state?.faults).toEqual([]);
        expect(state?.profile?.spec.mode).toBe("Disabled");
      }));

    test("a profile that is gone is gone, its last good text with it", () =>
      withBench(async ({ source, put, remove }) => {
        await put(storefront, { targetRef, mode: "Auto" });
        await source.list();
        await remove(storefront);
        expect(await source.list()).toEqual([]);
        await put(storefront, { targetRef, mode: "Off" });
        expect((await source.list())[0]?.profile).toBeNull();
      }));
  });
}
