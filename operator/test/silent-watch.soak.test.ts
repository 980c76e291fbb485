import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { reflectorTiming } from "../src/kube/reflector.ts";
import { openApiProxy } from "./api-proxy.fixture.ts";
import { createOperatorAccount } from "./operator-account.fixture.ts";
import { openShop, tuned } from "./shop.fixture.ts";
import { putPodStatus } from "./target.fixture.ts";

test("behaviour 15: watches that stay open and tell nothing any more: what they hid is seen within the watchdog's time", async () => {
  const cluster = await useCluster();
  const shop = await openShop(cluster);
  const account = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
  const proxy = await openApiProxy(cluster, account.kubeconfig);
  try {
    await shop.putProfile({ ...tuned, mode: "Recommend" });
    const operator = await account.start(["--time-scale", "60"], { kubeconfig: proxy.kubeconfig });
    const pods = async () => (await shop.readStatus())?.tuning?.pods;
    await waitFor(async () => (await pods()) === 2, { timeoutMs: 60_000, what: "a status" });
    proxy.silenceWatches();
    // What the operator itself writes shows it the profile as it is; of pods only the watch tells.
    const [, second] = shop.target.pods;
    if (second === undefined) throw new Error("there is no second pod");
    await putPodStatus(cluster, shop.namespace, second.name, second.ip, { ready: false });
    const from = performance.now();
    await waitFor(async () => (await pods()) === 1, {
      what: "the pod to be seen",
      timeoutMs: (reflectorTiming.silentSeconds + 60) * 1000,
      intervalMs: 500,
    });
    process.stdout.write(
      `seen after ${Math.round((performance.now() - from) / 1000)} s of silence\n`,
    );
    expect(
      await operator.metric(operatorMetrics.watchRestarts, { reason: "silent" }),
    ).toBeGreaterThan(0);
  } finally {
    await account.close();
    await proxy.close();
    await shop.close();
  }
}, 300_000);
