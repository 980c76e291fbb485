import { afterAll, beforeAll, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import {
  profileApiVersion,
  profileFinalizer,
  profileKind,
} from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { startCluster, type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createOperatorAccount } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, tuned } from "./shop.fixture.ts";

/** The program from its start to its end: probes, exit codes, what it says, what it leaves. */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;
const fast = ["--time-scale", "60"];
const foundTtlSeconds = 3;

let cluster: TestCluster;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  cluster = await useCluster();
}, 60_000);
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

async function open() {
  const shop = await openShop(cluster, { pods: 1, serviceTtlSeconds: foundTtlSeconds });
  closing.push(() => shop.close());
  const account = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
  closing.push(() => account.close());
  return { shop, account };
}

const timeOf = ({ log }: OperatorProcess, msg: string) =>
  Date.parse(String(log.find((line) => line["msg"] === msg)?.["time"]));

/** Somebody has led and gone through the profiles. */
const untilPassed = (operator: OperatorProcess) =>
  waitFor(async () => (await operator.metric(operatorMetrics.reconciles)) > 0, {
    ...patience,
    what: "a pass",
  });

test.concurrent(
  "started, it tunes; ended and started again, it goes on at once and writes no document twice",
  async () => {
    const { shop, account } = await open();
    await shop.putProfile(tuned);
    const first = await account.start(fast);
    await waitFor(() => shop.target.kubelet.seen.length >= 2, patience);
    expect((await shop.readProfile()).metadata.finalizers).toEqual([profileFinalizer]);
    expect((await shop.readStatus())?.decisions.map(({ reason }) => reason)).toContain(
      "InitialTTL",
    );
    expect(await shop.condition("Ready")).toBe("True Accepted");
    await waitFor(
      async () => (await shop.events()).some(({ reason }) => reason === "Applied"),
      patience,
    );
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    expect(first.logged({ msg: "lease given back" })).toBe(true);
    expect((await account.lease()).holderIdentity).toBe("");

    const startedAt = performance.now();
    const second = await account.start(fast);
    await untilPassed(second);
    process.stdout.write(
      `a restart has made a pass after ${Math.round(performance.now() - startedAt)} ms\n`,
    );
    const at = shop.target.kubelet.seen.length;
    await waitFor(() => shop.target.kubelet.seen.length > at, patience);
    const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  },
  180_000,
);

test.concurrent(
  "probes: who leads and who stands by are ready and live",
  async () => {
    const { account } = await open();
    const leader = await account.start(fast);
    await waitFor(() => leader.leads(), patience);
    const standby = await account.start(fast);
    for (const operator of [leader, standby]) {
      await waitFor(async () => (await operator.probe("/readyz")) === 200, patience);
      expect(await operator.probe("/livez")).toBe(200);
    }
    expect(standby.leads()).toBe(false);
  },
  180_000,
);

test.concurrent(
  "release: while an operator runs, what was found is put back, the finalizers go, and the profiles stay",
  async () => {
    const { shop, account } = await open();
    await shop.putProfile(tuned);
    await shop.putProfile(
      { mode: "Recommend", targetRef: { name: "another" } },
      { name: "onlooker" },
    );
    const operator = await account.start(fast);
    await waitFor(() => shop.target.kubelet.seen.length >= 1, patience);
    const release = await account.start(["release", ...fast]);
    expect(await release.exited).toBe(0);
    const profile = await shop.readProfile();
    expect(profile.metadata.finalizers).toBeUndefined();
    expect(profile.spec.mode).toBe("Auto");
    expect((await shop.readDocument())?.ttlSeconds).toEqual({ product: foundTtlSeconds });
    // It took the lease from whoever had it.
    expect(operator.logged({ msg: "the lease is lost" })).toBe(true);
    expect(timeOf(release, "leading")).toBeGreaterThan(timeOf(operator, "leading"));
  },
  180_000,
);

test.concurrent(
  "release without anything to let go ends, and so does a program that cannot run",
  async () => {
    const { account } = await open();
    const release = await account.start(["release"]);
    expect(await release.exited).toBe(0);
    const lost = await account.start([], { kubeconfig: "/nowhere/kubeconfig" });
    expect(await lost.exited).toBe(1);
    expect(lost.logged({ msg: "cannot run" })).toBe(true);
  },
  180_000,
);

test.concurrent(
  "a CRD of an earlier release is told, in the log and at each profile",
  async () => {
    const own = await startCluster({ controllers: false });
    closing.push(() => own.stop());
    const namespace = await own.createNamespace();
    await putOlderCrd(own);
    const profiles = `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
    await own.request("POST", profiles, {
      ...{ apiVersion: profileApiVersion, kind: profileKind },
      metadata: { name: "storefront", namespace },
      spec: { targetRef: { name: "mestore" } },
    });
    const account = await createOperatorAccount({ cluster: own, namespaces: [namespace] });
    closing.push(() => account.close());
    const operator = await account.start(fast);
    const line = await waitFor(
      () => operator.log.find(({ reason }) => reason === "CRDOutdated"),
      patience,
    );
    expect(line["level"]).toBe("warn");
    expect(String(line["msg"])).toContain("it lacks status.inFlight, ");
    await waitFor(
      async () => {
        const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
        const { items } = await own.request("GET", path);
        return items.some(({ reason }: { readonly reason: string }) => reason === "CRDOutdated");
      },
      { ...patience, what: "the event" },
    );
    // It works all the same.
    await waitFor(
      async () => (await own.request("GET", `${profiles}/storefront`)).status?.conditions,
      { ...patience, what: "a status" },
    );
  },
  180_000,
);

/** The definition as it is today, without one field of the status. */
async function putOlderCrd(own: TestCluster): Promise<void> {
  await applyCrd(own);
  const path =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/performanceprofiles.mestore.dev";
  const crd = await own.request("GET", path);
  for (const { schema } of crd.spec.versions)
    delete schema.openAPIV3Schema.properties.status.properties.inFlight;
  await own.request("PUT", path, crd);
  await waitFor(
    async () => {
      const served = await own.request("GET", `/openapi/v3/apis/${profileApiVersion}`);
      return !JSON.stringify(served).includes("inFlight");
    },
    { ...patience, what: "the older definition to be served" },
  );
}
