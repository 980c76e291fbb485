import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  profileApiVersion,
  profileFinalizer,
  profileKind,
} from "@mestore/contract/performance-profile";
import { operatorMetrics } from "@mestore/contract/metrics";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  type CachesBench,
  createTestLogger,
  openCaches,
  untilGone,
  untilSeen,
} from "./cluster.fixture.ts";
import { createKubeFinalizer } from "./finalizer.ts";
import { createObservedProfiles } from "./observed-profiles.ts";
import { createKubeProfileSource } from "./profile-source.ts";
import { createTerminatingNamespaces } from "./terminating-namespaces.ts";
import type { KubeMethod, KubeTransport } from "./transport.ts";

let cluster: TestCluster;
let namespace: string;
let bench: CachesBench;
beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);
beforeEach(async () => {
  namespace = await cluster.createNamespace();
  await cluster.request("POST", profiles(), {
    ...{ apiVersion: profileApiVersion, kind: profileKind },
    metadata: { name: "storefront", namespace },
    spec: { targetRef: { name: "mestore" } },
  });
  bench = await openCaches(cluster.kubeconfig, [namespace]);
  const { transport, caches } = bench;
  const observed = createObservedProfiles(transport, caches.profiles);
  await createKubeProfileSource({ cache: caches.profiles, observed }).list();
  const terminating = { isLetGo: () => false };
  await createKubeFinalizer({ cache: caches.profiles, observed, terminating }).hold(
    `${namespace}/storefront`,
  );
});
afterEach(() => bench.close());

/** The namespace controller waits five seconds before it begins. */
const patience = { timeoutMs: 60_000 } as const;

const profiles = () => `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
const pods = () => `/api/v1/namespaces/${namespace}/pods`;
const readFinalizers = async () =>
  (await cluster.request("GET", `${profiles()}/storefront`)).metadata.finalizers;

function start(transport: KubeTransport = bench.transport) {
  const { caches } = bench;
  const { logger } = createTestLogger();
  return createTerminatingNamespaces({
    ...{ transport, caches, logger },
    // No pause between attempts.
    time: { sleep: () => Promise.resolve() },
    signal: new AbortController().signal,
  });
}

/** A pod that a node has, so that it stays for its kubelet to end it. */
async function putPod(name: string) {
  const pod = await cluster.putPod({ namespace, name, ip: "127.0.0.1", port: 9464 });
  await cluster.request("POST", `${pods()}/${name}/binding`, {
    metadata: { name },
    target: { apiVersion: "v1", kind: "Node", name: "elsewhere" },
  });
  await untilSeen(bench.caches.pods, pod);
}

/** As its kubelet does when the containers have ended. */
const endPod = (name: string) =>
  cluster.request("DELETE", `${pods()}/${name}?gracePeriodSeconds=0`);

/** Probes that were answered, by their codes. */
const probes = (code: string) =>
  [...(bench.registry.collect().get(operatorMetrics.kubeRequests.name)?.values() ?? [])].find(
    ({ labels }) => labels["method"] === "POST" && labels["code"] === code,
  )?.value ?? 0;

test("a namespace that goes: its profile is let go while its pods still end, and is not held again", async () => {
  await putPod("mestore-1");
  const { uid } = (await cluster.request("GET", `${profiles()}/storefront`)).metadata;
  const terminating = start();
  await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
  await waitFor(async () => (await readFinalizers()) === undefined, patience);
  expect(terminating.isLetGo(uid)).toBe(true);
  expect((await cluster.request("GET", `${pods()}/mestore-1`)).metadata.name).toBe("mestore-1");
  await endPod("mestore-1");
  await cluster.request("DELETE", `${profiles()}/storefront`);
  await untilGone(bench.caches.profiles, `${namespace}/storefront`);
  await waitFor(() => !terminating.isLetGo(uid), { what: "the uid to be forgotten" });
}, 90_000);

test("pods that go in a namespace that stays cost a question, and the profile stays held", async () => {
  await putPod("mestore-1");
  await putPod("mestore-2");
  const terminating = start();
  terminating.look();
  await endPod("mestore-1");
  await untilGone(bench.caches.pods, `${namespace}/mestore-1`);
  await endPod("mestore-2");
  await waitFor(() => probes("201") > 0, { what: "the question" });
  expect(probes("201")).toBe(1);
  expect(await readFinalizers()).toEqual([profileFinalizer]);
  const { items } = await cluster.request("GET", `/api/v1/namespaces/${namespace}/configmaps`);
  expect(
    items.filter(({ metadata }: { metadata: { name: string } }) =>
      metadata.name.startsWith("mestore-"),
    ),
  ).toEqual([]);
});

test("who begins to lead looks at once, whatever went on before", async () => {
  await putPod("mestore-1");
  await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
  await waitFor(
    () => bench.caches.pods.get(`${namespace}/mestore-1`)?.metadata.deletionTimestamp !== undefined,
    patience,
  );
  start().look();
  await waitFor(async () => (await readFinalizers()) === undefined, patience);
  await endPod("mestore-1");
}, 90_000);

test("a question and a release that get no answer are repeated, though nothing else happens there", async () => {
  await putPod("mestore-1");
  await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
  await waitFor(
    () => bench.caches.pods.get(`${namespace}/mestore-1`)?.metadata.deletionTimestamp !== undefined,
    patience,
  );
  const unanswered = new Set<KubeMethod>(["POST", "PATCH"]);
  start({
    ...bench.transport,
    request: async (request) =>
      unanswered.delete(request.method)
        ? { ok: false, status: 0, reason: "Timeout", message: "no answer" }
        : bench.transport.request(request),
  }).look();
  await waitFor(async () => (await readFinalizers()) === undefined, patience);
  expect(unanswered.size).toBe(0);
  await endPod("mestore-1");
}, 90_000);
