import { afterAll, beforeAll, expect, test } from "bun:test";
import { waitFor } from "../stack/wait-for.ts";
import { startKwok } from "./kwok.ts";
import { startCluster, type TestCluster } from "./test-cluster.ts";

let cluster: TestCluster;
let kwok: { stop(): Promise<void> } | undefined;

beforeAll(async () => {
  cluster = await startCluster({ scheduler: true });
  kwok = await startKwok(cluster);
});

afterAll(async () => {
  await kwok?.stop();
  await cluster.stop();
});

test("a Deployment has as many ready pods as it asks for", async () => {
  const namespace = await cluster.createNamespace();
  const labels = { app: "many" };
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await cluster.request("POST", path, {
    metadata: { name: "many" },
    spec: {
      replicas: 30,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "service", image: "mestore.dev/none:0" }] },
      },
    },
  });
  const readyReplicas = async () =>
    (await cluster.request("GET", `${path}/many`)).status.readyReplicas === 30;
  expect(await waitFor(readyReplicas, { timeoutMs: 60_000, what: "30 ready pods" })).toBe(true);
});
