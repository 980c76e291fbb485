import { afterAll, beforeAll, expect, test } from "bun:test";
import { profileFinalizer } from "@mestore/contract/performance-profile";
import { contentTypes } from "@mestore/tools/cluster/api-client";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createOperatorAccount, type OperatorAccount } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, type ShopOptions, tuned } from "./shop.fixture.ts";

/** What other people and programs do to what the operator works on. One process, a shop for each. */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;

const shopOptions = {
  targetGone: {},
  deletedInMidChange: { serviceTtlSeconds: 3 },
  foreign: {},
  edited: {},
  rivals: {},
  refused: {},
} satisfies Record<string, ShopOptions>;
type ShopName = keyof typeof shopOptions;

let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
const shops = new Map<string, Shop>();

beforeAll(async () => {
  cluster = await useCluster();
  await Promise.all(
    Object.entries(shopOptions).map(async ([name, options]) => {
      shops.set(name, await openShop(cluster, options));
    }),
  );
  const namespaces = [...shops.values()].map(({ namespace }) => namespace);
  account = await createOperatorAccount({ cluster, namespaces });
  operator = await account.start(["--time-scale", "60"]);
  await waitFor(() => operator.leads(), { what: "the operator to lead", timeoutMs: 30_000 });
}, 120_000);

afterAll(async () => {
  await account.close();
  await Promise.all([...shops.values()].map((shop) => shop.close()));
});

function shopOf(name: ShopName): Shop {
  const shop = shops.get(name);
  if (shop === undefined) throw new Error(`there is no shop ${name}`);
  return shop;
}

const untilCondition = (
  shop: Shop,
  type: Parameters<Shop["condition"]>[0],
  state: string,
  name?: string,
) =>
  waitFor(
    async () => {
      const is = await shop.condition(type, name);
      if (is !== state) throw new Error(`${type} is ${is}`);
      return true;
    },
    { ...patience, what: `${type} to be ${state}` },
  );
const untilWritten = (shop: Shop, revisions: number) =>
  waitFor(() => shop.target.kubelet.seen.length >= revisions, {
    ...patience,
    what: `${revisions} revisions`,
  });
const untilTold = (shop: Shop, reason: string) =>
  waitFor(async () => (await shop.events()).find((event) => event.reason === reason), {
    ...patience,
    what: `the event ${reason}`,
  });
const untilGone = (shop: Shop) =>
  waitFor(async () => (await shop.readProfile()) === null, {
    ...patience,
    what: "the profile to be gone",
  });

test.concurrent(
  "a target that is deleted: the profile says so, its document stays, and nothing is written",
  async () => {
    const shop = shopOf("targetGone");
    await shop.putProfile(tuned);
    await untilWritten(shop, 1);
    await shop.target.remove();
    await untilCondition(shop, "Ready", "False TargetNotFound");
    expect((await untilTold(shop, "TargetNotFound")).type).toBe("Warning");
    const document = await shop.readDocument();
    expect(document).not.toBeNull();
    // A profile whose target is gone is let go at once: there is nobody to put anything back for.
    await shop.deleteProfile();
    await untilGone(shop);
  },
  120_000,
);

test.concurrent(
  "a profile that is deleted in mid-change: what was found is put back before it goes",
  async () => {
    const shop = shopOf("deletedInMidChange");
    await shop.putProfile(tuned);
    await untilWritten(shop, 2);
    expect((await shop.readProfile())?.metadata.finalizers).toEqual([profileFinalizer]);
    await shop.deleteProfile();
    await untilGone(shop);
    const restored = shop.target.kubelet.seen.at(-1);
    expect(restored?.ttlSeconds).toEqual({ product: 3 });
    expect(restored?.revision).toBe(shop.target.kubelet.seen.length);
    for (const { service } of shop.target.pods) expect(service.ttlSeconds).toBe(3);
    await untilTold(shop, "Restored");
    // The garbage collector takes what belonged to it.
    for (const name of ["storefront-tuning", "storefront-memory"])
      await waitFor(async () => (await shop.readConfigMap(name)) === null, patience);
  },
  120_000,
);

test.concurrent(
  "a namespace that is deleted is not held up where the operator's rights do not go with it",
  async () => {
    const shop = await openShop(cluster);
    const { namespace } = shop;
    const everywhere = await createOperatorAccount({
      ...{ cluster, namespaces: [namespace], clusterWide: true },
    });
    try {
      await shop.putProfile(tuned);
      await everywhere.start(["--time-scale", "60"]);
      await untilWritten(shop, 1);
      await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
      await waitFor(
        async () => (await cluster.fetch("GET", `/api/v1/namespaces/${namespace}`)).status === 404,
        { ...patience, what: "the namespace to be gone" },
      );
    } finally {
      await everywhere.close();
      await shop.close();
    }
  },
  120_000,
);

test.concurrent(
  "regression: nor one whose deletion takes the rights along: its profile is let go while pods end",
  async () => {
    const shop = await openShop(cluster, { pods: 1 });
    const { namespace } = shop;
    const own = await createOperatorAccount({ cluster, namespaces: [namespace] });
    const [pod] = shop.target.pods;
    if (pod === undefined) throw new Error("there is no pod");
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    try {
      await shop.putProfile(tuned);
      const running = await own.start(["--time-scale", "60"]);
      await untilWritten(shop, 1);
      // With a node a pod takes its time to end, and the namespace deletes the rest after that.
      // For less than 40 s: then the pod of a node that is not there is collected.
      await cluster.request("POST", `${pods}/${pod.name}/binding`, {
        metadata: { name: pod.name },
        target: { apiVersion: "v1", kind: "Node", name: "elsewhere" },
      });
      await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
      await waitFor(async () => (await shop.readProfile()).metadata.finalizers === undefined, {
        ...patience,
        what: "the profile to be let go",
      });
      expect(
        running.logged({
          profile: shop.key,
          msg: "let go, since its namespace is being deleted",
        }),
      ).toBe(true);
      // What its kubelet does, unless the pod was collected before.
      await cluster.fetch("DELETE", `${pods}/${pod.name}?gracePeriodSeconds=0`);
      await waitFor(
        async () => (await cluster.fetch("GET", `/api/v1/namespaces/${namespace}`)).status === 404,
        { ...patience, what: "the namespace to be gone" },
      );
    } finally {
      await own.close();
      await shop.close();
    }
  },
  200_000,
);

test.concurrent(
  "a ConfigMap that somebody else made is left alone",
  async () => {
    const shop = shopOf("foreign");
    const path = `/api/v1/namespaces/${shop.namespace}/configmaps`;
    const data = { "tuning.json": "somebody else's" };
    await cluster.request("POST", path, { metadata: { name: "storefront-tuning" }, data });
    await shop.putProfile(tuned);
    await untilCondition(shop, "Conflict", "True ForeignOwner");
    await untilTold(shop, "ForeignOwner");
    // It goes on to say what it would do.
    await waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, patience);
    const found = await shop.readConfigMap("storefront-tuning");
    expect(found?.data).toEqual(data);
    expect(found?.metadata.labels).toBeUndefined();
    expect((await shop.readProfile())?.metadata.finalizers).toBeUndefined();
  },
  120_000,
);

test.concurrent(
  "a document that somebody edits is theirs until they give it up",
  async () => {
    const shop = shopOf("edited");
    await shop.putProfile(tuned);
    await untilWritten(shop, 1);
    const path = `/api/v1/namespaces/${shop.namespace}/configmaps/storefront-tuning`;
    const { document } = shop.target.kubelet;
    const theirs = { ...document(), revision: 77, ttlSeconds: { product: 5 } };
    await cluster.request(
      "PATCH",
      `${path}?fieldManager=kubectl-edit`,
      { data: { "tuning.json": JSON.stringify(theirs) } },
      { contentType: contentTypes.merge },
    );
    await untilCondition(shop, "Conflict", "True ForeignOwner");
    await waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, patience);
    expect((await shop.readDocument())?.revision).toBe(77);
    await cluster.request("DELETE", path);
    await waitFor(() => (document()?.revision ?? 0) > 77, {
      ...patience,
      what: "a document of its own again",
    });
    await untilCondition(shop, "Conflict", "False NoConflict");
  },
  120_000,
);

test.concurrent(
  "two profiles on one target: the older one works, the other says whose the target is",
  async () => {
    const shop = shopOf("rivals");
    await shop.putProfile(tuned);
    const born = Date.parse((await shop.readProfile())?.metadata.creationTimestamp);
    // The API tells ages apart by whole seconds.
    await waitFor(() => Date.now() >= born + 1000);
    await shop.putProfile(tuned, { name: "rival" });
    await untilCondition(shop, "Stalled", "True TargetClaimed", "rival");
    expect(await shop.condition("Ready", "rival")).toBe("False TargetClaimed");
    await untilWritten(shop, 2);
    expect(await shop.readConfigMap("rival-tuning")).toBeNull();
    expect(await shop.condition("Ready")).toBe("True Accepted");
    await shop.deleteProfile();
    await waitFor(async () => (await shop.readConfigMap("rival-tuning")) !== null, {
      ...patience,
      what: "the younger one to work",
    });
    await untilCondition(shop, "Ready", "True Accepted", "rival");
  },
  120_000,
);

test.concurrent(
  "a document that a pod refuses is withdrawn, and the laggard is named",
  async () => {
    const shop = shopOf("refused");
    const [, deaf] = shop.target.pods;
    if (deaf === undefined) throw new Error("there is no second pod");
    await shop.putProfile(tuned);
    await untilWritten(shop, 1);
    await waitFor(() => shop.target.pods.every(({ service }) => service.revision === 1), patience);
    deaf.service.adopts = false;
    await untilWritten(shop, 2);
    const waiting = await waitFor(
      async () =>
        (await shop.readStatus())?.conditions.find(({ reason }) => reason === "AwaitingAdoption"),
      patience,
    );
    expect(waiting.message).toContain(deaf.name);
    const status = await waitFor(
      async () => {
        const found = await shop.readStatus();
        return found?.decisions.some(({ verdict }) => verdict === "Withdrawn") && found;
      },
      { ...patience, what: "the change to be withdrawn" },
    );
    expect(status.tuning).toMatchObject({ pods: 2 });
    await untilWritten(shop, 3);
    const [before, , restored] = shop.target.kubelet.seen;
    expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    expect((await untilTold(shop, "RevisionNotAdopted")).type).toBe("Warning");
    // It still runs none of it: a person has to look at that pod.
    await untilCondition(shop, "Stalled", "True RevisionNotAdopted");
    deaf.service.adopts = true;
    await untilCondition(shop, "Stalled", "False Working");
  },
  120_000,
);
