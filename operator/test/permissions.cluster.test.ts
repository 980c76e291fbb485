import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  createOperatorAccount,
  leaseRules,
  nameRequest,
  operatorRules,
  type PolicyRule,
} from "./operator-account.fixture.ts";
import { openShop, type Shop, tuned } from "./shop.fixture.ts";

/** The chart's role is what the operator needs, and no more. */

const patience = { timeoutMs: 60_000, intervalMs: 50 } as const;

let cluster: TestCluster;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  cluster = await useCluster();
}, 60_000);
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

async function open(options: {
  readonly rules?: readonly PolicyRule[];
  readonly leaseRules?: readonly PolicyRule[];
}) {
  const shop = await openShop(cluster, { pods: 1 });
  closing.push(() => shop.close());
  const account = await createOperatorAccount({
    ...{ cluster, namespaces: [shop.namespace] },
    ...options,
  });
  closing.push(() => account.close());
  await shop.putProfile(tuned);
  return { shop, account };
}

/** What only shows when something else happens: by `verb resource`. */
const provocations: Readonly<Record<string, (shop: Shop) => Promise<void>>> = {
  // The same event twice is one series.
  "patch events": async (shop) => {
    const { target } = shop;
    for (const fault of ["serverError", null, "serverError"] as const) {
      const state = fault === null ? "True Observed" : "False MetricsUnreachable";
      target.each((service) => {
        service.fault = fault;
      });
      await waitFor(async () => (await shop.condition("MetricsAvailable")) === state, patience);
    }
  },
};

/** One verb of one resource, and the rules without it. */
function withoutEach(rules: readonly PolicyRule[]) {
  return rules.flatMap((rule) =>
    rule.verbs.map((verb) => ({
      verb,
      resource: rule.resources[0] ?? "",
      rules: rules
        .map((one) =>
          one === rule ? { ...rule, verbs: rule.verbs.filter((other) => other !== verb) } : one,
        )
        // The API server wants at least one verb in a rule.
        .filter(({ verbs }) => verbs.length > 0),
    })),
  );
}

describe("without one of its permissions something is said that names verb and resource", () => {
  async function expectNamed(
    { verb, resource }: { readonly verb: string; readonly resource: string },
    granted: Parameters<typeof open>[0],
  ) {
    const { shop, account } = await open(granted);
    const operator = await account.start(["--time-scale", "60"]);
    const provoke = provocations[`${verb} ${resource}`];
    if (provoke !== undefined) await provoke(shop);
    // As the API server words it.
    const refusal = `cannot ${verb} resource \\"${resource}\\"`;
    const line = await waitFor(
      () => operator.log.map((one) => JSON.stringify(one)).find((one) => one.includes(refusal)),
      { ...patience, what: `a line with: ${refusal}` },
    ).finally(() => operator.kill("SIGKILL"));
    expect(JSON.parse(line).level).toBeOneOf(["warn", "error"]);
  }

  const cases = [
    ...withoutEach(operatorRules).map((one) => ({ ...one, granted: { rules: one.rules } })),
    ...withoutEach(leaseRules).map((one) => ({ ...one, granted: { leaseRules: one.rules } })),
  ];
  const resources = [...new Set(cases.map(({ resource }) => resource))];
  // One after another for each resource: two dozen processes at once would only wait for each other.
  for (const resource of resources)
    test.concurrent(
      resource,
      async () => {
        for (const one of cases) if (one.resource === resource) await expectNamed(one, one.granted);
      },
      300_000,
    );
});

test.concurrent(
  "with all of them nothing is refused, and nothing is asked for that is in none of them",
  async () => {
    const { shop, account } = await open({});
    await account.start(["--time-scale", "60"]);
    await waitFor(() => shop.target.kubelet.seen.length >= 2, patience);
    const refused = (await account.requests()).filter(
      ({ responseStatus }) => responseStatus?.code === 403,
    );
    expect(refused.map(nameRequest)).toEqual([]);
    const used = new Set((await account.requests()).map(nameRequest));
    const granted = [...operatorRules, ...leaseRules].flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    );
    // Besides what everybody may read: the schema that is served.
    expect(
      [...used].filter((one) => one !== "get ").filter((one) => !granted.includes(one)),
    ).toEqual([]);
    // Events repeat and objects of others appear only in the tests above and below.
    expect(used.size).toBeGreaterThan(12);
  },
  120_000,
);

test.concurrent(
  "what may not be written is in the status of the profile, and is done once it may be",
  async () => {
    const configMaps = { apiGroups: [""], resources: ["configmaps"] };
    const { shop, account } = await open({
      rules: [
        ...operatorRules.filter(({ resources }) => resources[0] !== "configmaps"),
        { ...configMaps, verbs: ["get", "list", "watch"] },
        { ...configMaps, resourceNames: ["storefront-memory"], verbs: ["create", "patch"] },
      ],
    });
    await account.start(["--time-scale", "60"]);
    await waitFor(async () => (await shop.condition("Ready")) === "False NotPermitted", patience);
    const ready = (await shop.readStatus())?.conditions.find(({ type }) => type === "Ready");
    expect(ready?.message).toMatch(/cannot (create|patch) resource "configmaps"/);
    expect((await shop.events()).map(({ reason }) => reason)).toContain("NotPermitted");
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${shop.namespace}`;
    await cluster.request("PATCH", `${rbac}/roles/mestore-operator`, { rules: operatorRules });
    await waitFor(() => shop.target.kubelet.seen.length > 0, patience);
    await waitFor(async () => (await shop.condition("Ready")) === "True Accepted", patience);
  },
  120_000,
);

test.concurrent(
  "without the right to annotate pods a profile that asks for it is tuned all the same",
  async () => {
    const { shop, account } = await open({});
    await shop.patchProfile({ spec: { delivery: "Annotate" } });
    const operator = await account.start(["--time-scale", "60"]);
    const line = await waitFor(
      () => operator.log.find(({ msg }) => String(msg).startsWith("the pod cannot be annotated")),
      { ...patience, what: "the refusal to be told" },
    );
    expect(String(line["detail"])).toContain("403");
    await waitFor(() => shop.target.kubelet.seen.length > 0, patience);
  },
  120_000,
);

test.concurrent(
  "behaviour 15: every verb outside the role is refused",
  async () => {
    const { shop, account } = await open({});
    const { namespace } = shop;
    const token = await cluster.serviceAccountToken(account.namespace, "mestore-operator");
    const core = `/api/v1/namespaces/${namespace}`;
    const apps = `/apis/apps/v1/namespaces/${namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const profiles = `/apis/mestore.dev/v1alpha1/namespaces/${namespace}/performanceprofiles`;
    const attempts: readonly (readonly [string, string, object?])[] = [
      ["GET", `${core}/secrets`],
      ["GET", `${core}/secrets/any`],
      ["GET", "/api/v1/pods"],
      ["GET", "/api/v1/namespaces"],
      ["DELETE", `${core}/configmaps/storefront-tuning`],
      ["PUT", `${core}/configmaps/storefront-tuning`, {}],
      ["PATCH", `${core}/pods/any`, {}],
      ["DELETE", `${core}/pods/any`],
      ["POST", `${core}/pods`, {}],
      ["GET", `${core}/pods/any/log`],
      ["POST", `${core}/pods/any/exec`, {}],
      ["PATCH", `${apps}/deployments/${shop.target.name}`, {}],
      ["PATCH", `${apps}/deployments/${shop.target.name}/scale`, {}],
      ["DELETE", `${apps}/deployments/${shop.target.name}`],
      ["DELETE", `${profiles}/storefront`],
      ["POST", profiles, {}],
      ["POST", `${rbac}/rolebindings`, {}],
      ["POST", `${core}/serviceaccounts/default/token`, {}],
      ["DELETE", `/apis/coordination.k8s.io/v1/namespaces/${account.namespace}/leases/any`],
      ["PUT", `/apis/coordination.k8s.io/v1/namespaces/${account.namespace}/leases/another`, {}],
    ];
    for (const [method, path, body] of attempts) {
      const response = await cluster.fetch(method, path, body, { as: { token } });
      await response.body?.cancel();
      expect([method, path, response.status]).toEqual([method, path, 403]);
    }
  },
  60_000,
);
