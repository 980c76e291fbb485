import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseProfile } from "@mestore/contract/performance-profile";
import { formatTuningDocument } from "@mestore/contract/tuning-document";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { openGuardedRoom } from "@mestore/tools/stack/death-guard";
import { findFreePort } from "@mestore/tools/stack/free-port";
import { readBirth } from "@mestore/tools/stack/process";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { parse } from "yaml";
import { followTuning, type Kubelet } from "./kubelet.fixture.ts";
import { createOperatorAccount, type OperatorAccount } from "./operator-account.fixture.ts";
import { parseStatus } from "../src/profile/status.ts";
import { putDeployment, putPodStatus } from "./target.fixture.ts";

/**
 * docs/adopt.md, done: its example service, unchanged, with its example profile in a cluster. The service
 * is a real process behind the address of its pod; only the kubelet, which writes the file, is played.
 */
const example = join(import.meta.dir, "../../docs/examples/adopt");
const profile = parse(readFileSync(join(example, "profile.yaml"), "utf8"));
const { name } = profile.metadata as { readonly name: string };
const address = "127.2.0.1";

/** A minute of the laws is a third of a second, so that a move and its verification fit into a test. */
const timeScale = 200;
/** Quotes that are asked for, each as often as the others, and requests under way at once. */
const quotes = 3000;
const clients = 8;

let cluster: TestCluster;
let namespace: string;
let account: OperatorAccount;
let kubelet: Kubelet;
let service: Bun.Subprocess;
let url: string;
const visiting = new AbortController();

beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
  namespace = await cluster.createNamespace();
  const room = await openGuardedRoom();
  const directory = join(room.directory, "quotes");
  mkdirSync(directory);
  const file = join(directory, "tuning.json");
  kubelet = followTuning(cluster, namespace, name, (document) =>
    writeFileSync(file, formatTuningDocument(document)),
  );
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  url = `http://127.0.0.1:${port}`;
  service = Bun.spawn([process.execPath, join(example, "service.ts")], {
    env: { TUNING_FILE: file, PORT: String(port), METRICS_PORT: String(metricsPort) },
    stdout: "ignore",
    stderr: "inherit",
  });
  room.guard({ pid: service.pid, birth: readBirth(service.pid) ?? "" });
  await waitFor(async () => (await fetch(url)).ok, { what: "the service to answer" });
  await putDeployment(cluster, namespace, name, 1, metricsPort, name);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const pod = await waitFor(async () => (await cluster.request("GET", pods)).items[0], {
    what: "the controllers to make the pod",
    timeoutMs: 30_000,
  });
  await putPodStatus(cluster, namespace, pod.metadata.name, address, { container: name });
  account = await createOperatorAccount({ cluster, namespaces: [namespace] });
}, 120_000);

afterAll(async () => {
  visiting.abort();
  kubelet.close();
  service.kill();
  await Promise.all([service.exited, account.close()]);
});

/** Asks for one quote after the other until the test is over. */
async function visit(offset: number): Promise<void> {
  for (let visit = offset; !visiting.signal.aborted; visit += 7) {
    const answer = fetch(`${url}/${visit % quotes}`).then((response) => response.text());
    // The service ends with the test, while the last are asked.
    await answer.catch((error: unknown) => {
      if (!visiting.signal.aborted) throw error;
    });
  }
}

test("the example profile is one", () => {
  expect(parseProfile(profile).ok).toBe(true);
});

test("the example service in 40 lines is tuned until its hit rate is what its profile asks for", async () => {
  const path = `/apis/${profile.apiVersion}/namespaces/${namespace}/performanceprofiles`;
  const metadata = { ...profile.metadata, namespace };
  await cluster.request("POST", path, { ...profile, metadata });
  for (let client = 0; client < clients; client += 1) void visit(client * 701);
  await account.start(["--time-scale", String(timeScale)]);
  const status = await waitFor(
    async () => {
      const read = parseStatus((await cluster.request("GET", `${path}/${name}`)).status);
      if (!read?.decisions.some(({ verdict }) => verdict === "Verified")) return false;
      // The next move may be on its way already.
      return read.tuning?.podsCurrent === 1 && read;
    },
    { what: "a move that was verified and is run", timeoutMs: 110_000, intervalMs: 50 },
  );
  const [first] = kubelet.seen;
  expect(first?.ttlSeconds["quote"]).toBeGreaterThan(2);
  expect(status.tuning?.revision).toBeGreaterThanOrEqual(1);
  expect(status.tuning?.pods).toBe(1);
  expect(status.conditions.find(({ type }) => type === "Ready")?.status).toBe("True");
}, 120_000);
