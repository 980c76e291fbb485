import { afterEach, beforeAll, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createRegistry } from "@mestore/telemetry/registry";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { LeaseLostError } from "../control/ports.ts";
import { createTestLogger, openTransport, openWire, realTime } from "./cluster.fixture.ts";
import { fenceWrites } from "./fence.ts";
import { createLease, type LeaseTiming } from "./lease.ts";
import type { ServiceAccount } from "./connection.ts";
import { configMaps, leases } from "./resources.ts";
import type { KubeTime } from "./time.ts";

let cluster: TestCluster;
let namespace: string;
beforeAll(async () => {
  cluster = await useCluster();
  namespace = await cluster.createNamespace();
}, 60_000);

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A tenth of what is usual, as whole seconds as the API wants the duration. */
const timing: LeaseTiming = { durationSeconds: 2, renewDeadlineSeconds: 1.2, retrySeconds: 0.2 };

interface Contender {
  readonly identity: string;
  isLeading(): boolean;
  /** Terms of leadership so far, each with the reason of its end. */
  readonly terms: unknown[];
  readonly gauge: () => number | undefined;
  /** Of its log. */
  readonly lines: readonly string[];
  /** As SIGTERM does. */
  stop(): Promise<void>;
  write(): Promise<unknown>;
  isHeld(): boolean;
}

async function contend(
  name: string,
  identity: string,
  options: {
    kubeconfig?: string;
    time?: Partial<KubeTime>;
    seize?: boolean;
    owner?: ServiceAccount;
    timing?: LeaseTiming;
    /** What the work still waits for once it has to end. */
    windUp?: Promise<void>;
  } = {},
): Promise<Contender> {
  const registry = createRegistry();
  const { logger, lines } = createTestLogger();
  const transport = await openTransport(options.kubeconfig ?? cluster.kubeconfig, registry);
  const lease = createLease({
    ...{ transport, namespace, name, identity, registry, logger },
    timing: options.timing ?? timing,
    time: { ...realTime, ...options.time },
    ...(options.seize === undefined ? {} : { seize: options.seize }),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
  });
  const fenced = fenceWrites(transport, lease);
  const terms: unknown[] = [];
  let leading = false;
  const stopping = new AbortController();
  const running = lease.run(async (signal) => {
    leading = true;
    const term = terms.push(null) - 1;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    terms[term] = signal.reason;
    await options.windUp;
    leading = false;
  }, stopping.signal);
  const stop = async () => {
    stopping.abort();
    await running;
  };
  closing.push(stop);
  return {
    identity,
    terms,
    lines,
    stop,
    isLeading: () => leading,
    isHeld: lease.isHeld,
    gauge: () =>
      [...(registry.collect().get(operatorMetrics.leader.name)?.values() ?? [])][0]?.value,
    write: () =>
      fenced.request({
        method: "POST",
        path: configMaps.path(namespace),
        body: { metadata: { name: `by-${crypto.randomUUID()}`, namespace } },
      }),
  };
}

const read = (name: string) => cluster.request("GET", leases.objectPath(namespace, name));
const leaderOf = (contenders: readonly Contender[]) => contenders.filter((one) => one.isLeading());

test("of three one leads; when it is stopped the next does at once, and transitions are counted", async () => {
  const name = "three";
  // So long that nobody could have it by waiting for its end.
  const long = { timing: { ...timing, durationSeconds: 30, renewDeadlineSeconds: 20 } };
  const all = [
    await contend(name, "a", long),
    await contend(name, "b", long),
    await contend(name, "c", long),
  ];
  const [first] = await waitFor(() => leaderOf(all).length === 1 && leaderOf(all));
  if (first === undefined) throw new Error("nobody leads");
  expect(all.map((one) => one.gauge() ?? -1).sort((a, b) => a - b)).toEqual([0, 0, 1]);
  expect((await read(name)).spec).toMatchObject({
    holderIdentity: first.identity,
    leaseDurationSeconds: 30,
  });

  const before = performance.now();
  await first.stop();
  const [second] = await waitFor(() => leaderOf(all).length === 1 && leaderOf(all));
  expect(performance.now() - before).toBeLessThan(1000 * long.timing.durationSeconds);
  expect(second?.identity).not.toBe(first.identity);
  expect(first.terms).toHaveLength(1);
  expect(first.terms[0]).not.toBeInstanceOf(LeaseLostError);
  expect((await read(name)).spec).toMatchObject({ leaseTransitions: 1 });
  expect(first.gauge()).toBe(0);
});

test("a leader that is cut off stops before another may lead, and its writes are refused", async () => {
  const name = "cut-off";
  const wire = await openWire(cluster.kubeconfig);
  closing.push(wire.close);
  const cut = await contend(name, "cut", { kubeconfig: wire.kubeconfig });
  await waitFor(() => cut.isLeading());
  expect(await cut.write()).toMatchObject({ ok: true });
  const other = await contend(name, "other");
  let overlapped = false;
  wire.swallow();
  await waitFor(() => {
    overlapped ||= cut.isHeld() && other.isHeld();
    return other.isLeading();
  });
  expect(overlapped).toBe(false);
  expect(cut.isLeading()).toBe(false);
  expect(cut.terms[0]).toBeInstanceOf(LeaseLostError);
  wire.mend();
  expect(await cut.write()).toMatchObject({ ok: false, reason: "NotLeader" });
  expect(cut.gauge()).toBe(0);
});

test("regression: a leader that is cut off says so at once, however long its work takes to end", async () => {
  const wire = await openWire(cluster.kubeconfig);
  closing.push(wire.close);
  const ending = Promise.withResolvers<void>();
  closing.push(() => ending.resolve());
  const cut = await contend("slow-to-end", "cut", {
    kubeconfig: wire.kubeconfig,
    windUp: ending.promise,
  });
  await waitFor(() => cut.isLeading());
  wire.swallow();
  await waitFor(() => !cut.isHeld());
  await waitFor(() => cut.gauge() === 0);
  expect(cut.lines.some((line) => line.includes("the lease is lost"))).toBe(true);
  // Its work still winds up.
  expect(cut.isLeading()).toBe(true);
  ending.resolve();
  await waitFor(() => !cut.isLeading());
  expect(cut.lines.filter((line) => line.includes("the lease is lost"))).toHaveLength(1);
});

test("one whose holder fell silent is taken after its duration, not before", async () => {
  const name = "silent";
  const wire = await openWire(cluster.kubeconfig);
  closing.push(wire.close);
  const first = await contend(name, "first", { kubeconfig: wire.kubeconfig });
  await waitFor(() => first.isLeading());
  wire.cut();
  // What reached the server before the cut was the last renewal.
  const { renewTime } = (await read(name)).spec;
  const second = await contend(name, "second");
  await waitFor(() => second.isLeading());
  const { acquireTime } = (await read(name)).spec;
  const waited = (Date.parse(acquireTime) - Date.parse(renewTime)) / 1000;
  expect(waited).toBeGreaterThanOrEqual(timing.durationSeconds - 0.05);
});

test("a clock that is an hour ahead takes no lease", async () => {
  const name = "clocks";
  const leader = await contend(name, "leader");
  await waitFor(() => leader.isLeading());
  const ahead = await contend(name, "ahead", {
    time: { nowSeconds: () => realTime.nowSeconds() + 3600 },
  });
  const { resourceVersion } = (await read(name)).metadata;
  // Long enough for several renewals, each seen by the other.
  await waitFor(async () => {
    const renewed = (await read(name)).metadata.resourceVersion;
    return Number(renewed) > Number(resourceVersion) && leader.terms.length > 0;
  });
  await waitFor(async () => Date.parse((await read(name)).spec.renewTime) > Date.now() - 200);
  expect(ahead.isLeading()).toBe(false);
  expect(leader.isLeading()).toBe(true);
});

test("whoever seizes it has it, and who had it stops at its next renewal", async () => {
  const name = "seized";
  const leader = await contend(name, "leader");
  await waitFor(() => leader.isLeading());
  const seizing = await contend(name, "release", { seize: true });
  await waitFor(() => seizing.isLeading());
  await waitFor(() => !leader.isLeading());
  expect(leader.terms[0]).toBeInstanceOf(LeaseLostError);
  await seizing.stop();
  expect((await read(name)).spec.holderIdentity).toBe("release");
});

test("the lease goes with the account of who leads, whatever was there before", async () => {
  const name = "owned";
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const { metadata } = await cluster.request("POST", accounts, { metadata: { name: "operator" } });
  const stranger = await contend(name, "without-account");
  await waitFor(() => stranger.isLeading());
  await stranger.stop();
  const owner = { name: "operator", uid: metadata.uid };
  const leader = await contend(name, "leader", { owner });
  await waitFor(() => leader.isLeading());
  const { renewTime } = (await read(name)).spec;
  await waitFor(async () => (await read(name)).spec.renewTime !== renewTime);
  expect((await read(name)).metadata.ownerReferences).toEqual([
    { apiVersion: "v1", kind: "ServiceAccount", ...owner },
  ]);

  await leader.stop();
  await cluster.request("DELETE", `${accounts}/operator`);
  const path = leases.objectPath(namespace, name);
  await waitFor(async () => (await cluster.fetch("GET", path)).status === 404, {
    what: "the garbage collector",
    timeoutMs: 30_000,
  });
});
