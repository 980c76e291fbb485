import { describe, expect, test } from "bun:test";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import type { TuningDelivery } from "./ports.ts";

export interface TuningDeliveryBench {
  readonly delivery: TuningDelivery;
  /** Whether the place keeps what was in force before the first document. */
  readonly keepsAdopted: boolean;
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
    async function withBench(
      use: (delivery: TuningDelivery, bench: TuningDeliveryBench) => Promise<void>,
    ): Promise<void> {
      const bench = await createBench();
      try {
        await use(bench.delivery, bench);
      } finally {
        await bench.close();
      }
    }
    const key = "shop/storefront";

    test("nothing is in force before the first document", () =>
      withBench(async (delivery) => {
        expect(await delivery.read(key)).toEqual({
          document: null,
          adopted: null,
          foreignOwner: null,
        });
      }));

    test("what was written is read at once, to the last digit", () =>
      withBench(async (delivery) => {
        await delivery.write(key, tuningDocument(1, 0.1 + 0.2), null);
        expect((await delivery.read(key)).document).toEqual(tuningDocument(1, 0.1 + 0.2));
        await delivery.write(key, tuningDocument(2), null);
        expect((await delivery.read(key)).document).toEqual(tuningDocument(2));
      }));

    test("what was found is kept beside the document, or not at all", () =>
      withBench(async (delivery, { keepsAdopted }) => {
        const found = { product: 3600, catalog: 0.1 + 0.2 };
        await delivery.write(key, tuningDocument(1), found);
        expect((await delivery.read(key)).adopted).toEqual(keepsAdopted ? found : null);
        await delivery.write(key, tuningDocument(2), found);
        const { document, adopted } = await delivery.read(key);
        expect(document).toEqual(tuningDocument(2));
        expect(adopted).toEqual(keepsAdopted ? found : null);
      }));
  });
}
