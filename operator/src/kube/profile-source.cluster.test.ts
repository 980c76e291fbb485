import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  profileAnnotations,
  profileApiVersion,
  profileFinalizer,
  profileKind,
} from "@mestore/contract/performance-profile";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import { startCluster, type TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { describeProfileSource, type ProfileIdentity } from "../control/profile-source.contract.ts";
import { type CachesBench, openCaches, untilGone, untilSeen } from "./cluster.fixture.ts";
import { readCrd } from "./crd-version.ts";
import { createObservedProfiles } from "./observed-profiles.ts";
import { createKubeProfileSource } from "./profile-source.ts";

/**
 * PerformanceProfiles as an API server of an earlier release would hold them: its CRD let in whatever was
 * written, which today's refuses.
 */

const namespace = "shop";
const collection = `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
const crdPath =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/performanceprofiles.mestore.dev";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  await applyCrd(cluster);
  const crd = await cluster.request("GET", crdPath);
  const { properties } = crd.spec.versions[0].schema.openAPIV3Schema;
  properties.spec = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  delete crd.spec.versions[0].schema.openAPIV3Schema["x-kubernetes-validations"];
  await cluster.request("PUT", crdPath, crd);
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await waitFor(() => create({ name: "probe", namespace }, { mode: "Off" }), {
    what: "the loosened CRD to be in force",
  });
  await cluster.request("DELETE", `${collection}/probe`);
}, 60_000);
afterAll(() => cluster.stop());

type Metadata = ProfileIdentity & { finalizers?: string[]; resourceVersion?: string };
const bodyOf = (metadata: Metadata, spec: unknown) => ({
  ...{ apiVersion: profileApiVersion, kind: profileKind },
  metadata,
  spec,
});
const create = (identity: Metadata, spec: unknown) =>
  cluster.request("POST", collection, bodyOf(identity, spec));

async function openSource() {
  const bench: CachesBench = await openCaches(cluster.kubeconfig, [namespace]);
  const { caches, transport } = bench;
  const observed = createObservedProfiles(transport, caches.profiles);
  const source = createKubeProfileSource({ cache: caches.profiles, observed });
  async function remove({ name }: ProfileIdentity): Promise<void> {
    await cluster.request("DELETE", `${collection}/${name}`);
    await untilGone(caches.profiles, `${namespace}/${name}`);
  }
  return {
    ...bench,
    source,
    async put(identity: ProfileIdentity, spec: unknown) {
      const there = caches.profiles.get(`${namespace}/${identity.name}`);
      const written =
        there === null
          ? await create(identity, spec)
          : await cluster.request(
              "PUT",
              `${collection}/${identity.name}`,
              bodyOf({ ...identity, resourceVersion: there.metadata.resourceVersion }, spec),
            );
      await untilSeen(caches.profiles, written);
    },
    remove,
    async close() {
      for (const { metadata } of [...caches.profiles.values()])
        await remove({ name: metadata.name, namespace });
      await bench.close();
    },
  };
}

describeProfileSource("PerformanceProfiles of an API server", openSource);

const targetRef = { name: "mestore" };

test("the oldest comes first: of two with one target it has it", async () => {
  const { source, put, close } = await openSource();
  try {
    await put({ name: "b-first", namespace }, { targetRef });
    // Creation is told in whole seconds; within one the name decides.
    const first = await cluster.request("GET", `${collection}/b-first`);
    await waitFor(
      async () => {
        const { metadata } = await cluster.request("POST", `${collection}?dryRun=All`, {
          ...bodyOf({ name: "later", namespace }, { targetRef }),
        });
        return metadata.creationTimestamp > first.metadata.creationTimestamp;
      },
      { what: "the next second" },
    );
    await put({ name: "a-second", namespace }, { targetRef });
    expect((await source.list()).map(({ key }) => key)).toEqual(["shop/b-first", "shop/a-second"]);
  } finally {
    await close();
  }
});

test("a profile that waits for its finalizer says since when it is being deleted", async () => {
  const { caches, source, close } = await openSource();
  try {
    const created = await create(
      { name: "going", namespace, finalizers: [profileFinalizer] },
      { targetRef },
    );
    await untilSeen(caches.profiles, created);
    expect((await source.list())[0]?.deleting).toBeUndefined();
    const deleted = await cluster.request("DELETE", `${collection}/going`);
    await untilSeen(caches.profiles, deleted);
    const [state] = await source.list();
    const sinceSeconds = Date.parse(deleted.metadata.deletionTimestamp) / 1000;
    expect(state?.deleting).toEqual({ sinceSeconds });
    expect(state?.profile).not.toBeNull();
    await cluster.request("PATCH", `${collection}/going`, { metadata: { finalizers: [] } });
    await untilGone(caches.profiles, "shop/going");
  } finally {
    await close();
  }
});

test("what an author changes is told; a status is not", async () => {
  const { caches, source, put, close } = await openSource();
  try {
    const told: string[] = [];
    source.onChange((key) => told.push(key));
    await put({ name: "storefront", namespace }, { targetRef });
    expect(told).toEqual(["shop/storefront"]);
    const status = await cluster.request("PATCH", `${collection}/storefront/status`, {
      status: { observedGeneration: 1, conditions: [], objectives: [], decisions: [] },
    });
    await untilSeen(caches.profiles, status);
    expect(told).toHaveLength(1);
    const paused = await cluster.request("PATCH", `${collection}/storefront`, {
      metadata: { annotations: { [profileAnnotations.paused]: "true" } },
    });
    await untilSeen(caches.profiles, paused);
    expect(told).toHaveLength(2);
    await put({ name: "storefront", namespace }, { targetRef, mode: "Auto" });
    expect(told).toHaveLength(3);
  } finally {
    await close();
  }
});

test("a CRD that lacks fields is noticed, one that is absent too", async () => {
  const { transport, close } = await openSource();
  try {
    const known = ["spec", "spec.mode", "status.conditions", "status.conditions[].type"];
    expect(await readCrd(transport, known)).toEqual({ ok: true, missing: ["spec.mode"] });
    await cluster.request("DELETE", crdPath);
    await waitFor(async () => {
      const read = await readCrd(transport, known);
      return !read.ok && read.reason === "NotInstalled";
    });
  } finally {
    await applyCrd(cluster);
    await close();
  }
}, 30_000);
