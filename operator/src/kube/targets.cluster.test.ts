import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  credentialsLabel,
  parseProfile,
  type PerformanceProfile,
  profileApiVersion,
  profileKind,
} from "@mestore/contract/performance-profile";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { waitFor } from "@mestore/tools/stack/wait-for";
import type { MetricsSource, TargetReading, TargetState } from "../control/ports.ts";
import { createManualClock } from "../control/clock.ts";
import {
  type CachesBench,
  createTestLogger,
  openCaches,
  openTransport,
  realTime,
} from "./cluster.fixture.ts";
import type { KubeObject } from "./objects.ts";
import { createPodAnnotation, revisionAnnotation } from "./pod-annotation.ts";
import { createCredentialSecrets } from "./secrets.ts";
import { createKubeTargets, type KubeTargets, type MetricsRequest } from "./targets.ts";

/**
 * Workloads as the real controllers make them; only what a kubelet would say of its pods is said by hand,
 * since there is no node.
 */

let cluster: TestCluster;
let namespace: string;
let bench: CachesBench;
let targets: KubeTargets;
const requests: MetricsRequest[] = [];
beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);
beforeEach(async () => {
  namespace = await cluster.createNamespace();
  bench = await openCaches(cluster.kubeconfig, [namespace]);
  requests.length = 0;
  targets = createKubeTargets({
    transport: bench.transport,
    caches: bench.caches,
    time: realTime,
    createMetrics(request) {
      requests.push(request);
      return noMetrics();
    },
  });
});
afterEach(() => bench.close());

/** Each its own, so that a test can tell whether it is the same. */
const noMetrics = (): MetricsSource => ({
  window: () => Promise.resolve({ ok: false, reason: "MetricsEmpty", detail: "" }),
});

function profileOf(targetRef: object, metrics: object = {}): PerformanceProfile {
  const parsed = parseProfile({
    ...{ apiVersion: profileApiVersion, kind: profileKind },
    metadata: { name: "storefront", namespace },
    spec: { targetRef, metrics },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

const apps = (plural: string) => `/apis/apps/v1/namespaces/${namespace}/${plural}`;
const podsPath = () => `/api/v1/namespaces/${namespace}/pods`;
const workload = (kind: string, replicas: number, image = "mestore.dev/none:0") => ({
  ...{ apiVersion: "apps/v1", kind },
  metadata: { name: "mestore", namespace },
  spec: {
    replicas,
    serviceName: "mestore",
    selector: { matchLabels: { app: "mestore" } },
    template: {
      metadata: { labels: { app: "mestore" } },
      spec: {
        schedulerName: "none",
        containers: [{ name: "service", image, ports: [{ name: "metrics", containerPort: 9464 }] }],
      },
    },
  },
});
const create = (plural: string, kind: string, replicas: number) => {
  const { serviceName, ...spec } = workload(kind, replicas).spec;
  const own = kind === "StatefulSet" ? { serviceName } : {};
  return cluster.request("POST", apps(plural), {
    ...workload(kind, replicas),
    spec: { ...spec, ...own },
  });
};

/** What a kubelet would report of a pod. */
async function report(name: string, ip: string, is: { ready: boolean; restarts?: number }) {
  await cluster.request("PATCH", `${podsPath()}/${name}/status`, {
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: is.ready ? "True" : "False" }],
      containerStatuses: [
        {
          ...{ name: "service", image: "", imageID: "", ready: is.ready, state: {} },
          restartCount: is.restarts ?? 0,
        },
      ],
    },
  });
}
const listPods = async (): Promise<KubeObject[]> =>
  (await cluster.request("GET", `${podsPath()}?labelSelector=app%3Dmestore`)).items;
const untilPods = (count: number) =>
  waitFor(
    async () => {
      const pods = (await listPods()).filter((pod) => pod.metadata.deletionTimestamp === undefined);
      return pods.length === count && pods;
    },
    { what: `${count} pods` },
  );

async function untilState(profile: PerformanceProfile, wanted: Partial<TargetState>) {
  const target = targets.open("shop/storefront", profile);
  let last: TargetReading | null = null;
  await waitFor(
    async () => {
      last = await target.read();
      return Bun.deepMatch({ ok: true, state: wanted }, last);
    },
    { what: `the target to be ${JSON.stringify(wanted)}` },
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`);
  });
  return last as unknown as { ok: true; state: TargetState };
}

test("a Deployment: its release, its ready pods, what is missing and what restarted", async () => {
  const profile = profileOf({ name: "mestore" });
  expect(await targets.open("shop/storefront", profile).read()).toEqual({
    ok: false,
    reason: "TargetNotFound",
    detail: `there is no Deployment "mestore" in "${namespace}"`,
  });
  await create("deployments", "Deployment", 2);
  const [one, two] = await untilPods(2);
  if (one === undefined || two === undefined) throw new Error("no pods");
  await untilState(profile, { unavailable: 2, readyPods: [], inTransition: false });
  await report(one.metadata.name, "127.0.0.2", { ready: true, restarts: 3 });
  await report(two.metadata.name, "127.0.0.3", { ready: false, restarts: 1 });
  const hash = one.metadata.labels?.["pod-template-hash"];
  await untilState(profile, {
    podHash: hash as string,
    readyPods: [one.metadata.name],
    unavailable: 1,
    restarts: 4,
    inTransition: false,
  });

  // Its metrics are those of the ready pods, at the port of that name.
  const [request] = requests;
  expect(request?.readyPods()).toEqual([one.metadata.name]);
  expect(request?.pages("metrics")).toEqual([
    { name: one.metadata.name, url: "http://127.0.0.2:9464/metrics" },
  ]);
  // Without the port it is still a pod that should report.
  expect(request?.pages("other")).toEqual([{ name: one.metadata.name, url: null }]);

  // A rollout brings another release, and surge pods make nothing missing.
  await report(two.metadata.name, "127.0.0.3", { ready: true, restarts: 1 });
  await untilState(profile, { unavailable: 0, inTransition: false });
  await cluster.request("PATCH", `${apps("deployments")}/mestore`, {
    spec: { template: { metadata: { annotations: { release: "2" } } } },
  });
  await untilPods(3);
  const { metadata } = await waitFor(async () =>
    (await listPods()).find((pod) => pod.metadata.labels?.["pod-template-hash"] !== hash),
  );
  const rolled = await untilState(profile, {
    podHash: metadata.labels?.["pod-template-hash"] as string,
    inTransition: true,
    unavailable: 0,
  });
  expect(rolled.state.readyPods).toHaveLength(2);
});

test("any other kind by its /scale, asked once a minute while nothing moves", async () => {
  const profile = profileOf({ apiVersion: "apps/v1", kind: "StatefulSet", name: "mestore" });
  expect(await targets.open("shop/storefront", profile).read()).toMatchObject({
    ok: false,
    reason: "TargetNotFound",
  });
  await create("statefulsets", "StatefulSet", 1);
  const [pod] = await untilPods(1);
  await report(pod?.metadata.name ?? "", "127.0.0.2", { ready: true });
  const { state } = await untilState(profile, {
    readyPods: ["mestore-0"],
    unavailable: 0,
    inTransition: false,
  });
  expect(state.podHash).toBe(pod?.metadata.labels?.["controller-revision-hash"] as string);
  const since = new Date();
  for (let look = 0; look < 5; look += 1) await targets.open("shop/storefront", profile).read();
  const asked = (await cluster.auditEvents({ since })).filter(({ requestURI }) =>
    requestURI.includes(`${namespace}/statefulsets`),
  );
  expect(asked.filter(({ verb }) => verb === "get")).toEqual([]);
});

test("a kind that there is not, and one that may not be read, have a reason each", async () => {
  const unknown = profileOf({ apiVersion: "example.org/v1", kind: "Whatever", name: "mestore" });
  expect(await targets.open("shop/storefront", unknown).read()).toMatchObject({
    reason: "TargetNotFound",
  });
  const stranger = createKubeTargets({
    transport: await openTransport(await cluster.userKubeconfig({ name: "stranger" })),
    caches: bench.caches,
    time: realTime,
    createMetrics: noMetrics,
  });
  const scaled = profileOf({ apiVersion: "apps/v1", kind: "StatefulSet", name: "mestore" });
  expect(await stranger.open("shop/storefront", scaled).read()).toMatchObject({
    reason: "NotPermitted",
  });
});

test("the same target as long as the profile says the same, and its identity", async () => {
  const profile = profileOf({ name: "mestore" });
  const target = targets.open("shop/storefront", profile);
  expect(targets.open("shop/storefront", profileOf({ name: "mestore" }))).toBe(target);
  const scraped = profileOf({ name: "mestore" }, { scrape: { port: "other" } });
  expect(targets.open("shop/storefront", scraped)).not.toBe(target);
  targets.close("shop/storefront");
  expect(targets.open("shop/storefront", scraped)).not.toBe(target);
  expect(targets.identify(profile)).toBe(`apps/Deployment/${namespace}/mestore`);
  expect(targets.identify(profileOf({ apiVersion: "apps/v1beta2", name: "mestore" }))).toBe(
    targets.identify(profile),
  );
});

test("a change of the workload or of its pods wakes its profile, another's does not", async () => {
  const told: string[] = [];
  targets.onChange((key) => told.push(key));
  targets.open("shop/storefront", profileOf({ name: "mestore" }));
  await cluster.putPod({
    ...{ namespace, name: "another", labels: { app: "another" } },
    ...{ ip: "127.0.0.9", port: 9464 },
  });
  await waitFor(() => bench.caches.pods.get(`${namespace}/another`)?.isReady === true);
  expect(told).toEqual([]);
  await create("deployments", "Deployment", 1);
  const [pod] = await untilPods(1);
  await waitFor(() => bench.caches.pods.get(`${namespace}/${pod?.metadata.name}`) !== null);
  await waitFor(() => told.length >= 2);
  told.length = 0;
  await report(pod?.metadata.name ?? "", "127.0.0.2", { ready: true });
  await waitFor(() => told.length > 0);
  expect(new Set(told)).toEqual(new Set(["shop/storefront"]));
});

test("delivery Annotate: every pod of the target is told the revision, a second later", async () => {
  const profile = await cluster.request(
    "POST",
    `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`,
    {
      ...{ apiVersion: profileApiVersion, kind: profileKind },
      metadata: { name: "storefront", namespace },
      spec: { targetRef: { name: "mestore" }, delivery: "Annotate" },
    },
  );
  await create("deployments", "Deployment", 2);
  const pods = await untilPods(2);
  const key = `${namespace}/storefront`;
  await waitFor(() => bench.caches.profiles.get(key)?.metadata.uid === profile.metadata.uid);
  targets.open(key, profileOf({ name: "mestore" }));
  await waitFor(() => targets.podsOf(key).length === 2);

  const clock = createManualClock(0);
  const stop = new AbortController();
  const annotate = createPodAnnotation({
    ...{ transport: bench.transport, profiles: bench.caches.profiles, podsOf: targets.podsOf },
    ...{ time: clock, logger: createTestLogger().logger, signal: stop.signal },
  });
  annotate(key, 7);
  expect(clock.sleeping()).toBe(1);
  clock.advance(1);
  const told = async () =>
    (await listPods()).map(({ metadata }) => metadata.annotations?.[revisionAnnotation]);
  await waitFor(async () => (await told()).every((revision) => revision === "7"));
  expect(await told()).toHaveLength(pods.length);

  // Where the profile does not ask for it nothing is done.
  const waiting = await cluster.request(
    "PATCH",
    `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles/storefront`,
    { spec: { delivery: "Wait" } },
  );
  await waitFor(
    () =>
      bench.caches.profiles.get(key)?.metadata.resourceVersion === waiting.metadata.resourceVersion,
  );
  annotate(key, 8);
  expect(clock.sleeping()).toBe(0);
});

test("a Secret is read only where its label says that it may be", async () => {
  const secret = (name: string, labels: Record<string, string>) =>
    cluster.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name, namespace, labels },
      data: { token: btoa("abc\n") },
    });
  await secret("credentials", { [credentialsLabel]: "true" });
  await secret("other", { [credentialsLabel]: "false" });
  const clock = createManualClock(0);
  const secrets = createCredentialSecrets(bench.transport, {
    monotonicSeconds: clock.nowSeconds,
  });
  expect(await secrets.read(namespace, "credentials")).toEqual({
    ok: true,
    data: { token: "abc" },
  });
  const refused = { ok: false, reason: "MetricsCredentialsMissing" };
  expect(await secrets.read(namespace, "other")).toMatchObject({
    ...refused,
    detail: expect.stringContaining("lacks the label"),
  });
  expect(await secrets.read(namespace, "none")).toMatchObject({
    ...refused,
    detail: expect.stringContaining("404 NotFound"),
  });
  // What is remembered is asked for again after a minute.
  await cluster.request("DELETE", `/api/v1/namespaces/${namespace}/secrets/credentials`);
  expect(await secrets.read(namespace, "credentials")).toMatchObject({ ok: true });
  clock.advance(60);
  expect(await secrets.read(namespace, "credentials")).toMatchObject(refused);
});
