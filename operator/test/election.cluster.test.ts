import { expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import type { ApiProxy, ProxiedRequest } from "./api-proxy.fixture.ts";
import { fast, useBench } from "./bench.fixture.ts";
import { leaseSeconds, type OperatorAccount } from "./operator-account.fixture.ts";
import type { LogLine, OperatorProcess } from "./operator-process.fixture.ts";
import { expectWrittenOnce, patience, type Shop, tuned } from "./shop.fixture.ts";

/** Behaviour 14: of several replicas one works, whatever becomes of it. Each is a process of its own. */

/** How long others wait for a leader that fell silent, with the jitter of their retries. */
const takeoverMs = (leaseSeconds.duration + 1.2 * leaseSeconds.retry) * 1000;

const bench = useBench();

interface Replica {
  readonly operator: OperatorProcess;
  readonly proxy: ApiProxy;
}

/** A shop that is being tuned by the first of two or more replicas, each behind a wire of its own. */
async function startReplicas({
  count = 2,
  leaseArgs = [],
}: { readonly count?: number; readonly leaseArgs?: readonly string[] } = {}) {
  const shop = await bench.openShop();
  const account = await bench.createAccount({ namespaces: [shop.namespace] });
  await shop.putProfile(tuned);
  const start = async (): Promise<Replica> => {
    const proxy = await bench.openProxy(account);
    const { kubeconfig } = proxy;
    return { proxy, operator: await account.start([...fast, ...leaseArgs], { kubeconfig }) };
  };
  const replicas = await Promise.all(Array.from({ length: count }, start));
  const leader = await waitFor(() => replicas.find(({ operator }) => operator.leads()), patience);
  const standby = replicas.filter((one) => one !== leader);
  for (const { operator } of standby)
    await waitFor(async () => (await operator.probe("/readyz")) === 200, patience);
  await shop.untilWritten(1);
  return { shop, account, leader, standby };
}

async function untilLeads(replicas: readonly Replica[]): Promise<Replica> {
  return waitFor(() => replicas.find(({ operator }) => operator.leads()), {
    ...patience,
    what: "another to lead",
  });
}

/** Seconds from a renewal of one leader to the taking over of the next. */
async function acquiredAfter(account: OperatorAccount, renewTime = ""): Promise<number> {
  const { acquireTime = "" } = await account.lease();
  return (Date.parse(acquireTime) - Date.parse(renewTime)) / 1000;
}

/** When it logged this last, in milliseconds; NaN: never. */
const timeOf = ({ log }: OperatorProcess, msg: string) =>
  Date.parse(String(log.findLast((line) => line["msg"] === msg)?.["time"]));
const isDocumentWrite = ({ method, path }: ProxiedRequest) =>
  method === "PATCH" && path.endsWith("/configmaps/storefront-tuning");
const writesOf = ({ proxy }: Replica) => proxy.requests.filter(({ method }) => method !== "GET");

/** Nothing was applied twice: not to the cluster, and not as any of the replicas tells it. */
async function expectAppliedOnce(
  shop: Shop,
  account: OperatorAccount,
  replicas: readonly Replica[],
): Promise<void> {
  await expectWrittenOnce(shop, account);
  const applied = replicas.flatMap(({ operator }) =>
    operator.log.filter(({ verdict }) => verdict === "Applied").map(({ revision }) => revision),
  );
  expect(applied).toEqual([...new Set(applied)]);
}

/**
 * The next document of the leader is held up on its way, and the leader suspended, until another leads. The
 * write goes on when `arrive` is called.
 */
async function holdDocument({ operator, proxy }: Replica, standby: readonly Replica[]) {
  const held = Promise.withResolvers<ProxiedRequest>();
  const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>();
  proxy.decide = (request) => {
    if (!isDocumentWrite(request)) return "pass";
    held.resolve(request);
    return arrival;
  };
  const late = await held.promise;
  operator.kill("SIGSTOP");
  return { late, arrive, next: await untilLeads(standby) };
}

test.concurrent(
  "behaviour 14: the leader is killed with -9: another within lease and retry, nothing applied twice",
  async () => {
    const { shop, account, leader, standby } = await startReplicas({ count: 3 });
    const at = shop.written();
    leader.operator.kill("SIGKILL");
    await leader.operator.exited;
    const { renewTime, leaseTransitions = 0 } = await account.lease();
    const before = performance.now();
    const next = await untilLeads(standby);
    const tookMs = performance.now() - before;
    process.stdout.write(
      `after -9 another leads within ${Math.round(tookMs)} ms (lease and retry: ${takeoverMs} ms)\n`,
    );
    // Not sooner than the lease of who fell silent allows, and nobody waited for a second one.
    expect(await acquiredAfter(account, renewTime)).toBeWithin(
      leaseSeconds.duration - 0.1,
      takeoverMs / 1000 + leaseSeconds.duration,
    );
    expect((await account.lease()).leaseTransitions).toBe(leaseTransitions + 1);
    expect(standby.filter(({ operator }) => operator.leads())).toEqual([next]);
    await shop.untilWritten(at + 2);
    await expectAppliedOnce(shop, account, [leader, ...standby]);
  },
  180_000,
);

test.concurrent(
  "behaviour 14: a leader that was suspended for longer than its lease writes nothing when it goes on",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    leader.operator.kill("SIGSTOP");
    const next = await untilLeads(standby);
    const at = shop.written();
    await shop.untilWritten(at + 1);
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
    await expectAppliedOnce(shop, account, [leader, ...standby]);
  },
  180_000,
);

test.concurrent(
  "behaviour 14: a write of the old leader that arrives after the new one's is refused",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    await waitFor(() => shop.target.pods.every(({ service }) => service.revision > 0), patience);
    const { late, arrive } = await holdDocument(leader, standby);
    const at = shop.written();
    await shop.untilWritten(at + 1);
    const before = await shop.readDocument();
    arrive();
    expect(await late.answered).toBe(409);
    expect((await shop.readDocument())?.revision).toBeGreaterThanOrEqual(before?.revision ?? 0);
    leader.operator.kill("SIGCONT");
    await waitFor(() => leader.operator.logged({ msg: "the lease is lost" }), patience);
    await expectAppliedOnce(shop, account, standby);
  },
  180_000,
);

test.concurrent(
  "behaviour 14: one that arrives before the new leader's first is taken up, verified and rolled back",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    await waitFor(() => shop.target.pods.every(({ service }) => service.revision === 1), patience);
    const { late, arrive, next } = await holdDocument(leader, standby);
    const decided = (fields: LogLine) =>
      waitFor(() => next.operator.logged({ ...fields, revision: 2 }), {
        ...patience,
        what: `the new leader to decide: ${JSON.stringify(fields)}`,
      });
    // Nothing of it is to be seen, and there is no baseline yet for a move of its own.
    await decided({ verdict: "Withdrawn", reason: "NeverWritten" });
    expect(shop.written()).toBe(1);
    const [before] = shop.target.kubelet.seen;
    const kept = before?.ttlSeconds["product"] ?? Infinity;
    // From the first request on, so that no slice of it looks well.
    shop.target.each((service) => {
      service.slowShare = (ttl) => (ttl > kept ? 0.4 : 0.01);
    });
    arrive();
    expect(await late.answered).toBe(200);
    await decided({ verdict: "Applied", reason: "WrittenLate" });
    expect(shop.target.kubelet.seen[1]?.ttlSeconds["product"]).toBeGreaterThan(kept);
    await decided({ verdict: "RolledBack", reason: "LatencyRegression" });
    await shop.untilWritten(3);
    expect(shop.target.kubelet.seen[2]?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    leader.operator.kill("SIGCONT");
    await waitFor(() => leader.operator.logged({ msg: "the lease is lost" }), patience);
    await expectAppliedOnce(shop, account, standby);
  },
  180_000,
);

test.concurrent(
  "behaviour 14: a leader that is cut off stops before another may lead, and stands by when it is back",
  async () => {
    const { shop, account, leader, standby } = await startReplicas();
    leader.proxy.decide = () => "lose";
    const next = await untilLeads(standby);
    const taken = leader.proxy.requests.length;
    const at = shop.written();
    await shop.untilWritten(at + 1);
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
    await expectAppliedOnce(shop, account, [leader, ...standby]);
  },
  180_000,
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
    const at = shop.written();
    await shop.untilWritten(at + 1);
    await expectAppliedOnce(shop, account, [leader, ...standby]);
  },
  180_000,
);
