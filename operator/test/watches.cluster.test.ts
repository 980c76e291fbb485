import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { profileAnnotations } from "@mestore/contract/performance-profile";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { openWire } from "../src/kube/cluster.fixture.ts";
import { fast, useBench } from "./bench.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";

/** Behaviour 15: whatever becomes of its watches, the operator comes to see what there is. */

const bench = useBench();

/** A shop that is being tuned through a wire that can be hurt. */
async function startWatched(on: TestCluster = bench.cluster) {
  const shop = await bench.openShop({ pods: 1 }, on);
  const account = await bench.createAccount({ namespaces: [shop.namespace] }, on);
  const proxy = await bench.openProxy(account, on);
  const wire = await openWire(proxy.kubeconfig);
  bench.closeAfter(() => wire.close());
  await shop.putProfile(tuned);
  const operator = await account.start(fast, { kubeconfig: wire.kubeconfig });
  await shop.untilWritten(1);
  const core = `/api/v1/namespaces/${shop.namespace}`;
  const apps = `/apis/apps/v1/namespaces/${shop.namespace}`;
  const profiles = `/apis/mestore.dev/v1alpha1/namespaces/${shop.namespace}/performanceprofiles`;
  const paths = [
    ...[profiles, `${apps}/deployments`, `${apps}/replicasets`],
    ...[`${core}/pods`, `${core}/configmaps`],
  ];
  const one = Object.fromEntries(paths.map((path) => [path, 1]));
  const isWatchingAll = () => Bun.deepEquals(proxy.openWatches(), one);
  await waitFor(isWatchingAll, { ...patience, what: "one watch for each resource" });
  const resetWatches = () => {
    wire.cut();
    wire.mend();
  };
  return { shop, account, proxy, resetWatches, operator, paths, isWatchingAll };
}

const passFailed = "pass failed; the tuning in force stays";
const wasCut = (err: unknown) => Bun.deepMatch({ failure: { reason: "Unreachable" } }, err);

/** Watches that are open now may end: one that ends sooner counts as a failure, and is followed by a pause. */
async function untilWatchesLasted(): Promise<void> {
  const from = performance.now();
  await waitFor(() => performance.now() - from > 1020);
}

/** What an author writes now is seen, and told. */
async function expectSees(shop: Shop, value: "true" | null): Promise<void> {
  const { generation } = (await shop.readProfile())?.metadata ?? {};
  const cooldownSeconds = 60 + generation;
  await shop.patchProfile({
    metadata: { annotations: { [profileAnnotations.paused]: value } },
    spec: { guardrails: { cooldownSeconds } },
  });
  await waitFor(async () => (await shop.readStatus())?.observedGeneration === generation + 1, {
    ...patience,
    what: "the author's change to be seen",
  });
}

test.concurrent(
  "behaviour 15: watches that are reset: one for each resource again, and nothing is missed",
  async () => {
    const { shop, proxy, operator, paths, isWatchingAll, resetWatches } = await startWatched();
    const opened = () => proxy.requests.filter(({ isWatch }) => isWatch).length;
    for (let round = 0; round < 3; round += 1) {
      const before = opened();
      resetWatches();
      await expectSees(shop, round % 2 === 0 ? "true" : null);
      await waitFor(() => opened() >= before + paths.length && isWatchingAll(), {
        ...patience,
        what: "one watch for each resource",
      });
    }
    expect(await operator.metric(operatorMetrics.watchRestarts)).toBeGreaterThanOrEqual(15);
    // A write on its way may have been cut as well, which fails its pass; a watch that is lost fails none.
    const failed = operator.log.filter(({ msg, err }) => msg === passFailed && !wasCut(err));
    expect(failed).toEqual([]);
  },
  180_000,
);

test.concurrent(
  "behaviour 15: a hundred watches one after another: each resource has one, memory stays flat",
  async () => {
    const { proxy, operator, paths, isWatchingAll } = await startWatched();
    const reopen = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        await untilWatchesLasted();
        proxy.endWatches();
        await waitFor(isWatchingAll, { ...patience, what: "one watch for each resource" });
      }
    };
    await reopen(6);
    const before = operator.residentBytes();
    const rounds = 18;
    await reopen(rounds);
    const grownMb = (operator.residentBytes() - before) / 1e6;
    const opened = proxy.requests.filter(({ isWatch }) => isWatch).length;
    process.stdout.write(
      `${opened} watches; memory grew by ${grownMb.toFixed(1)} MB over the last ${rounds * paths.length}\n`,
    );
    expect(opened).toBe((6 + rounds + 1) * paths.length);
    expect(grownMb).toBeLessThan(30);
    // Each went on from where the one before it ended: nothing was listed a second time.
    const lists = proxy.requests.filter(
      ({ isWatch, method, path }) => !isWatch && method === "GET" && paths.includes(path),
    );
    expect(lists).toHaveLength(paths.length);
  },
  240_000,
);

test.concurrent(
  "behaviour 15: a server that turns everything away (429): it is waited out, and all is caught up",
  async () => {
    const { shop, account, operator, isWatchingAll, resetWatches } = await startWatched();
    const api = "/apis/flowcontrol.apiserver.k8s.io/v1";
    const name = `none-${account.namespace}`;
    // A level of priority with the one seat that is the least, which others of the account fight for.
    await bench.cluster.request("POST", `${api}/prioritylevelconfigurations`, {
      metadata: { name },
      spec: {
        type: "Limited",
        limited: {
          ...{ nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0 },
          limitResponse: { type: "Reject" },
        },
      },
    });
    const resource = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
    await bench.cluster.request("POST", `${api}/flowschemas`, {
      metadata: { name },
      spec: {
        priorityLevelConfiguration: { name },
        matchingPrecedence: 2,
        rules: [
          {
            subjects: [
              {
                kind: "ServiceAccount",
                serviceAccount: { namespace: account.namespace, name: "mestore-operator" },
              },
            ],
            resourceRules: [{ ...resource, namespaces: ["*"], clusterScope: true }],
          },
        ],
      },
    });
    const as = {
      token: await bench.cluster.serviceAccountToken(account.namespace, "mestore-operator"),
    };
    const pods = `/api/v1/namespaces/${shop.namespace}/pods`;
    const crowd = () =>
      Promise.all(
        Array.from({ length: 16 }, async () =>
          (await bench.cluster.fetch("GET", pods, undefined, { as })).text(),
        ),
      );
    const { ttlSeconds } = shop.target.kubelet.document() ?? {};
    await waitFor(async () => {
      await crowd();
      return (await operator.metric(operatorMetrics.kubeRequests, { code: "429" })) > 0;
    }, patience);
    resetWatches();
    await waitFor(
      async () => {
        await crowd();
        return (await operator.metric(operatorMetrics.kubeRequests, { code: "429" })) > 20;
      },
      { ...patience, intervalMs: 0, what: "requests to be turned away" },
    );
    // The tuning in force stays.
    expect(shop.target.kubelet.document()?.ttlSeconds).toEqual(ttlSeconds ?? {});
    await bench.cluster.request("DELETE", `${api}/flowschemas/${name}`);
    await bench.cluster.request("DELETE", `${api}/prioritylevelconfigurations/${name}`);
    await expectSees(shop, "true");
    await waitFor(isWatchingAll, { ...patience, what: "one watch for each resource" });
  },
  180_000,
);

test.concurrent(
  "behaviour 15: a history that was compacted away (410): each resource is listed anew, once",
  async () => {
    // Without its cache the API server asks etcd for the history.
    const own = await bench.startCluster({ watchCache: false });
    const { shop, proxy, operator, paths, isWatchingAll } = await startWatched(own);
    const expired = () => operator.metric(operatorMetrics.watchRestarts, { reason: "expired" });
    for (const compactions of [1, 2]) {
      await untilWatchesLasted();
      // What the watches know falls behind, and is gone.
      proxy.silenceWatches();
      await own.createNamespace();
      await own.compactEtcd();
      const at = proxy.requests.length;
      proxy.endWatches();
      await waitFor(async () => (await expired()) >= compactions * paths.length, {
        ...patience,
        what: "versions that are too old",
      });
      await waitFor(isWatchingAll, { ...patience, what: "one watch for each resource" });
      await expectSees(shop, compactions === 1 ? "true" : null);
      const listed = proxy.requests
        .filter(({ index, isWatch, method }) => index >= at && !isWatch && method === "GET")
        .map(({ path }) => path)
        .filter((path) => paths.includes(path));
      expect(listed.toSorted()).toEqual(paths.toSorted());
      expect(await expired()).toBe(compactions * paths.length);
    }
  },
  180_000,
);
