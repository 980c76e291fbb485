import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import {
  fieldManager,
  profileAnnotations,
  profileFinalizer,
  profileLabel,
} from "@mestore/contract/performance-profile";
import type { AuditEvent } from "@mestore/tools/cluster/audit";
import type { KubeObject } from "@mestore/tools/cluster/api-client";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  createOperatorAccount,
  nameRequest,
  type OperatorAccount,
} from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/** What the operator writes, to what, and when: as the audit log and `managedFields` have it. */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;

const shopNames = ["recommend", "paused", "owned", "steady"] as const;
type ShopName = (typeof shopNames)[number];

let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
const shops = new Map<ShopName, Shop>();

beforeAll(async () => {
  cluster = await useCluster();
  await Promise.all(
    shopNames.map(async (name) => {
      shops.set(name, await openShop(cluster, { serviceTtlSeconds: 2 }));
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

const reading = new Set(["get", "list", "watch"]);

/** What was written in the shop's namespace, as `patch configmaps storefront-memory`. */
async function writesIn({ namespace }: Shop, since?: Date): Promise<readonly string[]> {
  return (await account.requests(since))
    .filter(({ objectRef, verb }) => objectRef?.namespace === namespace && !reading.has(verb))
    .map((event) => `${nameRequest(event)} ${objectOf(event)}`.trim());
}

/** Events have names of chance. */
const objectOf = ({ objectRef }: AuditEvent) =>
  objectRef?.resource === "events" ? "" : (objectRef?.name ?? "");

const reporting = new Set([
  "patch configmaps storefront-memory",
  "patch performanceprofiles/status storefront",
  "create events",
  "patch events",
]);

describe("behaviour 11", () => {
  test.concurrent(
    "Recommend writes nothing to the target, and status goes on",
    async () => {
      const shop = shopOf("recommend");
      await shop.putProfile({ ...tuned, mode: "Recommend" });
      const { recommendation } = await waitFor(
        async () => {
          const status = await shop.readStatus();
          return status?.recommendation === undefined ? null : status;
        },
        { ...patience, what: "a recommendation" },
      );
      expect(Number(recommendation?.ttlSeconds[0]?.seconds)).toBeGreaterThan(2);
      // What is seen goes on to be told.
      shop.target.each((service) => {
        service.errorShare = () => 0.2;
      });
      await waitFor(
        async () =>
          (await shop.readStatus())?.objectives.some(
            ({ name, met }) => name === "availability" && met === "False",
          ),
        patience,
      );
      expect(new Set(await writesIn(shop)).difference(reporting)).toEqual(new Set());
      expect(await shop.readConfigMap("storefront-tuning")).toBeNull();
      expect((await shop.readProfile())?.metadata.finalizers).toBeUndefined();
    },
    120_000,
  );

  test.concurrent(
    "a pause writes nothing to the target; its end acts within one reconcile",
    async () => {
      const shop = shopOf("paused");
      const { seen } = shop.target.kubelet;
      const annotations = { [profileAnnotations.paused]: "true" };
      await shop.putProfile(tuned, { annotations });
      await waitFor(async () => (await shop.readStatus())?.recommendation !== undefined, {
        ...patience,
        what: "status to go on",
      });
      expect(await shop.condition("Progressing")).toBe("False Paused");
      expect(new Set(await writesIn(shop)).difference(reporting)).toEqual(new Set());
      expect(seen).toEqual([]);

      // The first document has been due all the time.
      const passes = await operator.metric(operatorMetrics.reconciles);
      await shop.annotate({ [profileAnnotations.paused]: null });
      await waitFor(() => seen.length === 1, { ...patience, intervalMs: 5 });
      // Passes of other shops are counted too, and one of this shop's may have been under way.
      const made = (await operator.metric(operatorMetrics.reconciles)) - passes;
      expect(made).toBeLessThan(4 * shops.size);

      // Moves follow, until it is paused again.
      await waitFor(() => seen.length >= 2, patience);
      await shop.annotate(annotations);
      const told = new Date();
      await waitFor(
        async () =>
          (await shop.readStatus())?.conditions.some(({ reason }) => reason === "Verifying") ===
            true &&
          (await writesIn(shop, told)).includes("patch performanceprofiles/status storefront"),
        { ...patience, what: "a status after the pause" },
      );
      const [since, documents] = [new Date(), seen.length];
      // A quarter of an hour of the laws, in which a roll-back is due as well.
      shop.target.each((service) => {
        service.fault = "serverError";
      });
      await waitFor(async () => (await shop.condition("Degraded")) === "True MetricsLost", {
        ...patience,
        what: "status to go on",
      });
      expect(seen).toHaveLength(documents);
      expect(new Set(await writesIn(shop, since)).difference(reporting)).toEqual(new Set());
    },
    180_000,
  );
});

/** What a manager owns of an object, as paths: `spec.replicas`. */
function ownedBy(manager: string, object: KubeObject): readonly string[] {
  const entries: readonly { manager?: string; fieldsV1?: object }[] =
    object.metadata.managedFields ?? [];
  return entries
    .filter((entry) => entry.manager === manager)
    .flatMap(({ fieldsV1 = {} }) => pathsOf(fieldsV1))
    .toSorted();
}

function pathsOf(fields: object): readonly string[] {
  return Object.entries(fields).flatMap(([name, inner]: [string, object]) => {
    if (name === ".") return [];
    const own = name.replace(/^[fkv]:/, "");
    const deeper = pathsOf(inner);
    return deeper.length === 0 ? [own] : deeper.map((path) => `${own}.${path}`);
  });
}

test.concurrent(
  "behaviour 12: managedFields are the owned fields exactly, and .spec.replicas is never one",
  async () => {
    const shop = shopOf("owned");
    await shop.putProfile(tuned);
    await waitFor(
      async () =>
        (await shop.readStatus())?.decisions.some(({ verdict }) => verdict === "Verified"),
      patience,
    );
    const profile = await shop.readProfile();
    const { uid } = profile.metadata;
    const owned = ownedBy(fieldManager, profile);
    expect(owned.filter((path) => !path.startsWith("status."))).toEqual([
      `metadata.finalizers."${profileFinalizer}"`,
    ]);
    const status = owned.filter((path) => path.startsWith("status."));
    expect(new Set(status.map((path) => path.split(".")[1]))).toEqual(
      new Set(Object.keys(profile.status)),
    );
    const metadata = [
      "metadata.labels.app.kubernetes.io/managed-by",
      `metadata.labels.${profileLabel}`,
      `metadata.ownerReferences.{"uid":"${uid}"}`,
    ];
    expect(ownedBy(fieldManager, await shop.readConfigMap("storefront-tuning"))).toEqual(
      [
        "data.tuning.json",
        `metadata.annotations.${profileAnnotations.adopted}`,
        ...metadata,
      ].toSorted(),
    );
    expect(ownedBy(fieldManager, await shop.readConfigMap("storefront-memory"))).toEqual(
      ["binaryData.memory.json.gz", ...metadata].toSorted(),
    );

    const deployments = `/apis/apps/v1/namespaces/${shop.namespace}/deployments`;
    const deployment = await cluster.request("GET", `${deployments}/${shop.target.name}`);
    const { items: pods } = await cluster.request(
      "GET",
      `/api/v1/namespaces/${shop.namespace}/pods`,
    );
    // Its user agent would be the manager of what it wrote by anything but an apply.
    for (const object of [deployment, ...pods])
      for (const { manager } of object.metadata.managedFields)
        expect(manager).not.toStartWith("mestore-operator");
  },
  120_000,
);

test.concurrent(
  "behaviour 13: a settled profile costs no status write; times change only on flips; observedGeneration is right",
  async () => {
    const shop = shopOf("steady");
    const passesOfAll = () => operator.metric(operatorMetrics.reconciles);
    // What it begins with reaches the objectives, and no move follows.
    const classes = [
      { name: "product", initialTTLSeconds: 10, minTTLSeconds: 1, maxTTLSeconds: 20 },
    ];
    await shop.putProfile({
      ...tuned,
      objectives: [
        { name: "hits", type: "HitRate", hitRate: { class: "product", targetPercent: "85" } },
      ],
      cache: { mode: "Auto", classes },
    });
    const settled = async () =>
      (await shop.condition("Progressing")) === "False Settled" &&
      (await shop.condition("ObjectivesMet")) === "True AllMet";
    await waitFor(settled, { ...patience, what: "the profile to settle" });
    const statusWrites = async (since: Date) =>
      (await writesIn(shop, since)).filter((one) =>
        one.startsWith("patch performanceprofiles/status"),
      );
    const resyncs = async (count: number) => {
      const before = await passesOfAll();
      await waitFor(async () => (await passesOfAll()) - before >= count * shops.size, patience);
    };
    // The measured rate is rounded to two digits: until the window lies behind the last TTL it still moves.
    await resyncs(60);
    const since = new Date();
    await resyncs(25);
    expect(await statusWrites(since)).toEqual([]);

    const timesOf = async () =>
      new Map(
        (await shop.readStatus())?.conditions.map(({ type, lastTransitionTime }) => [
          type,
          lastTransitionTime,
        ]),
      );
    const before = await timesOf();
    shop.target.each((service) => {
      service.fault = "serverError";
    });
    await waitFor(
      async () => (await shop.condition("MetricsAvailable")) === "False MetricsUnreachable",
      patience,
    );
    const after = await timesOf();
    const flipped = [...after].flatMap(([type, at]) => (before.get(type) === at ? [] : [type]));
    // Without metrics the objectives cannot be judged.
    expect(flipped).toEqual(["MetricsAvailable", "ObjectivesMet"]);
    shop.target.each((service) => {
      service.fault = null;
    });
    await waitFor(settled, { ...patience, what: "metrics to be back" });

    const { generation } = (await shop.readProfile())?.metadata ?? {};
    await shop.patchProfile({ spec: { guardrails: { cooldownSeconds: 120 } } });
    const status = await waitFor(
      async () => {
        const found = await shop.readStatus();
        return found?.observedGeneration === generation + 1 && found;
      },
      { ...patience, what: "the new generation to be told" },
    );
    expect(new Set(status.conditions.map((one) => one.observedGeneration))).toEqual(
      new Set([generation + 1]),
    );
  },
  180_000,
);
