import { describe, expect, test } from "bun:test";
import {
  profileApiVersion,
  profileFinalizer,
  profileKind,
} from "@mestore/contract/performance-profile";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, useBench } from "./bench.fixture.ts";
import { type OperatorAccount, operatorRules } from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";

/** Namespaces and the CRD may go before the operator does; that is nobody else's loss. */

const crdPath =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/performanceprofiles.mestore.dev";

const bench = useBench();

/** A shop, a second namespace that is watched too, and an account for both. */
async function openTwo(where = bench.cluster) {
  const shop = await bench.openShop({ pods: 1 }, where);
  const other = await where.createNamespace();
  const account = await bench.createAccount({ namespaces: [shop.namespace, other] }, where);
  return { shop, other, account };
}

async function isThere(where: TestCluster, path: string): Promise<boolean> {
  const response = await where.fetch("GET", path);
  await response.body?.cancel();
  return response.status !== 404;
}

async function removeNamespace(name: string): Promise<void> {
  await bench.cluster.request("DELETE", `/api/v1/namespaces/${name}`);
  await waitFor(async () => !(await isThere(bench.cluster, `/api/v1/namespaces/${name}`)), {
    ...patience,
    what: `${name} to be gone`,
  });
}

const rolesOf = (namespace: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;

/** Takes the operator's rights in a namespace away, all of them. */
const revoke = (namespace: string) =>
  bench.cluster.request("DELETE", `${rolesOf(namespace)}/rolebindings/mestore-operator`);

async function grant(namespace: string, account: OperatorAccount): Promise<void> {
  const metadata = { name: "mestore-operator", namespace };
  await bench.cluster.request("POST", `${rolesOf(namespace)}/roles`, {
    metadata,
    rules: operatorRules,
  });
  await bench.cluster.request("POST", `${rolesOf(namespace)}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
    subjects: [{ kind: "ServiceAccount", name: metadata.name, namespace: account.namespace }],
  });
}

const profilePath = (namespace: string, name = "") =>
  `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles/${name}`;

/** A profile without a target is all that it takes to see whether somebody works on it. */
const putLonely = (namespace: string) =>
  bench.cluster.request("POST", profilePath(namespace), {
    ...{ apiVersion: profileApiVersion, kind: profileKind },
    metadata: { name: "lonely", namespace },
    spec: { targetRef: { name: "nothing" } },
  });

async function readyReason(namespace: string): Promise<string | undefined> {
  const { status } = await bench.cluster.request("GET", profilePath(namespace, "lonely"));
  const conditions: { readonly type: string; readonly reason: string }[] = status?.conditions ?? [];
  return conditions.find(({ type }) => type === "Ready")?.reason;
}

const isReady = async (operator: OperatorProcess) => (await operator.probe("/readyz")) === 200;
const isAccepted = async (shop: Shop) => (await shop.condition("Ready")) === "True Accepted";
const isHeld = async (shop: Shop) =>
  (await shop.readProfile()).metadata.finalizers?.includes(profileFinalizer) === true;

function refusals(operator: OperatorProcess, namespace: string) {
  return operator.log
    .filter(({ msg, level }) => msg === "cannot list" && level === "warn")
    .filter((line) => line["namespace"] === namespace)
    .map(({ resource }) => String(resource))
    .sort();
}
const followed = ["configmaps", "deployments", "performanceprofiles", "pods", "replicasets"];

describe("a watched namespace that is gone", () => {
  test.concurrent(
    "keeps nobody from the others, is said once, and joins when it is back",
    async () => {
      const { shop, other, account } = await openTwo();
      await removeNamespace(other);
      await shop.putProfile(tuned);
      const operator = await account.start(fast);
      await waitFor(() => isAccepted(shop), { ...patience, what: "the other profile's status" });
      expect(await operator.probe("/readyz")).toBe(200);
      expect(refusals(operator, other)).toEqual(followed);
      expect(operator.logged({ level: "warn", namespace: other })).toBe(true);

      await bench.cluster.request("POST", "/api/v1/namespaces", { metadata: { name: other } });
      await grant(other, account);
      await putLonely(other);
      await waitFor(async () => (await readyReason(other)) === "TargetNotFound", {
        ...patience,
        what: "the profile of the namespace that came back to be worked on",
      });
      expect(refusals(operator, other)).toEqual(followed);
      expect(operator.logged({ msg: "no longer left out", namespace: other })).toBe(true);
    },
    180_000,
  );

  test.concurrent(
    "one in which pods cannot be listed is named, and its profiles wait",
    async () => {
      const { shop, other, account } = await openTwo();
      const rules = operatorRules.filter(({ resources }) => resources[0] !== "pods");
      await bench.cluster.request("PATCH", `${rolesOf(other)}/roles/mestore-operator`, { rules });
      await putLonely(other);
      await shop.putProfile(tuned);
      const operator = await account.start(fast);
      await waitFor(() => isAccepted(shop), patience);
      expect(refusals(operator, other)).toEqual(["pods"]);
      expect(await readyReason(other)).toBeUndefined();
      await bench.cluster.request("PATCH", `${rolesOf(other)}/roles/mestore-operator`, {
        rules: operatorRules,
      });
      await waitFor(async () => (await readyReason(other)) === "TargetNotFound", patience);
    },
    180_000,
  );

  test.concurrent(
    "while nothing at all can be listed, the operator is not ready and says so",
    async () => {
      const { shop, other, account } = await openTwo();
      await Promise.all([revoke(shop.namespace), revoke(other)]);
      const operator = await account.start(fast);
      for (const namespace of [shop.namespace, other])
        await waitFor(() => refusals(operator, namespace).length === followed.length, patience);
      expect(await operator.probe("/readyz")).not.toBe(200);
      expect(operator.leads()).toBe(false);
      await bench.cluster.request("DELETE", `${rolesOf(other)}/roles/mestore-operator`);
      await grant(other, account);
      await waitFor(() => isReady(operator), patience);
    },
    180_000,
  );
});

describe("before an uninstallation", () => {
  /** An operator that holds the shop's profile, and is gone. */
  async function holdProfile(shop: Shop, account: OperatorAccount): Promise<void> {
    await shop.putProfile(tuned);
    const operator = await account.start(fast);
    await waitFor(() => isHeld(shop), { ...patience, what: "the finalizer" });
    operator.kill("SIGTERM");
    await operator.exited;
  }

  const release = async (account: OperatorAccount) => {
    const operator = await account.start(["release", ...fast]);
    return { operator, exitCode: await operator.exited };
  };

  test.concurrent(
    "a namespace that is gone is left out, and the profiles of the others are let go",
    async () => {
      const { shop, other, account } = await openTwo();
      await holdProfile(shop, account);
      await removeNamespace(other);
      const { operator, exitCode } = await release(account);
      expect(exitCode).toBe(0);
      expect(await isHeld(shop)).toBe(false);
      expect(operator.logged({ level: "warn", namespace: other, refusal: "forbidden" })).toBe(true);
    },
    180_000,
  );

  test.concurrent(
    "a profile that can be seen, and stays, is a failure; one without its pods goes as it stands",
    async () => {
      const { shop, account } = await openTwo();
      await holdProfile(shop, account);
      const role = `${rolesOf(shop.namespace)}/roles/mestore-operator`;
      const blind = operatorRules.filter(({ resources }) => resources[0] !== "pods");
      const rules = blind.map((rule) =>
        rule.resources[0] === "performanceprofiles" ? { ...rule, verbs: ["list", "watch"] } : rule,
      );
      await bench.cluster.request("PATCH", role, { rules });
      const refused = await release(account);
      expect(refused.exitCode).toBe(1);
      expect(refused.operator.logged({ msg: "cannot be let go", profile: shop.key })).toBe(true);

      await bench.cluster.request("PATCH", role, { rules: blind });
      const { operator, exitCode } = await release(account);
      expect(exitCode).toBe(0);
      expect(operator.logged({ msg: "let go as it stands", profile: shop.key })).toBe(true);
      expect(await isHeld(shop)).toBe(false);
    },
    180_000,
  );

  test.concurrent(
    "without the CRD there is nothing to release",
    async () => {
      const own = await bench.startCluster();
      const { account } = await openTwo(own);
      await own.request("DELETE", crdPath);
      await waitFor(async () => !(await isThere(own, crdPath)), patience);
      const { operator, exitCode } = await release(account);
      expect(exitCode).toBe(0);
      expect(operator.logged({ msg: "nothing to release" })).toBe(true);
      expect(operator.log.some(({ msg }) => msg === "leading")).toBe(false);
    },
    180_000,
  );
});
