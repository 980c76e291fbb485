import { afterAll, beforeAll, expect, test } from "bun:test";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { type ApiProxy, openApiProxy, type ProxiedRequest } from "./api-proxy.fixture.ts";
import { createOperatorAccount, leaseSeconds, nameRequest } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/** Behaviour 14: of several replicas one works, whatever becomes of it. Each is a process of its own. */

const patience = { timeoutMs: 60_000, intervalMs: 50 } as const;
const args = ["--time-scale", "60"];

/** How long others wait for a leader that fell silent, with the jitter of their retries. */
const takeoverMs = (leaseSeconds.duration + 1.2 * leaseSeconds.retry) * 1000;

let cluster: TestCluster;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  cluster = await useCluster();
}, 60_000);
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

interface Replica {
  readonly operator: OperatorProcess;
  readonly proxy: ApiProxy;
}

/** A shop that is being tuned by the first of two or more replicas, each behind a wire of its own. */
async function startReplicas({
  count = 2,
  leaseArgs = [],
}: { readonly count?: number; readonly leaseArgs?: readonly string[] } = {}) {
  const shop = await openShop(cluster);
  closing.push(() => shop.close());
  const account = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
  closing.push(() => account.close());
  await shop.putProfile(tuned);
  const start = async (): Promise<Replica> => {
    const proxy = await openApiProxy(cluster, account.kubeconfig);
    closing.push(() => proxy.close());
    return {
      proxy,
      operator: await account.start([...args, ...leaseArgs], { kubeconfig: proxy.kubeconfig }),
    };
  };
  const replicas = await Promise.all(Array.from({ length: count }, start));
  const leader = await waitFor(() => replicas.find(({ operator }) => operator.leads()), patience);
  const standby = replicas.filter((one) => one !== leader);
  for (const { operator } of standby)
    await waitFor(async () => (await operator.probe("/readyz")) === 200, patience);
  await waitFor(() => shop.target.kubelet.seen.length > 0, patience);
  return { shop, account, leader, standby };
}

async function untilLeads(replicas: readonly Replica[]): Promise<Replica> {
  return waitFor(() => replicas.find(({ operator }) => operator.leads()), {
    ...patience,
    what: "another to lead",
  });
}

/** Seconds from a renewal of one leader to the taking over of the next. */
async function acquiredAfter(
  account: Awaited<ReturnType<typeof createOperatorAccount>>,
  renewTime = "",
): Promise<number> {
  const { acquireTime = "" } = await account.lease();
  return (Date.parse(acquireTime) - Date.parse(renewTime)) / 1000;
}

/** When it logged this last, in milliseconds; NaN: never. */
const timeOf = ({ log }: OperatorProcess, msg: string) =>
  Date.parse(String(log.findLast((line) => line["msg"] === msg)?.["time"]));
const isDocumentWrite = ({ method, path }: ProxiedRequest) =>
  method === "PATCH" && path.endsWith("/configmaps/storefront-tuning");
const writesOf = ({ proxy }: Replica) => proxy.requests.filter(({ method }) => method !== "GET");

/**
 * Every revision was written once, later ones later, and told once. One that was decided and never written
 * leaves a gap: its number is not used again.
 */
async function expectEachRevisionOnce(
  shop: Shop,
  account: Awaited<ReturnType<typeof createOperatorAccount>>,
  replicas: readonly Replica[],
): Promise<void> {
  const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  const written = (await account.requests()).filter(
    (event) =>
      nameRequest(event) === "patch configmaps" &&
      event.objectRef?.name === "storefront-tuning" &&
      (event.responseStatus?.code ?? 0) < 300,
  );
  expect(written.length).toBeWithin(revisions.length, revisions.length + 2);
  const applied = replicas.flatMap(({ operator }) =>
    operator.log.filter(({ verdict }) => verdict === "Applied").map(({ revision }) => revision),
  );
  expect(applied).toEqual([...new Set(applied)]);
}

test.concurrent(
  "behaviour 14: the leader is killed with -9: another within lease and retry, nothing applied twice",
  async () => {
    const { shop, account, leader, standby } = await startReplicas({ count: 3 });
    const at = shop.target.kubelet.seen.length;
    leader.operator.kill("SIGKILL");
    await leader.operator.exited;
    const { renewTime } = await account.lease();
    const before = performance.now();
    const next = await untilLeads(standby);
    const tookMs = performance.now() - before;
    process.stdout.write(
      `after -9 another leads within ${Math.round(tookMs)} ms (lease and retry: ${takeoverMs} ms)\n`,
    );
    // Not sooner than the lease of who fell silent allows: it was never cut short.
    expect(await acquiredAfter(account, renewTime)).toBeGreaterThanOrEqual(
      leaseSeconds.duration - 0.1,
    );
    expect(standby.filter(({ operator }) => operator.leads())).toEqual([next]);
    await waitFor(() => shop.target.kubelet.seen.length >= at + 2, patience);
    await expectEachRevisionOnce(shop, account, [leader, ...standby]);
    const { leaseTransitions } = await account.lease();
    expect(leaseTransitions).toBe(1);
  },
  120_000,
);

test.concurrent(
  "behaviour 14: a leader that was suspended for longer than its lease writes nothing when it goes on",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    leader.operator.kill("SIGSTOP");
    const next = await untilLeads(standby);
    const at = shop.target.kubelet.seen.length;
    await waitFor(() => shop.target.kubelet.seen.length > at, patience);
    const until = leader.proxy.requests.length;
    leader.operator.kill("SIGCONT");
    await waitFor(() => leader.operator.logged({ msg: "the lease is lost" }), patience);
    // It stands by again, and has asked for the lease: what it had begun is over.
    await waitFor(
      () =>
        leader.proxy.requests.filter(
          ({ index, method, path }) =>
            index >= until && method === "GET" && path.includes("/leases/"),
        ).length >= 3,
      patience,
    );
    const stale = writesOf(leader).filter(({ index }) => index >= until);
    for (const { path, answered } of stale) {
      // One renewal may have been on its lips; the server has seen another holder.
      expect(path).toContain("/leases/");
      expect(await answered).toBe(409);
    }
    expect(next.operator.leads()).toBe(true);
    await expectEachRevisionOnce(shop, account, [leader, ...standby]);
  },
  120_000,
);

test.concurrent(
  "behaviour 14: a write of the old leader that arrives after the new one's is refused",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    await waitFor(() => shop.target.pods.every(({ service }) => service.revision > 0), patience);
    // Its next document is held up on the way, and it never learns what became of it.
    const held = Promise.withResolvers<ProxiedRequest>();
    const arrival = Promise.withResolvers<void>();
    leader.proxy.decide = (request) => {
      if (!isDocumentWrite(request)) return "pass";
      held.resolve(request);
      return arrival.promise;
    };
    const late = await held.promise;
    leader.operator.kill("SIGSTOP");
    await untilLeads(standby);
    const at = shop.target.kubelet.seen.length;
    await waitFor(() => shop.target.kubelet.seen.length > at, patience);
    const before = await shop.readDocument();
    arrival.resolve();
    expect(await late.answered).toBe(409);
    expect((await shop.readDocument())?.revision).toBeGreaterThanOrEqual(before?.revision ?? 0);
    leader.operator.kill("SIGCONT");
    await waitFor(() => leader.operator.logged({ msg: "the lease is lost" }), patience);
    await expectEachRevisionOnce(shop, account, standby);
  },
  120_000,
);

test.concurrent(
  "behaviour 14: a leader that is cut off stops before another may lead, and stands by when it is back",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    leader.proxy.decide = () => "lose";
    const next = await untilLeads(standby);
    const taken = leader.proxy.requests.length;
    const at = shop.target.kubelet.seen.length;
    await waitFor(() => shop.target.kubelet.seen.length > at, patience);
    await waitFor(() => leader.operator.logged({ msg: "the lease is lost" }), patience);
    // Nobody told it: it knew by its own clock, before another could lead.
    expect(writesOf(leader).filter(({ index }) => index >= taken)).toEqual([]);
    const until = leader.proxy.requests.length;
    leader.proxy.decide = () => "pass";
    await waitFor(
      () =>
        leader.proxy.requests.filter(
          ({ index, path }) => index >= until && path.includes("/leases/"),
        ).length >= 3,
      patience,
    );
    expect(leader.operator.leads()).toBe(false);
    expect(writesOf(leader).filter(({ index }) => index >= until)).toEqual([]);
    expect(next.operator.leads()).toBe(true);
    await expectEachRevisionOnce(shop, account, [leader, ...standby]);
  },
  120_000,
);

test.concurrent(
  "behaviour 14: SIGTERM drains, gives the lease back, and the next one works at once",
  async () => {
    // So long that nobody could have it by waiting for its end.
    const durationSeconds = 60;
    const { shop, account, leader, standby } = await startReplicas({
      leaseArgs: ["--lease-duration", String(durationSeconds), "--lease-renew-deadline", "40"],
    });
    const before = performance.now();
    leader.operator.kill("SIGTERM");
    const next = await untilLeads(standby);
    await waitFor(
      async () => (await next.operator.metric({ name: "mestore_operator_reconciles_total" })) > 0,
      patience,
    );
    const tookMs = performance.now() - before;
    process.stdout.write(
      `after SIGTERM the next one has made a pass within ${Math.round(tookMs)} ms\n`,
    );
    expect(await leader.operator.exited).toBe(0);
    // The next one did not wait for the lease to run out.
    const givenBack = timeOf(leader.operator, "lease given back");
    expect(timeOf(next.operator, "leading") - givenBack).toBeLessThan(durationSeconds * 1000);
    // Giving the lease back is the last thing it wrote.
    expect(writesOf(leader).at(-1)?.path).toContain("/leases/");
    const at = shop.target.kubelet.seen.length;
    await waitFor(() => shop.target.kubelet.seen.length > at, patience);
    await expectEachRevisionOnce(shop, account, [leader, ...standby]);
  },
  120_000,
);
