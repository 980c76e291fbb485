import { describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, type TunedShops, useShops } from "./bench.fixture.ts";
import { expectWrittenOnce, patience, type Shop, tuned } from "./shop.fixture.ts";

/**
 * kill -9 at the worst moments of a write. Status is saved first, with what is in flight; then the document is
 * written. One process dies in the middle of four such writes, and another goes on.
 */

type ShopName = "undelivered" | "delivered" | "regressing" | "first";
const shops = useShops<ShopName>(
  { undelivered: {}, delivered: {}, regressing: {}, first: {} },
  { begin: killInMidWrite },
);

/**
 * The process dies when the second document of each shop, and the first one of the last, is on its way. Gives
 * the one that goes on.
 */
async function killInMidWrite({ bench, account, all, of }: TunedShops<ShopName>) {
  const proxy = await bench.openProxy(account);
  const caught = new Set<ShopName>();
  proxy.decide = ({ method, path }) => {
    if (method !== "PATCH" || !path.endsWith("/configmaps/storefront-tuning")) return "pass";
    const [name, shop] = all().find(([, { namespace }]) => path.includes(namespace)) ?? [];
    if (name === undefined || (name !== "first" && shop?.written() === 0)) return "pass";
    caught.add(name);
    return name === "undelivered" || name === "first" ? "lose" : "keepAnswer";
  };
  const others = all().filter(([name]) => name !== "first");
  await Promise.all(others.map(([, shop]) => shop.putProfile(tuned)));
  const operator = await account.start(fast, { kubeconfig: proxy.kubeconfig });
  await waitFor(() => caught.size === others.length, { ...patience, what: "writes on their way" });
  await of("first").putProfile(tuned);
  await waitFor(() => caught.has("first"), { ...patience, what: "the first document" });
  for (const name of ["delivered", "regressing"] as const) await of(name).untilWritten(2);
  operator.kill("SIGKILL");
  await operator.exited;
  for (const [, shop] of others)
    expect((await shop.readStatus())?.inFlight).toMatchObject({ revision: 2, origin: "Law" });
  // What it has done to shoppers shows while nobody is there to see it.
  const { target } = of("regressing");
  const kept = target.kubelet.document()?.ttlSeconds["product"] ?? 0;
  target.each((service) => {
    service.slowShare = (ttl) => (ttl >= kept ? 0.2 : 0.01);
  });
  return account.start(fast);
}

const verdictsOf = (shop: Shop) =>
  shops.operator.log.filter(
    ({ profile, verdict }) => profile === shop.key && verdict !== undefined && verdict !== "Held",
  );

describe("kill -9 between status and apply", () => {
  test.concurrent(
    "what never arrived is withdrawn, and decided anew under another number",
    async () => {
      const shop = shops.of("undelivered");
      await waitFor(() => verdictsOf(shop).length >= 2, patience);
      expect(verdictsOf(shop).slice(0, 2)).toMatchObject([
        { verdict: "Withdrawn", reason: "NeverWritten", revision: 2 },
        { verdict: "Applied", revision: 3 },
      ]);
      await shop.untilWritten(2);
      expect(shop.target.kubelet.seen[1]?.revision).toBe(3);
      await expectWrittenOnce(shop, shops.account);
    },
    180_000,
  );

  test.concurrent(
    "so is the very first document",
    async () => {
      const shop = shops.of("first");
      await shop.untilWritten(1);
      expect(shop.target.kubelet.seen[0]?.ttlSeconds).toEqual({ product: 1 });
    },
    180_000,
  );
});

describe("kill -9 between apply and the next status", () => {
  test.concurrent(
    "the change on its way is resumed, verified and not written again",
    async () => {
      const shop = shops.of("delivered");
      await waitFor(
        () =>
          shops.operator.logged({
            profile: shop.key,
            msg: "resuming the change on its way",
            revision: 2,
          }),
        patience,
      );
      await waitFor(() => verdictsOf(shop).length > 0, patience);
      expect(verdictsOf(shop)[0]).toMatchObject({ verdict: "Verified", revision: 2 });
      await expectWrittenOnce(shop, shops.account);
      const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
      expect(revisions).toEqual(revisions.map((_, index) => index + 1));
    },
    180_000,
  );

  test.concurrent(
    "behaviour 9: a roll-back still fires after the operator was killed between apply and verify",
    async () => {
      const shop = shops.of("regressing");
      await shop.untilWritten(3);
      const [before, , restored] = shop.target.kubelet.seen;
      expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
      expect(verdictsOf(shop)[0]).toMatchObject({ verdict: "RolledBack", revision: 2 });
      await shop.untilTold("RolledBack");
    },
    180_000,
  );
});
