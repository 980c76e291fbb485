import { describe, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import {
  fieldManager,
  profileAnnotations,
  profileFinalizer,
  profileLabel,
} from "@mestore/contract/performance-profile";
import type { AuditEvent } from "@mestore/tools/cluster/audit";
import type { KubeObject } from "@mestore/tools/cluster/api-client";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { useShops } from "./bench.fixture.ts";
import { nameRequest } from "./operator-account.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";

/** What the operator writes, to what, and when: as the audit log and `managedFields` have it. */

const found = { serviceTtlSeconds: 2 };
const shops = useShops({
  recommend: found,
  paused: found,
  unavailable: found,
  owned: found,
  steady: found,
});

const reading = new Set(["get", "list", "watch"]);

/** What was written in the shop's namespace, as `patch configmaps storefront-memory`. */
async function writesIn({ namespace }: Shop, since?: Date): Promise<readonly string[]> {
  return (await shops.account.requests(since))
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
      const shop = shops.of("recommend");
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
    180_000,
  );

  test.concurrent(
    "a pause writes nothing to the target, and status goes on",
    async () => {
      const shop = shops.of("paused");
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

      await shop.annotate({ [profileAnnotations.paused]: null });
      // Moves follow, until it is paused again.
      await shop.untilWritten(2);
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
      await shop.untilCondition("Degraded", "True MetricsLost");
      expect(seen).toHaveLength(documents);
      expect(new Set(await writesIn(shop, since)).difference(reporting)).toEqual(new Set());
    },
    180_000,
  );

  test.concurrent(
    "the end of a pause acts within one reconcile",
    async () => {
      const shop = await shops.bench.openShop(found);
      const account = await shops.bench.createAccount({ namespaces: [shop.namespace] });
      const proxy = await shops.bench.openProxy(account);
      await shop.putProfile(tuned, { annotations: { [profileAnnotations.paused]: "true" } });
      // Passes are almost four seconds apart, unless something changes.
      const operator = await account.start(["--time-scale", "4"], { kubeconfig: proxy.kubeconfig });
      const passesBegun = () =>
        operator.metric({ name: `${operatorMetrics.queueLatency.name}_count` });
      await shop.untilCondition("Progressing", "False Paused");
      // What the first pass wrote may have woken another; the one after that came by itself.
      const told = await passesBegun();
      await waitFor(async () => (await passesBegun()) >= told + 2, patience);

      // The pass that writes cannot end, nor another begin, while they are counted.
      const written = Promise.withResolvers<number>();
      proxy.decide = ({ method, path }) => {
        if (method !== "PATCH" || !path.endsWith("/configmaps/storefront-tuning")) return "pass";
        written.resolve(passesBegun());
        return written.promise;
      };
      const before = await passesBegun();
      await shop.annotate({ [profileAnnotations.paused]: null });
      // The first document has been due all the time.
      expect((await written.promise) - before).toBe(1);
      await shop.untilWritten(1);
    },
    180_000,
  );
});

test.concurrent(
  "Auto for the pool and for scaling, which nothing tunes yet: it is said, and nothing is written to the target",
  async () => {
    const shop = shops.of("unavailable");
    const autoscaling = `/apis/autoscaling/v2/namespaces/${shop.namespace}`;
    await shops.cluster.request("POST", `${autoscaling}/horizontalpodautoscalers`, {
      metadata: { name: shop.target.name },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: shop.target.name },
        maxReplicas: 2,
      },
    });
    await shop.putProfile({
      ...tuned,
      pool: { mode: "Auto", min: 2, max: 12 },
      scaling: { mode: "Auto", minReplicas: 2, maxReplicas: 8 },
    });
    await shop.untilDecided("Verified");
    await shop.untilCondition("Constrained", "True KnobNotAvailable");
    const constrained = (await shop.readStatus())?.conditions.find(
      ({ type }) => type === "Constrained",
    );
    expect(constrained?.message).toContain("spec.pool.mode");
    expect(constrained?.message).toContain("spec.scaling.mode");
    // The TTL is tuned all the same: its document is all that is written for the target.
    expect(new Set(await writesIn(shop)).difference(reporting)).toEqual(
      new Set(["patch performanceprofiles storefront", "patch configmaps storefront-tuning"]),
    );
    for (const document of shop.target.kubelet.seen) expect(document.poolSize).toBeUndefined();
    // The ceiling makes them a recommendation, which nobody has asked to be carried out.
    await shop.patchProfile({ spec: { mode: "Recommend" } });
    await shop.untilCondition("Constrained", "False Unconstrained");
  },
  180_000,
);

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
    const shop = shops.of("owned");
    await shop.putProfile(tuned);
    await shop.untilDecided("Verified");
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
    const deployment = await shops.cluster.request("GET", `${deployments}/${shop.target.name}`);
    const { items: pods } = await shops.cluster.request(
      "GET",
      `/api/v1/namespaces/${shop.namespace}/pods`,
    );
    // Its user agent would be the manager of what it wrote by anything but an apply.
    for (const object of [deployment, ...pods])
      for (const { manager } of object.metadata.managedFields)
        expect(manager).not.toStartWith("mestore-operator");
  },
  180_000,
);

test.concurrent(
  "behaviour 13: a settled profile costs no status write; times change only on flips; observedGeneration is right",
  async () => {
    const shop = shops.of("steady");
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
    const [pod] = shop.target.pods;
    const resyncs = async (count: number) => {
      const before = pod?.readings ?? 0;
      await waitFor(() => (pod?.readings ?? 0) - before >= count, patience);
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
    await shop.untilCondition("MetricsAvailable", "False MetricsUnreachable");
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
