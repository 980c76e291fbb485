import { test } from "bun:test";
import { useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { openApiProxy } from "./api-proxy.fixture.ts";
import { createOperatorAccount } from "./operator-account.fixture.ts";
import { openShop, tuned } from "./shop.fixture.ts";
test("dbg", async () => {
  const cluster = await useCluster();
  const shop = await openShop(cluster);
  const account = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
  await shop.putProfile(tuned);
  const proxy = await openApiProxy(cluster, account.kubeconfig);
  const operator = await account.start(["--log-level", "debug"], { kubeconfig: proxy.kubeconfig });
  await waitFor(() => operator.leads(), { timeoutMs: 10_000 }).catch(() => {});
  console.log(
    operator.log,
    await Promise.all(
      proxy.requests.map(async (r) => [
        r.method,
        r.path,
        r.isWatch,
        await Promise.race([r.answered, "?"]),
      ]),
    ),
  );
  await account.close();
  await proxy.close();
  await shop.close();
}, 60_000);
