import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { type ApiProxy, openApiProxy } from "./api-proxy.fixture.ts";
import {
  createOperatorAccount,
  nameRequest,
  type OperatorAccount,
} from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/**
 * kill -9 at the worst moments of a write. Status is saved first, with what is in flight; then the document is
 * written. One process dies in the middle of four such writes, and another goes on.
 */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;

const shopNames = ["undelivered", "delivered", "regressing", "first"] as const;
type ShopName = (typeof shopNames)[number];

let cluster: TestCluster;
let account: OperatorAccount;
let proxy: ApiProxy;
let next: OperatorProcess;
const shops = new Map<ShopName, Shop>();

beforeAll(async () => {
  cluster = await useCluster();
  await Promise.all(
    shopNames.map(async (name) => {
      shops.set(name, await openShop(cluster));
    }),
  );
  const namespaces = [...shops.values()].map(({ namespace }) => namespace);
  account = await createOperatorAccount({ cluster, namespaces });
  proxy = await openApiProxy(cluster, account.kubeconfig);
  await killInMidWrite();
}, 150_000);

afterAll(async () => {
  await account.close();
  await proxy.close();
  await Promise.all([...shops.values()].map((shop) => shop.close()));
});

function shopOf(name: ShopName): Shop {
  const shop = shops.get(name);
  if (shop === undefined) throw new Error(`there is no shop ${name}`);
  return shop;
}

/** The process dies when the second document of each shop, and the first one of the last, is on its way. */
async function killInMidWrite(): Promise<void> {
  const caught = new Set<string>();
  proxy.decide = ({ method, path }) => {
    if (method !== "PATCH" || !path.endsWith("/configmaps/storefront-tuning")) return "pass";
    const [name, shop] = [...shops].find(([, { namespace }]) => path.includes(namespace)) ?? [];
    if (name === undefined || shop === undefined) return "pass";
    if (name !== "first" && shop.target.kubelet.seen.length === 0) return "pass";
    caught.add(name);
    return name === "undelivered" || name === "first" ? "lose" : "keepAnswer";
  };
  const others = [...shops.entries()].filter(([name]) => name !== "first");
  await Promise.all(others.map(([, shop]) => shop.putProfile(tuned)));
  const operator = await account.start(["--time-scale", "60"], { kubeconfig: proxy.kubeconfig });
  await waitFor(() => caught.size === others.length, { ...patience, what: "writes on their way" });
  await shopOf("first").putProfile(tuned);
  await waitFor(() => caught.has("first"), { ...patience, what: "the first document" });
  for (const name of ["delivered", "regressing"] as const)
    await waitFor(() => shopOf(name).target.kubelet.seen.length === 2, patience);
  operator.kill("SIGKILL");
  await operator.exited;
  for (const [, shop] of others)
    expect((await shop.readStatus())?.inFlight).toMatchObject({ revision: 2, origin: "Law" });
  // What it has done to shoppers shows while nobody is there to see it.
  const kept = shopOf("regressing").target.kubelet.document()?.ttlSeconds["product"] ?? 0;
  shopOf("regressing").target.each((service) => {
    service.slowShare = (ttl) => (ttl >= kept ? 0.2 : 0.01);
  });
  next = await account.start(["--time-scale", "60"]);
}

/** Documents that reached the API server, whoever sent them. */
async function documentWrites({ namespace }: Shop): Promise<number> {
  return (await account.requests()).filter(
    (event) =>
      nameRequest(event) === "patch configmaps" &&
      event.objectRef?.name === "storefront-tuning" &&
      event.objectRef.namespace === namespace &&
      (event.responseStatus?.code ?? 0) < 300,
  ).length;
}

/** The audit log and the watch do not tell of a write in the same moment. */
const expectEachWriteOnce = (shop: Shop) =>
  waitFor(async () => (await documentWrites(shop)) === shop.target.kubelet.seen.length, {
    ...patience,
    what: "as many documents as writes",
  });

const verdictsOf = (shop: Shop) =>
  next.log.filter(
    ({ profile, verdict }) => profile === shop.key && verdict !== undefined && verdict !== "Held",
  );

describe("kill -9 between status and apply", () => {
  test.concurrent(
    "what never arrived is withdrawn, and decided anew under another number",
    async () => {
      const shop = shopOf("undelivered");
      await waitFor(() => verdictsOf(shop).length >= 2, patience);
      expect(verdictsOf(shop).slice(0, 2)).toMatchObject([
        { verdict: "Withdrawn", reason: "NeverWritten", revision: 2 },
        { verdict: "Applied", revision: 3 },
      ]);
      await waitFor(() => shop.target.kubelet.seen.length >= 2, patience);
      expect(shop.target.kubelet.seen[1]?.revision).toBe(3);
      await expectEachWriteOnce(shop);
    },
    120_000,
  );

  test.concurrent(
    "so is the very first document",
    async () => {
      const shop = shopOf("first");
      await waitFor(() => shop.target.kubelet.seen.length >= 1, patience);
      expect(shop.target.kubelet.seen[0]?.ttlSeconds).toEqual({ product: 1 });
    },
    120_000,
  );
});

describe("kill -9 between apply and the next status", () => {
  test.concurrent(
    "the change on its way is resumed, verified and not written again",
    async () => {
      const shop = shopOf("delivered");
      await waitFor(
        () =>
          next.logged({ profile: shop.key, msg: "resuming the change on its way", revision: 2 }),
        patience,
      );
      await waitFor(() => verdictsOf(shop).length > 0, patience);
      expect(verdictsOf(shop)[0]).toMatchObject({ verdict: "Verified", revision: 2 });
      await expectEachWriteOnce(shop);
      const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
      expect(revisions).toEqual(revisions.map((_, index) => index + 1));
    },
    120_000,
  );

  test.concurrent(
    "behaviour 9: a roll-back still fires after the operator was killed between apply and verify",
    async () => {
      const shop = shopOf("regressing");
      await waitFor(() => shop.target.kubelet.seen.length >= 3, patience);
      const [before, , restored] = shop.target.kubelet.seen;
      expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
      expect(verdictsOf(shop)[0]).toMatchObject({ verdict: "RolledBack", revision: 2 });
      await waitFor(
        async () => (await shop.events()).some(({ reason }) => reason === "RolledBack"),
        patience,
      );
    },
    120_000,
  );
});
