import { beforeAll, expect, test } from "bun:test";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { openTransport, realTime } from "./cluster.fixture.ts";
import { isLater, type KubeList, type KubeObject } from "./objects.ts";
import { configMaps } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";
import { runWatch, type WatchEvent } from "./watch.ts";

let cluster: TestCluster;
let namespace: string;
let transport: KubeTransport;
beforeAll(async () => {
  cluster = await useCluster();
  namespace = await cluster.createNamespace();
  transport = await openTransport(cluster.kubeconfig);
}, 60_000);

const path = () => configMaps.path(namespace);
const listVersion = async () => {
  const list: KubeList<KubeObject> = await cluster.request("GET", path());
  return list.metadata.resourceVersion;
};
const write = (name: string) =>
  cluster.request("POST", path(), { metadata: { name, namespace, labels: { seen: "no" } } });
const watch = (resourceVersion: string, timeoutSeconds: number, signal?: AbortSignal) => {
  const events: WatchEvent[] = [];
  const end = runWatch(
    {
      ...{ transport, path: path(), query: { labelSelector: "seen=yes" } },
      ...{ resourceVersion, timeoutSeconds, silentSeconds: 60, time: realTime },
      onEvent: (event) => events.push(event),
    },
    signal ?? new AbortController().signal,
  );
  return { events, end };
};

test("bookmarks move the version on where nothing else is told", async () => {
  const version = await listVersion();
  // A server sends one some seconds before the end of a watch, if its cache has seen a change since it began.
  for (let round = 1; ; round += 1) {
    const watching = watch(version, 4);
    // Nothing that the watch selects, so that only a bookmark can tell of these versions.
    const written = await write(`unseen-${round}`);
    expect(await watching.end).toEqual({ reason: "ended", detail: "the server ended it" });
    expect(watching.events.every(({ type }) => type === "BOOKMARK")).toBe(true);
    const last = watching.events.at(-1)?.object.metadata.resourceVersion ?? "0";
    if (!isLater(written.metadata.resourceVersion, last)) return;
  }
}, 60_000);

test("a version of the future is refused, and is no end of the program", async () => {
  const { end } = watch("999999999999", 1);
  expect((await end).reason).not.toBe("silent");
}, 15_000);

test("one that is given up ends at once", async () => {
  const stop = new AbortController();
  const { end } = watch(await listVersion(), 60, stop.signal);
  stop.abort();
  expect(await end).toEqual({ reason: "ended", detail: "given up" });
});
