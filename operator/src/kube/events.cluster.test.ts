import { beforeAll, expect, test } from "bun:test";
import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createManualClock } from "../control/clock.ts";
import { createTestLogger, openCaches, realTime, untilGone } from "./cluster.fixture.ts";
import { createKubeEvents } from "./events.ts";
import type { KubeObject } from "./objects.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);

interface ShownEvent extends KubeObject {
  readonly note?: string;
  readonly reason?: string;
  readonly series?: { readonly count: number };
}

async function openEvents() {
  const namespace = await cluster.createNamespace();
  const profile = await cluster.request(
    "POST",
    `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`,
    {
      ...{ apiVersion: profileApiVersion, kind: profileKind },
      metadata: { name: "storefront", namespace },
      spec: { targetRef: { name: "mestore" } },
    },
  );
  const { caches, transport, close } = await openCaches(cluster.kubeconfig, [namespace]);
  const clock = createManualClock(0);
  const { logger, lines } = createTestLogger();
  const events = createKubeEvents({
    ...{ transport, logger, identity: "operator_1" },
    cache: caches.profiles,
    time: { ...realTime, monotonicSeconds: clock.nowSeconds },
  });
  const stop = new AbortController();
  const running = events.run(stop.signal);
  return {
    events,
    caches,
    clock,
    lines,
    key: `${namespace}/storefront`,
    uid: profile.metadata.uid as string,
    /** As events.k8s.io shows them, which is stricter than the core group. */
    list: async (): Promise<ShownEvent[]> =>
      (await cluster.request("GET", `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).items,
    async close() {
      stop.abort();
      await running;
      await close();
    },
  };
}

const rolledBack = {
  type: "Warning",
  reason: "RolledBack",
  message: "ttl/product: 600 s back to 300 s",
} as const;

test("an event stands at its profile, and repetitions are one series", async () => {
  const { events, clock, key, uid, list, close } = await openEvents();
  try {
    events.publish(key, rolledBack);
    const [first] = await waitFor(async () => (await list()).length === 1 && (await list()));
    expect(first).toMatchObject({
      type: "Warning",
      reason: "RolledBack",
      note: rolledBack.message,
      regarding: { kind: profileKind, name: "storefront", uid },
      reportingController: "mestore.dev/operator",
      reportingInstance: "operator_1",
    });
    for (let again = 0; again < 5; again += 1) {
      clock.advance(20);
      events.publish(key, rolledBack);
    }
    // The second tells at once, later ones once a minute.
    const counted = async () => (await list()).map(({ series }) => series?.count ?? 1);
    await waitFor(async () => (await counted())[0] === 5);
    expect(await counted()).toEqual([5]);
    clock.advance(361);
    events.publish(key, rolledBack);
    await waitFor(async () => (await list()).length === 2);
  } finally {
    await close();
  }
});

test("a state that comes and goes is one series whatever its figures, and shows the newest", async () => {
  const { events, clock, key, lines, list, close } = await openEvents();
  try {
    for (let age = 61; age < 73; age += 1) {
      const message = `MetricsStale: figures are ${age} s old`;
      events.publish(key, { type: "Warning", reason: "MetricsLost", message });
      events.publish(key, { type: "Normal", reason: "MetricsAvailable", message: `after ${age}` });
      clock.advance(60);
    }
    const shown = () => list().then((all) => all.find(({ reason }) => reason === "MetricsLost"));
    await waitFor(async () => (await shown())?.series?.count === 12);
    expect((await shown())?.note).toBe("MetricsStale: figures are 72 s old");
    expect(await list()).toHaveLength(2);
    expect(lines).toEqual([]);
  } finally {
    await close();
  }
});

test("the last words on a profile may come after it", async () => {
  const { events, key, uid, caches, list, close } = await openEvents();
  const [namespace, name] = key.split("/");
  await cluster.request(
    "DELETE",
    `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles/${name}`,
  );
  await untilGone(caches.profiles, key);
  events.publish(key, { type: "Normal", reason: "Restored", message: "let go" });
  await close();
  expect(await list()).toMatchObject([{ reason: "Restored", regarding: { uid } }]);
});

test("of a profile that is not known nothing is told; each decision is, before the end", async () => {
  const { events, key, list, close } = await openEvents();
  events.publish("nowhere/none", rolledBack);
  for (const message of ["one", "two", "three"])
    events.publish(key, { type: "Normal", reason: "Applied", message });
  await close();
  const notes = (await list()).map(({ note }) => note);
  expect(new Set(notes)).toEqual(new Set(["one", "two", "three"]));
  expect(notes).toHaveLength(3);
});

test("a message that is too long is cut, and one that the server refuses is lost, no more", async () => {
  const { events, key, lines, list, close } = await openEvents();
  events.publish(key, { type: "Normal", reason: "Applied", message: "x".repeat(3000) });
  events.publish(key, { type: "Normal", reason: "Applied", message: "√".repeat(3000) });
  events.publish(key, { type: "Normal", reason: "y".repeat(500), message: "refused" });
  events.publish(key, { type: "Normal", reason: "Applied", message: "after" });
  await close();
  const notes = (await list()).map(({ note = "" }) => note);
  expect(notes.map((note) => note.length).sort((a, b) => a - b)).toEqual([5, 341, 1024]);
  expect(lines.join("")).toContain("an event is lost");
});
