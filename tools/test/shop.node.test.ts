import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { maxTtlRatio } from "@mestore/laws/ttl";
import { createRenderer, type Renderer } from "../charts/render.fixture.ts";
import type { KubeObject } from "../cluster/api-client.ts";
import { type TestNode, useNode } from "../cluster/test-node.ts";
import { waitFor } from "../stack/wait-for.ts";
import { loadShopImages } from "./shop-images.fixture.ts";
import {
  isReady,
  killProgram,
  listEverything,
  openShop,
  type ShopOnNode,
} from "./shop-on-node.fixture.ts";
import { type ShopTraffic, startShopTraffic } from "./shop-traffic.fixture.ts";

/**
 * The product as whoever runs a cluster meets it: one release on a real node, shoppers at its Service,
 * and the operator that tunes it, from the install to what an uninstall leaves.
 */
const requestsPerSecond = 300;
/** While pods come and go, on a machine that starts them as well. */
const calmRequestsPerSecond = 100;
/** A period of the TTL law is 15 s, a slice of verification 1.5 s, adoption has 4.5 s. */
const timeScale = 40;
const initialTtlSeconds = 5;
/** Of the class product, as the service starts without a document. */
const builtInTtlSeconds = 3600;

setDefaultTimeout(120_000);

let node: TestNode;
let charts: Renderer;
let namespace: string;
let shop: ShopOnNode;
let origin: string;
let traffic: ShopTraffic;
let before: ReadonlySet<string>;

const profileOf = (mode: string, product: object) => ({
  mode,
  metrics: { scrape: { port: "metrics" } },
  cache: { mode: "Auto", classes: [{ name: "product", ...product }] },
});

const values = {
  evaluation: { enabled: true, seed: { products: 5000 } },
  mestore: {
    resources: {
      requests: { cpu: "100m", memory: "192Mi", "ephemeral-storage": "32Mi" },
      limits: { memory: "512Mi", "ephemeral-storage": "128Mi" },
    },
    // Scaling is real, and has no room: pods that come and go are another test's subject.
    autoscaling: { minReplicas: 2, maxReplicas: 2 },
  },
  "mestore-operator": { timeScale, delivery: { annotate: true } },
  profile: {
    spec: profileOf("Recommend", { initialTTLSeconds: initialTtlSeconds, maxTTLSeconds: 600 }),
  },
};

async function runHelm(...args: string[]): Promise<void> {
  await charts.helm.run([...args, `--namespace=${namespace}`]);
}

const waitForTtl = (seconds: number) =>
  waitFor(
    async () => {
      const pods = await shop.readPods();
      return pods.length > 0 && pods.every((pod) => pod.productTtlSeconds === seconds);
    },
    { what: `every pod to run a TTL of ${seconds} s`, timeoutMs: 60_000 },
  );

/** Milliseconds from `since` until every pod of the service runs this TTL. */
async function timeToTtl(seconds: number, since: number): Promise<number> {
  await waitForTtl(seconds);
  return performance.now() - since;
}

const isLaw = (reason: string) => reason.endsWith("Goal");

/** Moves of the law, oldest first. */
const readMoves = async () =>
  (await shop.readStatus()).decisions.filter(({ reason }) => isLaw(reason)).toReversed();

beforeAll(async () => {
  node = await useNode();
  charts = await createRenderer(4, node.kubeconfig);
  await loadShopImages(node);
  namespace = await node.createNamespace();
  shop = openShop(node, namespace);
  before = await listEverything(node);
  const started = performance.now();
  const file = await charts.writeValues(values);
  await runHelm("install", "shop", charts.packages["mestore-stack"], `--values=${file}`, "--wait");
  const { spec } = await node.request("GET", `${shop.core}/services/shop-mestore`);
  origin = `http://${spec.clusterIP}:8000`;
  traffic = await startShopTraffic(origin, requestsPerSecond);
  console.log(`installed and visited after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}, 300_000);

afterAll(async () => {
  await traffic?.stop();
});

describe("tuning", () => {
  test("Recommend says what it would do, and writes nothing to the target", async () => {
    // 3,600 s lie outside the bounds of the profile.
    const { recommendation } = await waitFor(
      async () => {
        const status = await shop.readStatus();
        return status.recommendation === undefined ? null : status;
      },
      { what: "a recommendation", timeoutMs: 60_000 },
    );
    expect(recommendation?.ttlSeconds).toEqual([{ name: "product", seconds: "600" }]);
    expect(await shop.readDocument()).toBeNull();
    const written = (await shop.operatorWrites()).map(
      ({ objectRef }) => `${objectRef?.resource} ${objectRef?.name?.replace(/\.[0-9a-f]+$/, "")}`,
    );
    expect([...new Set(written)].sort()).toEqual([
      `configmaps storefront-memory`,
      `events storefront`,
      `leases shop-mestore-operator`,
      `performanceprofiles storefront`,
    ]);
  });

  test("Auto begins with the TTL of the profile, and every pod reports the revision", async () => {
    await shop.patchProfile({ spec: { mode: "Auto" } });
    const written = await waitFor(() => shop.readDocument(), { what: "the first document" });
    const took = await timeToTtl(initialTtlSeconds, performance.now());
    console.log(`delivery Wait: in force ${(took / 1000).toFixed(1)} s after it was written`);
    expect(written).toMatchObject({ revision: 1, ttlSeconds: { product: initialTtlSeconds } });
    const { tuning } = await waitFor(
      async () => {
        const status = await shop.readStatus();
        return status.tuning?.revision === 1 && status.tuning.podsCurrent === 2 ? status : null;
      },
      { what: "the status to count both pods" },
    );
    expect(tuning).toMatchObject({
      revision: 1,
      ttlSeconds: [{ name: "product", seconds: "5" }],
      pods: 2,
      podsCurrent: 2,
    });
  });

  test("TTLs move step by step, also while the operator is killed, and each step is verified", async () => {
    // Killed once the change is in force: its verification is left to whoever leads next.
    await waitFor(async () => (await shop.readStatus()).inFlight?.verifyUntil, {
      what: "the first move",
      timeoutMs: 90_000,
    });
    const leader = await shop.leader();
    const pod = (await shop.listPods("operator")).find(({ metadata }) =>
      leader.startsWith(`${metadata.name}_`),
    );
    killProgram(pod.metadata.uid, "mestore-operator");
    const killed = performance.now();
    await waitFor(async () => (await shop.leader()) !== leader, {
      what: "another leader",
      timeoutMs: 30_000,
    });
    console.log(`another leader after ${((performance.now() - killed) / 1000).toFixed(1)} s`);

    const moves = await waitFor(
      async () => {
        const made = await readMoves();
        return made.length >= 2 && made[0]?.verdict === "Verified" ? made : null;
      },
      { what: "a verified move and another one", timeoutMs: 120_000, intervalMs: 100 },
    );
    console.log(
      moves.map(({ from, to, reason, verdict }) => `${from} -> ${to} ${reason} ${verdict}`).join(),
    );
    for (const [index, { from, to }] of moves.entries()) {
      expect(Number(from)).toBe(Number(moves[index - 1]?.to ?? initialTtlSeconds));
      expect(Number(to) / Number(from)).toBeLessThanOrEqual(maxTtlRatio);
    }
    // The status tells of a change before the document is written; nothing was written twice.
    const documents = async () =>
      (await shop.operatorWrites()).filter(
        ({ objectRef, responseStatus }) =>
          objectRef?.name === "storefront-tuning" && (responseStatus?.code ?? 0) < 300,
      ).length;
    await waitFor(async () => (await documents()) > moves.length, { what: "the document" });
    expect(await documents()).toBe(1 + moves.length);
    expect(await shop.readColumns()).toMatchObject({
      Name: "storefront",
      Mode: "Auto",
      Ready: "True",
      Knob: "ttl/product",
    });
  }, 240_000);

  test("a change after which requests fail is rolled back exactly, with one event", async () => {
    const change = await waitFor(
      async () => {
        const { inFlight } = await shop.readStatus();
        return inFlight?.verifyUntil === undefined ? null : inFlight;
      },
      { what: "a change that is in force", timeoutMs: 90_000 },
    );
    const from = Number(change.from[0]?.seconds);
    const reconnect = await shop.cutDatabase();
    try {
      await waitFor(async () => (await shop.events("RolledBack")).length > 0, {
        what: "the roll-back",
        timeoutMs: 60_000,
      });
    } finally {
      await reconnect();
    }
    await waitForTtl(from);
    const document = await shop.readDocument();
    expect(document).toMatchObject({
      revision: change.revision + 1,
      ttlSeconds: { product: from },
    });
    const [told, ...others] = await shop.events("RolledBack");
    console.log(told);
    expect(others).toEqual([]);
    expect(told).toContain(`(revision ${change.revision})`);
  });
});

describe("steering", () => {
  test("a pause stops writes, and its end acts within one reconcile", async () => {
    await shop.annotate({ "mestore.dev/paused": "true" });
    const paused = await shop.readDocument();
    const since = new Date();
    await shop.tuneProduct({ minTTLSeconds: 100, maxTTLSeconds: 100 });
    await waitFor(
      async () => (await shop.readStatus()).recommendation?.ttlSeconds[0]?.seconds === "100",
      { what: "what would be done" },
    );
    expect(await shop.readDocument()).toEqual(paused);
    const wrote = (await shop.operatorWrites(since)).map(({ objectRef }) => objectRef?.name);
    expect(wrote).not.toContain("storefront-tuning");

    const resumed = Date.now();
    await shop.annotate({ "mestore.dev/paused": null });
    const write = await waitFor(
      async () =>
        (await shop.operatorWrites(since)).find(
          ({ objectRef }) => objectRef?.name === "storefront-tuning",
        ),
      { what: "the write that waited" },
    );
    const actedMs = Date.parse(write.requestReceivedTimestamp) - resumed;
    console.log(`written ${actedMs} ms after the end of the pause`);
    expect(actedMs).toBeLessThan(2000);
    await waitForTtl(100);
  });

  test("with delivery Annotate a change is in force within seconds", async () => {
    await shop.patchProfile({ spec: { delivery: "Annotate" } });
    const revision = (await shop.readDocument())?.revision ?? 0;
    await shop.tuneProduct({ minTTLSeconds: 120, maxTTLSeconds: 120 });
    await waitFor(async () => ((await shop.readDocument())?.revision ?? 0) > revision, {
      what: "the document",
      timeoutMs: 30_000,
    });
    const took = await timeToTtl(120, performance.now());
    console.log(`delivery Annotate: in force ${(took / 1000).toFixed(1)} s after it was written`);
    await waitFor(
      async () =>
        (await shop.listPods("service")).every(
          ({ metadata }) =>
            metadata.annotations["mestore.dev/tuning-revision"] === String(revision + 1),
        ),
      { what: "the annotations" },
    );
  });

  test("a document of somebody else that the pods refuse: they keep the last good one, and the operator names it", async () => {
    const { rejected = NaN, revision = NaN } = (await shop.readPods())[0] ?? {};
    const foreign = { ...(await shop.readDocument()), ttlSeconds: { basket: 5 } };
    await node.request("PATCH", `${shop.tuningConfigMap}?fieldManager=a-colleague`, {
      data: { "tuning.json": JSON.stringify(foreign) },
    });
    await waitFor(
      async () => (await shop.readPods()).every((pod) => pod.rejected === rejected + 1),
      { what: "the pods to refuse it", timeoutMs: 30_000 },
    );
    for (const pod of await shop.readPods())
      expect(pod).toMatchObject({ revision, productTtlSeconds: 120 });
    await waitFor(async () => (await shop.condition("Conflict")) === "True ForeignOwner", {
      what: "the conflict",
    });
    const [told] = await shop.events("ForeignOwner");
    expect(told).toContain("a-colleague");

    // The way out is to remove it: the operator's next document is its own again.
    await node.request("DELETE", shop.tuningConfigMap);
    await shop.tuneProduct({ minTTLSeconds: 150, maxTTLSeconds: 150 });
    await waitForTtl(150);
    expect(await shop.condition("Conflict")).toBe("False NoConflict");
  });
});

describe("under load", () => {
  beforeAll(async () => {
    await traffic.stop();
    traffic = await startShopTraffic(origin, calmRequestsPerSecond);
  });

  test("a pod that is deleted fails no request", async () => {
    traffic.take();
    const [pod] = await shop.listPods("service");
    await node.request("DELETE", `${shop.core}/pods/${pod.metadata.name}`);
    await waitFor(
      async () => !(await node.fetch("GET", `${shop.core}/pods/${pod.metadata.name}`)).ok,
      { what: "the pod to go", timeoutMs: 60_000 },
    );
    await node.waitForDeployment(namespace, "shop-mestore");
    const served = traffic.take();
    console.log(`a pod deleted: ${served.sent} requests`);
    expect(served.errors).toEqual({});
  });

  test("an upgrade fails no request", async () => {
    traffic.take();
    const file = await charts.writeValues({
      ...values,
      mestore: { ...values.mestore, extraEnv: [{ name: "TZ", value: "UTC" }] },
      // From here on at the pace of a shop that matters: pods take as long as they take.
      "mestore-operator": { ...values["mestore-operator"], timeScale: 1 },
      // What a person patched, or Helm 4 would refuse to take it over.
      profile: {
        spec: {
          ...profileOf("Auto", { minTTLSeconds: 150, maxTTLSeconds: 150 }),
          delivery: "Annotate",
        },
      },
    });
    const chart = charts.packages["mestore-stack"];
    await runHelm("upgrade", "shop", chart, `--values=${file}`, "--wait");
    await node.waitForDeployment(namespace, "shop-mestore");
    await waitFor(async () => (await shop.listPods("service")).length === 2, {
      what: "the old pods to go",
      timeoutMs: 60_000,
    });
    const served = traffic.take();
    console.log(`upgraded: ${served.sent} requests`);
    expect(served.errors).toEqual({});
  });

  test("a pod that is killed fails what was in flight or came to it until it was not ready", async () => {
    traffic.take();
    const pod = (await shop.listPods("service")).find(isReady);
    const path = `${shop.core}/pods/${pod.metadata.name}`;
    killProgram(pod.metadata.uid, "mestore-service");
    const killed = performance.now();
    await waitFor(async () => !isReady(await node.request("GET", path)), {
      what: "the kubelet to see it",
    });
    const seenSeconds = (performance.now() - killed) / 1000;
    await node.waitForDeployment(namespace, "shop-mestore");
    const { sent, errors } = traffic.take();
    const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
    console.log(
      `killed, not ready after ${seenSeconds.toFixed(2)} s: ${failed} of ${sent} failed ${JSON.stringify(errors)}`,
    );
    // Half of what came in that time was sent to this pod; a second on top for the change to reach kube-proxy.
    expect(failed).toBeLessThanOrEqual((calmRequestsPerSecond / 2) * (seenSeconds + 1));
    for (const code of Object.keys(errors)) expect(code).not.toMatch(/^\d+$/);
  });

  test("the autoscaler is at work, and nobody else owns the number of pods", async () => {
    const hpa = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/shop-mestore`;
    const measured = await waitFor(
      async () => {
        const { status } = await node.request("GET", hpa);
        const active = status.conditions.find((one: KubeObject) => one.type === "ScalingActive");
        return active?.status === "True" ? status : null;
      },
      { what: "metrics of the pods", timeoutMs: 60_000 },
    );
    expect(measured.currentMetrics[0].containerResource.current.averageUtilization).toBeGreaterThan(
      0,
    );
    const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/shop-mestore`;
    const { metadata, spec } = await node.request("GET", deployment);
    expect(spec.replicas).toBe(2);
    const owners = metadata.managedFields.filter(
      ({ fieldsV1, subresource }: KubeObject) =>
        subresource !== "scale" && "f:replicas" in (fieldsV1["f:spec"] ?? {}),
    );
    expect(owners).toEqual([]);
  });
});

describe("leaving", () => {
  test("a deleted profile puts back what was there before, and the pods run it", async () => {
    await shop.deleteProfile();
    await waitForTtl(builtInTtlSeconds);
    await waitFor(async () => !(await shop.hasProfile()), {
      what: "the profile to go",
      timeoutMs: 40_000,
    });
  });

  test("an uninstall puts back what it has changed and leaves nothing but the CRD", async () => {
    await runHelm("uninstall", "shop", "--wait");
    await traffic.stop();
    const added = async () =>
      [...(await listEverything(node))].filter((one) => !before.has(one)).sort();
    // The API server makes the second from the first.
    const left = [
      "APIService /v1alpha1.mestore.dev",
      "CustomResourceDefinition /performanceprofiles.mestore.dev",
    ].filter((one) => !before.has(one));
    await waitFor(async () => (await added()).length === left.length, {
      what: "only the CRD to be left",
      timeoutMs: 20_000,
      intervalMs: 500,
    }).catch(async () => expect(await added()).toEqual(left));
    expect(await added()).toEqual(left);
  });
});
