import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  fieldManager,
  profileApiVersion,
  profileFinalizer,
  profileKind,
  profileLabel,
} from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { emptyLoopMemory, parseLoopMemory } from "../control/memory.ts";
import { NotPermittedError, StaleWriteError } from "../control/ports.ts";
import { sampleMemory, sampleStatus } from "../control/status-store.contract.ts";
import { tuningDocument } from "../control/tuning-delivery.contract.ts";
import { emptyStatus, parseStatus } from "../profile/status.ts";
import {
  type CachesBench,
  createTestLogger,
  openCaches,
  realTime,
  untilGone,
  untilSeen,
} from "./cluster.fixture.ts";
import { createKubeFinalizer } from "./finalizer.ts";
import type { KubeObject, ManagedFields } from "./objects.ts";
import { createObservedProfiles } from "./observed-profiles.ts";
import { createKubeProfileSource } from "./profile-source.ts";
import { createKubeStatusStore } from "./status-store.ts";
import { createTuningConfigMap } from "./tuning-config-map.ts";

/** What the operator writes, as the API server has it afterwards: whose fields, which labels, at which version. */

let cluster: TestCluster;
let namespace: string;
const name = "storefront";
beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);

const profiles = () => `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
const maps = () => `/api/v1/namespaces/${namespace}/configmaps`;
const getMap = (own = `${name}-tuning`) => cluster.request("GET", `${maps()}/${own}`);
const getProfile = () => cluster.request("GET", `${profiles()}/${name}`);

beforeEach(async () => {
  namespace = await cluster.createNamespace();
  await cluster.request("POST", profiles(), {
    ...{ apiVersion: profileApiVersion, kind: profileKind },
    metadata: { name, namespace, labels: { team: "shop" } },
    spec: { targetRef: { name: "mestore" } },
  });
});

/** One operator with its own watches and its own idea of what it saw. */
async function openOperator(kubeconfig = cluster.kubeconfig, time = realTime) {
  const bench: CachesBench = await openCaches(kubeconfig, [namespace]);
  const { caches, transport } = bench;
  const { logger } = createTestLogger();
  const observed = createObservedProfiles(transport, caches.profiles);
  const source = createKubeProfileSource({ cache: caches.profiles, observed });
  await source.list();
  return {
    ...bench,
    source,
    delivery: createTuningConfigMap({
      ...{ transport, observed, logger, time },
      cache: caches.configMaps,
      profiles: caches.profiles,
    }),
    finalizer: createKubeFinalizer({
      ...{ cache: caches.profiles, observed },
      terminating: { isLetGo: () => false },
    }),
    store: createKubeStatusStore({
      ...{ transport, observed, parseStatus, parseMemory: parseLoopMemory },
      cache: caches.profiles,
      onUnreadable: () => undefined,
    }),
  };
}

async function withOperator(
  use: (operator: Awaited<ReturnType<typeof openOperator>>, key: string) => Promise<void>,
  kubeconfig?: string,
): Promise<void> {
  const operator = await openOperator(kubeconfig);
  try {
    await use(operator, `${namespace}/${name}`);
  } finally {
    await operator.close();
  }
}

/** Fields that an entry owns as paths, `data.tuning.json`. */
function ownedFields(fields: unknown, path = ""): string[] {
  return Object.entries((fields ?? {}) as Record<string, unknown>).flatMap(([field, inner]) => {
    if (field === ".") return [];
    const own = `${path}${path === "" ? "" : "/"}${field.replace(/^[fvk]:/, "")}`;
    const deeper = ownedFields(inner, own);
    return deeper.length === 0 ? [own] : deeper;
  });
}
const owned = (object: KubeObject): Record<string, string[]> =>
  Object.fromEntries(
    (object.metadata.managedFields ?? [])
      .filter(({ manager }) => manager === fieldManager)
      .map(({ operation, subresource, fieldsV1 }: ManagedFields) => [
        `${operation} ${subresource ?? ""}`.trim(),
        ownedFields(fieldsV1).sort(),
      ]),
  );

describe("12: managedFields equal the owned fields exactly", () => {
  test("of the document: its key, our labels, the note of what was adopted, the owner", () =>
    withOperator(async ({ delivery }, key) => {
      await delivery.read(key);
      await delivery.write(key, tuningDocument(1), { product: 3600 });
      await delivery.write(key, tuningDocument(2), { product: 3600 });
      const map = await getMap();
      const { uid } = (await getProfile()).metadata;
      expect(map.metadata.managedFields).toHaveLength(1);
      expect(owned(map)).toEqual({
        Apply: [
          "data/tuning.json",
          "metadata/annotations/mestore.dev/adopted",
          "metadata/labels/app.kubernetes.io/managed-by",
          "metadata/labels/mestore.dev/profile",
          `metadata/ownerReferences/{"uid":"${uid}"}`,
        ],
      });
      expect(map.metadata.labels).toEqual({
        "app.kubernetes.io/managed-by": "mestore-operator",
        [profileLabel]: name,
      });
      expect(map.metadata.ownerReferences).toMatchObject([{ kind: profileKind, name, uid }]);
    }));

  test("of the profile: the finalizer and the status, nothing else", () =>
    withOperator(async ({ finalizer, store }, key) => {
      await finalizer.hold(key);
      await store.save(key, sampleStatus, sampleMemory);
      const fields = owned(await getProfile());
      expect(fields["Apply"]).toEqual([`metadata/finalizers/"${profileFinalizer}"`]);
      expect(Object.keys(fields).sort()).toEqual(["Apply", "Apply status"]);
      for (const field of fields["Apply status"] ?? []) expect(field).toStartWith("status/");
      await finalizer.release(key);
      expect(Object.keys(owned(await getProfile()))).toEqual(["Apply status"]);
    }));
});

describe("14: a stale leader's write is refused", () => {
  test("to the document, by the version that it saw", () =>
    withOperator(async (stale, key) => {
      await stale.delivery.read(key);
      await stale.delivery.write(key, tuningDocument(1), null);
      await withOperator(async (leader) => {
        await leader.delivery.read(key);
        await leader.delivery.write(key, tuningDocument(2, 120), null);
      });
      const writing = stale.delivery.write(key, tuningDocument(2, 5), null);
      await expect(writing).rejects.toBeInstanceOf(StaleWriteError);
      // It looks again, and sees at once what the other did.
      expect((await stale.delivery.read(key)).document).toEqual(tuningDocument(2, 120));
    }));

  test("to the first document: two create, one wins", () =>
    withOperator(async (stale, key) => {
      await stale.delivery.read(key);
      await withOperator(async (leader) => {
        await leader.delivery.read(key);
        await leader.delivery.write(key, tuningDocument(1, 120), null);
      });
      // As if its watch had not told it yet.
      const writing = stale.delivery.write(key, tuningDocument(1, 5), null);
      await expect(writing).rejects.toBeInstanceOf(StaleWriteError);
      expect((await stale.delivery.read(key)).document).toEqual(tuningDocument(1, 120));
    }));

  test("to status and memory", () =>
    withOperator(async (stale, key) => {
      await stale.store.load(key);
      await stale.store.save(key, sampleStatus, sampleMemory);
      await withOperator(async (leader) => {
        await leader.store.load(key);
        await leader.store.save(key, { ...sampleStatus, observedGeneration: 9 }, sampleMemory);
        await leader.store.save(key, sampleStatus, emptyLoopMemory);
      });
      const memory = { ...sampleMemory, generation: 8 };
      await expect(stale.store.save(key, emptyStatus, memory)).rejects.toBeInstanceOf(
        StaleWriteError,
      );
      expect(parseStatus((await getProfile()).status)).toEqual(sampleStatus);
      expect((await stale.store.load(key)).memory).toEqual(emptyLoopMemory);
    }));

  test("to a profile that its author changed since it was looked at", () =>
    withOperator(async ({ caches, source, store, finalizer }, key) => {
      const patched = await cluster.request("PATCH", `${profiles()}/${name}`, {
        spec: { mode: "Disabled" },
      });
      await untilSeen(caches.profiles, patched);
      await expect(finalizer.hold(key)).rejects.toBeInstanceOf(StaleWriteError);
      await expect(store.save(key, sampleStatus, sampleMemory)).rejects.toBeInstanceOf(
        StaleWriteError,
      );
      await source.list();
      await finalizer.hold(key);
      expect((await getProfile()).metadata.finalizers).toEqual([profileFinalizer]);
    }));

  test("an object that was deleted is not made again", () =>
    withOperator(async ({ caches, delivery, store, finalizer }, key) => {
      await delivery.read(key);
      await delivery.write(key, tuningDocument(1), null);
      await cluster.request("DELETE", `${maps()}/${name}-tuning`);
      await expect(delivery.write(key, tuningDocument(2), null)).rejects.toBeInstanceOf(
        StaleWriteError,
      );
      await cluster.request("DELETE", `${profiles()}/${name}`);
      await expect(finalizer.hold(key)).rejects.toBeInstanceOf(StaleWriteError);
      await untilGone(caches.profiles, key);
      await expect(store.save(key, sampleStatus, emptyLoopMemory)).rejects.toThrow();
    }));
});

describe("a document that is somebody else's", () => {
  const foreign = (labels: Record<string, string> = {}) =>
    cluster.request("POST", maps(), {
      metadata: { name: `${name}-tuning`, namespace, labels },
      data: { "tuning.json": "{}" },
    });

  test("without our label: who made it is named, and it stays as it is", () =>
    withOperator(async ({ delivery }, key) => {
      const { foreignOwner, document } = await delivery.read(key);
      expect({ foreignOwner, document }).toEqual({ foreignOwner: null, document: null });
      const theirs = await foreign();
      // The watch does not see it; the write that must create does.
      await expect(delivery.write(key, tuningDocument(1), null)).rejects.toBeInstanceOf(
        StaleWriteError,
      );
      expect((await delivery.read(key)).foreignOwner).toBe(
        theirs.metadata.managedFields[0].manager,
      );
      expect((await getMap()).data).toEqual({ "tuning.json": "{}" });
    }));

  test("regression: once its owner has deleted it, that is noticed within a minute", async () => {
    let now = 0;
    const operator = await openOperator(cluster.kubeconfig, {
      ...realTime,
      monotonicSeconds: () => now,
    });
    try {
      const { delivery } = operator;
      const foreignOwner = async () => (await delivery.read(`${namespace}/${name}`)).foreignOwner;
      await foreign();
      expect(await foreignOwner()).not.toBeNull();
      await cluster.request("DELETE", `${maps()}/${name}-tuning`);
      now = 59;
      expect(await foreignOwner()).not.toBeNull();
      now = 60;
      expect(await foreignOwner()).toBeNull();
    } finally {
      await operator.close();
    }
  });

  test("of another profile", () =>
    withOperator(async ({ caches, delivery }, key) => {
      await untilSeen(caches.configMaps, await foreign({ [profileLabel]: "another" }));
      expect((await delivery.read(key)).foreignOwner).toBe("the profile another");
    }));

  test("edited by hand: the editor is named, and is never overwritten", () =>
    withOperator(async ({ caches, delivery }, key) => {
      await delivery.read(key);
      await delivery.write(key, tuningDocument(1), null);
      const text = JSON.stringify(tuningDocument(1, 5));
      const edited = await cluster.request(
        "PATCH",
        `${maps()}/${name}-tuning?fieldManager=kubectl-edit`,
        { data: { "tuning.json": text } },
      );
      await untilSeen(caches.configMaps, edited);
      const { foreignOwner, document } = await delivery.read(key);
      expect(foreignOwner).toBe("kubectl-edit");
      expect(document).toEqual(tuningDocument(1, 5));
      await expect(delivery.write(key, tuningDocument(2), null)).rejects.toBeInstanceOf(
        StaleWriteError,
      );
      expect((await getMap()).data["tuning.json"]).toBe(text);
    }));

  test("a change of it, and its end, are told", () =>
    withOperator(async ({ caches, delivery }, key) => {
      const told: string[] = [];
      delivery.onChange((changed) => told.push(changed));
      await delivery.read(key);
      await delivery.write(key, tuningDocument(1), null);
      told.length = 0;
      await cluster.request("DELETE", `${maps()}/${name}-tuning`);
      await untilGone(caches.configMaps, `${namespace}/${name}-tuning`);
      expect(told).toEqual([key]);
    }));
});

test("13: what has not changed is not written", () =>
  withOperator(async ({ store, finalizer }, key) => {
    await finalizer.hold(key);
    await store.load(key);
    await store.save(key, sampleStatus, sampleMemory);
    const since = (await getProfile()).metadata.resourceVersion;
    const memory = (await getMap(`${name}-memory`)).metadata.resourceVersion;
    for (let resync = 0; resync < 10; resync += 1) {
      await store.save(key, sampleStatus, sampleMemory);
      await finalizer.hold(key);
    }
    expect((await getProfile()).metadata.resourceVersion).toBe(since);
    expect((await getMap(`${name}-memory`)).metadata.resourceVersion).toBe(memory);
  }));

test("what the role does not allow is named by verb and resource", async () => {
  const user = `reader-${namespace}`;
  await cluster.request(
    "POST",
    `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`,
    {
      metadata: { name: "reader" },
      rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] }],
    },
  );
  await cluster.request(
    "POST",
    `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
    {
      metadata: { name: "reader" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
    },
  );
  await withOperator(
    async ({ delivery, finalizer, store }, key) => {
      await delivery.read(key);
      const refused = async (work: Promise<void>, resource: string) => {
        await expect(work).rejects.toBeInstanceOf(NotPermittedError);
        await expect(work).rejects.toThrow(`cannot patch ${resource}`);
      };
      await refused(delivery.write(key, tuningDocument(1), null), `configmaps "${name}-tuning"`);
      await refused(finalizer.hold(key), `performanceprofiles "${name}"`);
      await refused(store.save(key, sampleStatus, sampleMemory), `configmaps "${name}-memory"`);
    },
    await cluster.userKubeconfig({ name: user }),
  );
});

test(
  "the children go with the profile",
  () =>
    withOperator(async ({ delivery, store }, key) => {
      await delivery.read(key);
      await delivery.write(key, tuningDocument(1), null);
      await store.save(key, sampleStatus, sampleMemory);
      await cluster.request("DELETE", `${profiles()}/${name}`);
      await waitFor(
        async () =>
          (await cluster.request("GET", maps())).items.every(
            ({ metadata }: KubeObject) => !metadata.name.startsWith(name),
          ),
        { what: "the garbage collector", timeoutMs: 20_000 },
      );
    }),
  30_000,
);
