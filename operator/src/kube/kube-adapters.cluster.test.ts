import { beforeAll } from "bun:test";
import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { parseLoopMemory } from "../control/memory.ts";
import { describeStatusStore } from "../control/status-store.contract.ts";
import { describeTuningDelivery } from "../control/tuning-delivery.contract.ts";
import { parseStatus } from "../profile/status.ts";
import {
  type CachesBench,
  createTestLogger,
  openCaches,
  realTime,
  untilGone,
  untilSeen,
} from "./cluster.fixture.ts";
import { createKubeProfileSource } from "./profile-source.ts";
import { createObservedProfiles } from "./observed-profiles.ts";
import { createKubeStatusStore } from "./status-store.ts";
import { createTuningConfigMap } from "./tuning-config-map.ts";

/** The contract suites of the ports on a real API server, each bench in a namespace of its own. */

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);

/** A namespace with profiles in it, watched. Suites call it "shop". */
async function openShop(names: readonly string[]) {
  const namespace = await cluster.createNamespace();
  const bench: CachesBench = await openCaches(cluster.kubeconfig, [namespace]);
  const { caches, transport } = bench;
  const observed = createObservedProfiles(transport, caches.profiles);
  const source = createKubeProfileSource({ cache: caches.profiles, observed });
  for (const name of names) {
    const created = await cluster.request(
      "POST",
      `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`,
      {
        apiVersion: profileApiVersion,
        kind: profileKind,
        metadata: { name, namespace },
        spec: { targetRef: { name: "mestore" } },
      },
    );
    await untilSeen(caches.profiles, created);
  }
  await source.list();
  const inShop = (key: string) => key.replace(/^shop\//, `${namespace}/`);
  return { ...bench, namespace, observed, inShop };
}

describeTuningDelivery("ConfigMap", async () => {
  const { caches, transport, observed, inShop, close } = await openShop(["storefront"]);
  const { logger } = createTestLogger();
  const delivery = createTuningConfigMap({
    ...{ transport, observed, logger, time: realTime },
    cache: caches.configMaps,
    profiles: caches.profiles,
  });
  return {
    keepsAdopted: true,
    delivery: {
      read: (key) => delivery.read(inShop(key)),
      write: (key, document, adopted) => delivery.write(inShop(key), document, adopted),
    },
    close,
  };
});

describeStatusStore("status subresource and ConfigMap", async () => {
  const shop = await openShop(["storefront", "other"]);
  const { caches, transport, observed, inShop, close } = shop;
  return {
    open() {
      const store = createKubeStatusStore({
        ...{ transport, observed, parseStatus, parseMemory: parseLoopMemory },
        cache: caches.profiles,
        onUnreadable: (place, detail) => {
          throw new Error(`${place}: ${detail}`);
        },
      });
      return {
        load: (key) => store.load(inShop(key)),
        save: (key, status, memory) => store.save(inShop(key), status, memory),
        async remove(key) {
          const [, name] = key.split("/");
          await cluster.request(
            "DELETE",
            `/apis/${profileApiVersion}/namespaces/${shop.namespace}/performanceprofiles/${name}`,
          );
          await untilGone(caches.profiles, inShop(key));
          await store.remove(inShop(key));
        },
      };
    },
    close,
  };
});
