import { expect, test } from "bun:test";
import { profileFinalizer } from "@mestore/contract/performance-profile";
import { contentTypes } from "@mestore/tools/cluster/api-client";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, useShops } from "./bench.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";

/** What other people and programs do to what the operator works on. One process, a shop for each. */

const shops = useShops({
  targetGone: {},
  deletedInMidChange: { serviceTtlSeconds: 3 },
  foreign: {},
  edited: {},
  rivals: {},
  refused: {},
});

const untilGone = (shop: Shop) =>
  waitFor(async () => (await shop.readProfile()) === null, {
    ...patience,
    what: "the profile to be gone",
  });
const untilRecommended = (shop: Shop) =>
  waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, {
    ...patience,
    what: "a recommendation",
  });
const namespaceIsGone = async ({ cluster, namespace }: Shop) =>
  (await cluster.fetch("GET", `/api/v1/namespaces/${namespace}`)).status === 404;

test.concurrent(
  "a target that is deleted: the profile says so, its document stays, and nothing is written",
  async () => {
    const shop = shops.of("targetGone");
    await shop.putProfile(tuned);
    await shop.untilWritten(1);
    await shop.target.remove();
    await shop.untilCondition("Ready", "False TargetNotFound");
    expect((await shop.untilTold("TargetNotFound")).type).toBe("Warning");
    const document = await shop.readDocument();
    expect(document).not.toBeNull();
    // A profile whose target is gone is let go at once: there is nobody to put anything back for.
    await shop.deleteProfile();
    await untilGone(shop);
  },
  180_000,
);

test.concurrent(
  "a profile that is deleted in mid-change: what was found is put back before it goes",
  async () => {
    const shop = shops.of("deletedInMidChange");
    await shop.putProfile(tuned);
    await shop.untilWritten(2);
    expect((await shop.readProfile())?.metadata.finalizers).toEqual([profileFinalizer]);
    await shop.deleteProfile();
    await untilGone(shop);
    const restored = shop.target.kubelet.seen.at(-1);
    expect(restored?.ttlSeconds).toEqual({ product: 3 });
    expect(restored?.revision).toBe(shop.target.kubelet.seen.length);
    for (const { service } of shop.target.pods) expect(service.ttlSeconds).toBe(3);
    await shop.untilTold("Restored");
    // The garbage collector takes what belonged to it.
    for (const name of ["storefront-tuning", "storefront-memory"])
      await waitFor(async () => (await shop.readConfigMap(name)) === null, patience);
  },
  180_000,
);

test.concurrent(
  "a namespace that is deleted is not held up where the operator's rights do not go with it",
  async () => {
    const { bench, cluster } = shops;
    const shop = await bench.openShop();
    const { namespace } = shop;
    const everywhere = await bench.createAccount({ namespaces: [namespace], clusterWide: true });
    await shop.putProfile(tuned);
    await everywhere.start(fast);
    await shop.untilWritten(1);
    await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
    await waitFor(() => namespaceIsGone(shop), { ...patience, what: "the namespace to be gone" });
  },
  180_000,
);

test.concurrent(
  "regression: nor one whose deletion takes the rights along: its profile is let go while pods end",
  async () => {
    const { bench, cluster } = shops;
    const shop = await bench.openShop({ pods: 1 });
    const { namespace } = shop;
    const own = await bench.createAccount({ namespaces: [namespace] });
    const [pod] = shop.target.pods;
    if (pod === undefined) throw new Error("there is no pod");
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await shop.putProfile(tuned);
    const running = await own.start(fast);
    await shop.untilWritten(1);
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
      running.logged({ profile: shop.key, msg: "let go, since its namespace is being deleted" }),
    ).toBe(true);
    // What its kubelet does, unless the pod was collected before.
    await cluster.fetch("DELETE", `${pods}/${pod.name}?gracePeriodSeconds=0`);
    await waitFor(() => namespaceIsGone(shop), { ...patience, what: "the namespace to be gone" });
  },
  200_000,
);

test.concurrent(
  "a ConfigMap that somebody else made is left alone",
  async () => {
    const shop = shops.of("foreign");
    const path = `/api/v1/namespaces/${shop.namespace}/configmaps`;
    const data = { "tuning.json": "somebody else's" };
    await shops.cluster.request("POST", path, { metadata: { name: "storefront-tuning" }, data });
    await shop.putProfile(tuned);
    await shop.untilCondition("Conflict", "True ForeignOwner");
    await shop.untilTold("ForeignOwner");
    // It goes on to say what it would do.
    await untilRecommended(shop);
    const found = await shop.readConfigMap("storefront-tuning");
    expect(found?.data).toEqual(data);
    expect(found?.metadata.labels).toBeUndefined();
    expect((await shop.readProfile())?.metadata.finalizers).toBeUndefined();
  },
  180_000,
);

test.concurrent(
  "a document that somebody edits is theirs until they give it up",
  async () => {
    const shop = shops.of("edited");
    await shop.putProfile(tuned);
    await shop.untilWritten(1);
    const path = `/api/v1/namespaces/${shop.namespace}/configmaps/storefront-tuning`;
    const { document } = shop.target.kubelet;
    const theirs = { ...document(), revision: 77, ttlSeconds: { product: 5 } };
    await shops.cluster.request(
      "PATCH",
      `${path}?fieldManager=kubectl-edit`,
      { data: { "tuning.json": JSON.stringify(theirs) } },
      { contentType: contentTypes.merge },
    );
    await shop.untilCondition("Conflict", "True ForeignOwner");
    await untilRecommended(shop);
    expect((await shop.readDocument())?.revision).toBe(77);
    await shops.cluster.request("DELETE", path);
    await waitFor(() => (document()?.revision ?? 0) > 77, {
      ...patience,
      what: "a document of its own again",
    });
    await shop.untilCondition("Conflict", "False NoConflict");
  },
  180_000,
);

test.concurrent(
  "two profiles on one target: the older one works, the other says whose the target is",
  async () => {
    const shop = shops.of("rivals");
    await shop.putProfile(tuned);
    const born = Date.parse((await shop.readProfile())?.metadata.creationTimestamp);
    // The API tells ages apart by whole seconds.
    await waitFor(() => Date.now() >= born + 1000);
    await shop.putProfile(tuned, { name: "rival" });
    await shop.untilCondition("Stalled", "True TargetClaimed", "rival");
    expect(await shop.condition("Ready", "rival")).toBe("False TargetClaimed");
    await shop.untilWritten(2);
    expect(await shop.readConfigMap("rival-tuning")).toBeNull();
    expect(await shop.condition("Ready")).toBe("True Accepted");
    await shop.deleteProfile();
    await waitFor(async () => (await shop.readConfigMap("rival-tuning")) !== null, {
      ...patience,
      what: "the younger one to work",
    });
    await shop.untilCondition("Ready", "True Accepted", "rival");
  },
  180_000,
);

test.concurrent(
  "a document that a pod refuses is withdrawn, and the laggard is named",
  async () => {
    const shop = shops.of("refused");
    const [, deaf] = shop.target.pods;
    if (deaf === undefined) throw new Error("there is no second pod");
    await shop.putProfile(tuned);
    await shop.untilWritten(1);
    await waitFor(() => shop.target.pods.every(({ service }) => service.revision === 1), patience);
    deaf.service.adopts = false;
    await shop.untilWritten(2);
    const waiting = await waitFor(
      async () =>
        (await shop.readStatus())?.conditions.find(({ reason }) => reason === "AwaitingAdoption"),
      patience,
    );
    expect(waiting.message).toContain(deaf.name);
    await shop.untilDecided("Withdrawn");
    expect((await shop.readStatus())?.tuning).toMatchObject({ pods: 2 });
    await shop.untilWritten(3);
    const [before, , restored] = shop.target.kubelet.seen;
    expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    expect((await shop.untilTold("RevisionNotAdopted")).type).toBe("Warning");
    // It still runs none of it: a person has to look at that pod.
    await shop.untilCondition("Stalled", "True RevisionNotAdopted");
    deaf.service.adopts = true;
    await shop.untilCondition("Stalled", "False Working");
  },
  180_000,
);
