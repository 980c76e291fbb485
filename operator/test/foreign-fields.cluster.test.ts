import { afterAll, beforeAll, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { contentTypes } from "@mestore/tools/cluster/api-client";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createOperatorAccount, type OperatorAccount } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/**
 * Fields of what the operator writes that another field manager has taken. What is the operator's alone (status
 * and memory) it takes back; what it shares with the target (the tuning ConfigMap) it leaves to whoever
 * has it, says so, and goes on once that is given up.
 */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;
const shopNames = ["memory", "status", "label", "rollBack", "stranger"] as const;

let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
const shops = new Map<string, Shop>();

beforeAll(async () => {
  cluster = await useCluster();
  await Promise.all(shopNames.map(async (name) => shops.set(name, await openShop(cluster))));
  const namespaces = [...shops.values()].map(({ namespace }) => namespace);
  account = await createOperatorAccount({ cluster, namespaces });
  operator = await account.start(["--time-scale", "60"]);
}, 120_000);

afterAll(async () => {
  await account.close();
  await Promise.all([...shops.values()].map((shop) => shop.close()));
});

function shopOf(name: (typeof shopNames)[number]): Shop {
  const shop = shops.get(name);
  if (shop === undefined) throw new Error(`there is no shop ${name}`);
  return shop;
}

const configMaps = ({ namespace }: Shop) => `/api/v1/namespaces/${namespace}/configmaps`;

/** Merge patch under another manager's name. */
const patchAs = (manager: string, path: string, patch: object) =>
  cluster.request("PATCH", `${path}?fieldManager=${manager}`, patch, {
    contentType: contentTypes.merge,
  });

const untilWritten = ({ target }: Shop, revisions: number) =>
  waitFor(() => target.kubelet.seen.length >= revisions, {
    ...patience,
    what: `${revisions} revisions`,
  });

const untilConflict = (shop: Shop, state: string) =>
  waitFor(async () => (await shop.condition("Conflict")) === state, {
    ...patience,
    what: `Conflict to be ${state}`,
  });

const conflictMessage = async (shop: Shop) =>
  (await shop.readStatus())?.conditions.find(({ type }) => type === "Conflict")?.message;

const managedBy = "app.kubernetes.io/managed-by";

test.concurrent(
  "the memory that a backup program has written over is the operator's again, and the profile is looked after",
  async () => {
    const shop = shopOf("memory");
    await shop.putProfile({ ...tuned, mode: "Recommend" });
    await waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, patience);
    const memory = Buffer.from(Bun.gzipSync("{}")).toString("base64");
    await patchAs("velero", `${configMaps(shop)}/storefront-memory`, {
      binaryData: { "memory.json.gz": memory },
    });
    await shop.patchProfile({ spec: { guardrails: { cooldownSeconds: 777 } } });
    const { generation } = (await shop.readProfile())?.metadata ?? {};
    await waitFor(async () => (await shop.readStatus())?.observedGeneration === generation, {
      ...patience,
      what: "the new generation to be observed",
    });
    const kept = await shop.readConfigMap("storefront-memory");
    expect(kept?.binaryData["memory.json.gz"]).not.toBe(memory);
    expect(await shop.condition("Conflict")).toBe("False NoConflict");
  },
  120_000,
);

test.concurrent(
  "a status that a person has edited is the operator's again",
  async () => {
    const shop = shopOf("status");
    await shop.putProfile({ ...tuned, mode: "Recommend" });
    await waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, patience);
    const { name, namespace } = (await shop.readProfile())?.metadata ?? {};
    const path = `/apis/mestore.dev/v1alpha1/namespaces/${namespace}/performanceprofiles/${name}`;
    await patchAs("kubectl-edit", `${path}/status`, { status: { summary: { sla: "9/9" } } });
    await waitFor(
      async () => {
        const { sla } = (await shop.readStatus())?.summary ?? {};
        return sla !== undefined && sla !== "9/9";
      },
      { ...patience, what: "the summary to be written again" },
    );
  },
  120_000,
);

test.concurrent(
  "a label that Helm has taken: nothing is written, the profile says whose what is, and it goes on once it is given up",
  async () => {
    const shop = shopOf("label");
    const tuning = `${configMaps(shop)}/storefront-tuning`;
    await shop.putProfile(tuned);
    await untilWritten(shop, 1);
    await patchAs("helm", tuning, { metadata: { labels: { [managedBy]: "Helm" } } });
    await untilConflict(shop, "True ForeignOwner");
    expect(await conflictMessage(shop)).toContain(`helm (.metadata.labels.${managedBy})`);
    const { length } = shop.target.kubelet.seen;
    const document = await shop.readDocument();
    const failed = await operator.metric(operatorMetrics.reconciles, { outcome: "failed" });
    // Passes go on, and none of them fails or writes.
    const passes = await operator.metric(operatorMetrics.reconciles, { outcome: "ok" });
    await waitFor(
      async () =>
        (await operator.metric(operatorMetrics.reconciles, { outcome: "ok" })) > passes + 20,
      patience,
    );
    expect(await operator.metric(operatorMetrics.reconciles, { outcome: "failed" })).toBe(failed);
    expect(await shop.readDocument()).toEqual(document);
    await patchAs("helm", tuning, { metadata: { labels: { [managedBy]: null } } });
    await untilWritten(shop, length + 1);
    await untilConflict(shop, "False NoConflict");
  },
  120_000,
);

test.concurrent(
  "a roll-back waits for a field to be given up, says so, and is written then",
  async () => {
    const shop = shopOf("rollBack");
    const tuning = `${configMaps(shop)}/storefront-tuning`;
    await shop.putProfile(tuned);
    await untilWritten(shop, 2);
    const before = shop.target.kubelet.seen.at(-2)?.ttlSeconds;
    await patchAs("helm", tuning, { metadata: { labels: { [managedBy]: "Helm" } } });
    shop.target.each((service) => {
      service.slowShare = () => 0.4;
    });
    await untilConflict(shop, "True ForeignOwner");
    const { length } = shop.target.kubelet.seen;
    await patchAs("helm", tuning, { metadata: { labels: { [managedBy]: null } } });
    await untilWritten(shop, length + 1);
    expect(shop.target.kubelet.seen.at(length)?.ttlSeconds).toEqual(before ?? {});
  },
  120_000,
);

test.concurrent(
  "a ConfigMap of somebody else in the place of the memory: the status says so, nothing is tuned, and all goes on once it is gone",
  async () => {
    const shop = shopOf("stranger");
    const place = `${configMaps(shop)}/storefront-memory`;
    await cluster.request("POST", `${configMaps(shop)}?fieldManager=notes`, {
      metadata: { name: "storefront-memory" },
      data: { "notes.txt": "mine" },
    });
    await shop.putProfile(tuned);
    await untilConflict(shop, "True ForeignOwner");
    expect(await conflictMessage(shop)).toContain("notes");
    expect((await cluster.request("GET", place)).data).toEqual({ "notes.txt": "mine" });
    expect(await shop.readDocument()).toBeNull();
    await cluster.request("DELETE", place);
    await untilWritten(shop, 1);
    await untilConflict(shop, "False NoConflict");
  },
  120_000,
);
