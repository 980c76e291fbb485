import { describe, expect, test } from "bun:test";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import type { TuningDelivery } from "./ports.ts";

export interface TuningDeliveryBench {
  readonly delivery: TuningDelivery;
  close(): void | Promise<void>;
}

export const tuningDocument = (revision: number, ttl = 60): TuningDocument => ({
  schemaVersion: 1,
  revision,
  profile: "shop/storefront",
  writtenAt: "2026-11-24T12:00:00.000Z",
  reason: "product: CurveBelowGoal.",
  ttlSeconds: { product: ttl, catalog: 49.7 },
});

/** What every TuningDelivery does. */
export function describeTuningDelivery(
  name: string,
  createBench: () => Promise<TuningDeliveryBench>,
): void {
  describe(name, () => {
    async function withBench(use: (delivery: TuningDelivery) => Promise<void>): Promise<void> {
      const bench = await createBench();
      try {
        await use(bench.delivery);
      } finally {
        await bench.close();
      }
    }
    const key = "shop/storefront";

    test("nothing is in force before the first document", () =>
      withBench(async (delivery) => {
        expect(await delivery.read(key)).toBeNull();
      }));

    test("what was written is in force, to the last digit", () =>
      withBench(async (delivery) => {
        await delivery.write(key, tuningDocument(1, 0.1 + 0.2));
        expect(await delivery.read(key)).toEqual(tuningDocument(1, 0.1 + 0.2));
        await delivery.write(key, tuningDocument(2));
        expect(await delivery.read(key)).toEqual(tuningDocument(2));
      }));
  });
}
