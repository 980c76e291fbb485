import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { operatorMetrics } from "@mestore/contract/metrics";
import { startCluster, type TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  createOperatorAccount,
  leaseSeconds,
  nameRequest,
  type OperatorAccount,
} from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/** What happens to the API server and to the right to talk to it, on a cluster of this file's own. */

const patience = { timeoutMs: 90_000, intervalMs: 50 } as const;

let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
let shop: Shop;

beforeAll(async () => {
  cluster = await startCluster();
  shop = await openShop(cluster);
  account = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
  await shop.putProfile(tuned);
  operator = await account.start(["--time-scale", "60"]);
  await waitFor(() => seen().length > 0, { ...patience, what: "a document" });
}, 120_000);

afterAll(async () => {
  await account.close();
  await shop.close();
  await cluster.stop();
});

const seen = () => shop.target.kubelet.seen;

/** It leads, has made passes, and goes on where it was: each revision at most once, in order. */
async function expectGoesOn(): Promise<void> {
  const documents = seen().length;
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
  // A number that was taken for a write that never came is not used again.
  const revisions = seen().map(({ revision }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  expect(seen().length).toBeGreaterThanOrEqual(documents);
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

test("the API server is restarted: within the lease nothing changes hands", async () => {
  const { leaseTransitions } = await account.lease();
  await cluster.processes.apiserver.restart();
  await expectGoesOn();
  // It may have taken longer than the lease; then it was lost, and taken back by the same process.
  expect((await account.lease()).leaseTransitions).toBe(leaseTransitions ?? 0);
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

test("through all of it each document was written once", async () => {
  const written = (await account.requests()).filter(
    (event) =>
      nameRequest(event) === "patch configmaps" &&
      event.objectRef?.name === "storefront-tuning" &&
      (event.responseStatus?.code ?? 0) < 300,
  );
  expect(written).toHaveLength(seen().length);
});
