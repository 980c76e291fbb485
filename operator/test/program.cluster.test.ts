import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import {
  profileApiVersion,
  profileFinalizer,
  profileKind,
} from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, useBench } from "./bench.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { expectWrittenOnce, patience, tuned } from "./shop.fixture.ts";

/** The program from its start to its end: probes, exit codes, what it says, what it leaves. */

const foundTtlSeconds = 3;
const bench = useBench();

async function open() {
  const shop = await bench.openShop({ pods: 1, serviceTtlSeconds: foundTtlSeconds });
  const account = await bench.createAccount({ namespaces: [shop.namespace] });
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
    await shop.untilWritten(2);
    expect((await shop.readProfile()).metadata.finalizers).toEqual([profileFinalizer]);
    expect((await shop.readStatus())?.decisions.map(({ reason }) => reason)).toContain(
      "InitialTTL",
    );
    expect(await shop.condition("Ready")).toBe("True Accepted");
    await shop.untilTold("Applied");
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
    await shop.untilWritten(shop.written() + 1);
    await expectWrittenOnce(shop, account);
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
    await shop.untilWritten(1);
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
    const own = await bench.startCluster({ controllers: false });
    const namespace = await own.createNamespace();
    await putOlderCrd(own);
    const profiles = `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
    await own.request("POST", profiles, {
      ...{ apiVersion: profileApiVersion, kind: profileKind },
      metadata: { name: "storefront", namespace },
      spec: { targetRef: { name: "mestore" } },
    });
    const account = await bench.createAccount({ namespaces: [namespace] }, own);
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
