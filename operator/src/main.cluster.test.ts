import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { profileApiVersion, profileFinalizer } from "@mestore/contract/performance-profile";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  type ClusterBench,
  createClusterBench,
  type RunningOperator,
} from "../test/cluster-bench.ts";

/** The operator as it runs in a cluster: its own process, its own role, HTTP, signals. */

let cluster: TestCluster;
let bench: ClusterBench;
beforeAll(async () => {
  cluster = await useCluster();
}, 60_000);
beforeEach(async () => {
  bench = await createClusterBench({ cluster });
}, 30_000);
afterEach(() => bench.close());

const product = { name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 };
const auto = {
  mode: "Auto",
  cache: { mode: "Auto", classes: [product] },
  guardrails: { cooldownSeconds: 30 },
};
const fast = ["--time-scale", "300"] as const;
const profilePath = () =>
  `/apis/${profileApiVersion}/namespaces/${bench.namespace}/performanceprofiles/storefront`;
const readFinalizers = async () =>
  (await cluster.request("GET", profilePath())).metadata.finalizers as string[] | undefined;
const leads = (operator: RunningOperator) => operator.logged("leading");
/** First pass of whoever leads: it told what it holds or decided. */
const reconciled = async (operator: RunningOperator) =>
  /mestore_operator_reconciles_total\{outcome="(ok|held)"\} [1-9]/.test(await operator.metrics());

test("tunes a Deployment: finalizer, document, status, events, and SIGTERM ends it cleanly", async () => {
  await bench.putProfile(auto);
  const operator = bench.start(fast);
  await waitFor(async () => ((await bench.readDocument())?.revision ?? 0) >= 2, {
    timeoutMs: 30_000,
    what: "two revisions",
  });
  expect(await readFinalizers()).toEqual([profileFinalizer]);
  const status = await waitFor(() => bench.readStatus());
  expect(status.decisions.at(-1)?.reason).toBe("InitialTTL");
  expect(status.conditions.find(({ type }) => type === "Ready")?.status).toBe("True");
  const { items } = await cluster.request(
    "GET",
    `/apis/events.k8s.io/v1/namespaces/${bench.namespace}/events`,
  );
  expect(items.map((one: { reason: string }) => one.reason)).toContain("Applied");

  operator.kill("SIGTERM");
  expect(await operator.exited).toBe(0);
  expect(operator.logged("lease given back")).toBe(true);
  expect((await bench.readLease()).holderIdentity).toBe("");
}, 60_000);

describe("14: of three replicas one works", () => {
  async function startThree() {
    await bench.putProfile(auto);
    const operators = [bench.start(fast), bench.start(fast), bench.start(fast)];
    const leader = await waitFor(() => operators.find(leads), { timeoutMs: 20_000 });
    await waitFor(() => operators.every(({ log }) => log.some(({ msg }) => msg === "started")));
    const standby = operators.filter((one) => one !== leader);
    return { leader, standby };
  }

  test("the leader is killed with -9: another within lease and retry, nothing applied twice", async () => {
    const { leader, standby } = await startThree();
    await waitFor(async () => (await bench.readDocument()) !== null, { timeoutMs: 20_000 });
    leader.kill("SIGKILL");
    const before = performance.now();
    const next = await waitFor(() => standby.find(leads), { timeoutMs: 10_000 });
    // The lease of 3 s and one retry of 0.3 s, with its jitter and a slow machine.
    expect(performance.now() - before).toBeLessThan(5000);
    expect(standby.filter(leads)).toHaveLength(1);
    const atTakeover = (await bench.readDocument())?.revision ?? 0;
    await waitFor(async () => ((await bench.readDocument())?.revision ?? 0) > atTakeover, {
      timeoutMs: 30_000,
    });
    const applied = [leader, next].flatMap(({ log }) =>
      log.filter(({ verdict }) => verdict === "Applied").map(({ revision }) => revision),
    );
    expect(new Set(applied).size).toBe(applied.length);
  }, 90_000);

  test("SIGTERM: the next one reconciles within 3 s", async () => {
    const { leader, standby } = await startThree();
    await waitFor(() => reconciled(leader));
    const before = performance.now();
    leader.kill("SIGTERM");
    const next = await waitFor(() => standby.find(leads));
    await waitFor(() => reconciled(next));
    expect(performance.now() - before).toBeLessThan(3000);
    expect(await leader.exited).toBe(0);
  }, 60_000);
});

test("a restart: from the start of the process to the first pass in under 3 s", async () => {
  await bench.putProfile(auto);
  const first = bench.start();
  await waitFor(() => reconciled(first));
  first.kill("SIGTERM");
  await first.exited;
  const before = performance.now();
  const second = bench.start();
  await waitFor(() => reconciled(second));
  expect(performance.now() - before).toBeLessThan(3000);
}, 30_000);

test("probes: a standby is ready, and live", async () => {
  const operators = [bench.start(), bench.start()];
  for (const operator of operators) {
    const started = await waitFor(() => operator.log.find(({ msg }) => msg === "started"));
    const origin = new URL(String(started["metricsUrl"]).replace("0.0.0.0", "127.0.0.1")).origin;
    await waitFor(async () => (await fetch(`${origin}/readyz`)).status === 200);
    expect((await fetch(`${origin}/livez`)).status).toBe(200);
  }
});

describe("release", () => {
  test("puts back what was adopted, takes the finalizers away, and ends, with an operator running", async () => {
    await bench.putProfile(auto);
    await bench.putProfile({ mode: "Recommend", targetRef: { name: "another" } }, "onlooker");
    const operator = bench.start(fast);
    await waitFor(async () => ((await bench.readDocument())?.revision ?? 0) >= 1, {
      timeoutMs: 20_000,
    });
    await waitFor(async () => (await readFinalizers())?.includes(profileFinalizer));
    const release = bench.start(["release", ...fast]);
    expect(await release.exited).toBe(0);
    expect(await readFinalizers()).toBeUndefined();
    expect((await bench.readDocument())?.ttlSeconds["product"]).toBe(60);
    await waitFor(() => operator.logged("the lease is lost"));
    // The profile itself stays, as its author wrote it.
    expect((await cluster.request("GET", profilePath())).spec.mode).toBe("Auto");
  }, 90_000);

  test("without anything to let go it ends at once", async () => {
    const release = bench.start(["release"]);
    expect(await release.exited).toBe(0);
  });
});

test("what it cannot do is said, and the code is 1", async () => {
  const operator = bench.start([], { kubeconfig: "/nowhere/kubeconfig" });
  expect(await operator.exited).toBe(1);
  expect(operator.logged("cannot run")).toBe(true);
});
