import { beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { operatorMetrics } from "@mestore/contract/metrics";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, useBench } from "./bench.fixture.ts";
import { leaseSeconds, type OperatorAccount } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { expectWrittenOnce, patience, type Shop, tuned } from "./shop.fixture.ts";

/** What happens to the API server and to the right to talk to it, on a cluster of this file's own. */

const bench = useBench();
let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
let shop: Shop;

beforeAll(async () => {
  cluster = await bench.startCluster();
  shop = await bench.openShop({}, cluster);
  account = await bench.createAccount({ namespaces: [shop.namespace] }, cluster);
  await shop.putProfile(tuned);
  operator = await account.start(fast);
  await shop.untilWritten(1);
}, 120_000);

/** It leads, has made passes, and goes on where it was: each revision at most once, in order. */
async function expectGoesOn(): Promise<void> {
  const documents = shop.written();
  const passes = () => operator.metric(operatorMetrics.reconciles, { outcome: "ok" });
  await waitFor(() => operator.leads(), { ...patience, what: "the operator to lead again" });
  const before = await passes();
  await waitFor(async () => (await passes()) > before + 5, { ...patience, what: "passes" });
  const { generation } = (await shop.readProfile())?.metadata ?? {};
  await shop.patchProfile({ spec: { guardrails: { cooldownSeconds: 60 + generation } } });
  await waitFor(async () => (await shop.readStatus())?.observedGeneration === generation + 1, {
    ...patience,
    what: "the author's change to be seen",
  });
  expect(await shop.condition("Ready")).toBe("True Accepted");
  expect(shop.written()).toBeGreaterThanOrEqual(documents);
}

/** The tuning in force is nobody's business while the server is away. */
function expectKept(document: unknown): void {
  expect(shop.target.kubelet.document()).toEqual(document as never);
}

/** Puts another token into the operator's kubeconfig. */
function putToken(token: string): void {
  const config = JSON.parse(readFileSync(account.kubeconfig, "utf8"));
  config.users[0].user = { token };
  writeFileSync(account.kubeconfig, JSON.stringify(config), { mode: 0o600 });
}

test("the API server is killed and comes back: the operator steps down, holds, and goes on", async () => {
  await cluster.processes.apiserver.kill("SIGKILL");
  const document = shop.target.kubelet.document();
  await waitFor(() => !operator.leads(), { ...patience, what: "the lease to be lost" });
  expect(await operator.probe("/livez")).toBe(200);
  expectKept(document);
  await cluster.processes.apiserver.restart();
  await expectGoesOn();
}, 180_000);

test("the API server hangs (SIGSTOP) for longer than the lease: the operator holds, and goes on", async () => {
  await cluster.processes.apiserver.kill("SIGSTOP");
  const document = shop.target.kubelet.document();
  const before = performance.now();
  try {
    await waitFor(() => performance.now() - before > leaseSeconds.duration * 1000);
    expect(await operator.probe("/livez")).toBe(200);
    expectKept(document);
  } finally {
    await cluster.processes.apiserver.kill("SIGCONT");
  }
  await expectGoesOn();
}, 180_000);

test("a token that is no longer taken: the file is read again, and with a new one it goes on", async () => {
  const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts`;
  const name = "mestore-operator";
  // One that has expired, and the account itself made anew, so that every token before is void.
  putToken(await cluster.serviceAccountToken(account.namespace, name, -120));
  await cluster.request("DELETE", `${path}/${name}`);
  await cluster.request("POST", path, { metadata: { name, namespace: account.namespace } });
  await waitFor(
    async () => (await operator.metric(operatorMetrics.kubeRequests, { code: "401" })) > 2,
    { ...patience, what: "the token to be refused" },
  );
  const document = shop.target.kubelet.document();
  await waitFor(() => !operator.leads(), { ...patience, what: "the lease to be lost" });
  expectKept(document);
  putToken(await cluster.serviceAccountToken(account.namespace, name));
  await expectGoesOn();
}, 180_000);

test("the API server is restarted: within the lease nothing changes hands", async () => {
  // A lease that outlasts the restart, and somebody who would take it if it did not.
  const longLease = ["--lease-duration", "90", "--lease-renew-deadline", "60"];
  operator.kill("SIGTERM");
  await operator.exited;
  operator = await account.start([...fast, ...longLease]);
  await waitFor(() => operator.leads(), { ...patience, what: "the operator to lead" });
  const standby = await account.start([...fast, ...longLease]);
  await waitFor(async () => (await standby.probe("/readyz")) === 200, patience);
  const { renewTime, ...held } = await account.lease();
  const requests = () => operator.metric(operatorMetrics.kubeRequests, { code: "none" });
  const unanswered = await requests();
  await cluster.processes.apiserver.kill("SIGKILL");
  await waitFor(async () => (await requests()) > unanswered, {
    ...patience,
    what: "the operator to notice",
  });
  await cluster.processes.apiserver.restart();
  await expectGoesOn();
  const { renewTime: renewedTime = "", ...kept } = await account.lease();
  expect(kept).toEqual(held);
  expect(Date.parse(renewedTime)).toBeGreaterThan(Date.parse(renewTime ?? ""));
  expect(operator.logged({ msg: "the lease is lost" })).toBe(false);
  expect(standby.logged({ msg: "leading" })).toBe(false);
}, 180_000);

test("through all of it each document was written once", () => expectWrittenOnce(shop, account));
