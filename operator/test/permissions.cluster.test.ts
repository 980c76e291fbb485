import { describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { fast, useBench } from "./bench.fixture.ts";
import {
  everyRule,
  leaseName,
  leaseRules,
  nameRequest,
  operatorRules,
  type PolicyRule,
} from "./operator-account.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";

/** The chart's role is what the operator needs, and no more. */

const bench = useBench();

async function open(
  rules: {
    readonly rules?: readonly PolicyRule[];
    readonly leaseRules?: readonly PolicyRule[];
  } = {},
) {
  const shop = await bench.openShop({ pods: 1 });
  const account = await bench.createAccount({ namespaces: [shop.namespace], ...rules });
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
      await shop.untilCondition("MetricsAvailable", state);
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
    const operator = await account.start(fast);
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
    const { shop, account } = await open();
    await account.start(fast);
    await shop.untilWritten(2);
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
  180_000,
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
    await account.start(fast);
    await shop.untilCondition("Ready", "False NotPermitted");
    const ready = (await shop.readStatus())?.conditions.find(({ type }) => type === "Ready");
    expect(ready?.message).toMatch(/cannot (create|patch) resource "configmaps"/);
    await shop.untilTold("NotPermitted");
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${shop.namespace}`;
    await bench.cluster.request("PATCH", `${rbac}/roles/mestore-operator`, {
      rules: operatorRules,
    });
    await shop.untilWritten(1);
    await shop.untilCondition("Ready", "True Accepted");
  },
  180_000,
);

test.concurrent(
  "without the right to annotate pods a profile that asks for it is tuned all the same",
  async () => {
    const { shop, account } = await open();
    await shop.patchProfile({ spec: { delivery: "Annotate" } });
    const operator = await account.start(fast);
    const line = await waitFor(
      () => operator.log.find(({ msg }) => String(msg).startsWith("the pod cannot be annotated")),
      { ...patience, what: "the refusal to be told" },
    );
    expect(String(line["detail"])).toContain("403");
    await shop.untilWritten(1);
  },
  180_000,
);

/** One verb on one kind of object, which the API server offers; `resource/subresource`. */
interface Deed {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** Namespace; empty: all of them, or what is in none. */
  readonly namespace: string;
}

interface ServedResource {
  readonly name: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Everything that can be asked of this API server at all, in a namespace and outside of any. */
async function discoverDeeds(namespace: string): Promise<readonly Deed[]> {
  const { groups } = await bench.cluster.request("GET", "/apis");
  const versions: readonly { readonly group: string; readonly path: string }[] = [
    { group: "", path: "/api/v1" },
    ...groups.map(
      (group: { readonly name: string; readonly preferredVersion: { groupVersion: string } }) => ({
        group: group.name,
        path: `/apis/${group.preferredVersion.groupVersion}`,
      }),
    ),
  ];
  const served = await Promise.all(
    versions.map(async ({ group, path }) => {
      const { resources }: { readonly resources: readonly ServedResource[] } =
        await bench.cluster.request("GET", path);
      return resources.flatMap(({ name, namespaced, verbs }) =>
        [...verbs, "deletecollection", "bind", "escalate", "impersonate"].flatMap((verb) =>
          (namespaced ? [namespace, ""] : [""]).map((where) => ({
            ...{ group, resource: name, verb, namespace: where },
          })),
        ),
      );
    }),
  );
  return served.flat();
}

const nameDeed = ({ verb, group, resource, namespace }: Deed) =>
  `${verb} ${resource}.${group} in ${namespace === "" ? "all" : namespace}`;

const grantedIn = (rules: readonly PolicyRule[], namespace: string) =>
  rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
    resourceNames.length > 0
      ? []
      : apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => nameDeed({ group, resource, verb, namespace })),
          ),
        ),
  );

/** What everybody may do who has shown who they are: ask what they may do. */
const everybodys = [
  ...["selfsubjectaccessreviews", "selfsubjectrulesreviews"].map(
    (resource) => `create ${resource}.authorization.k8s.io in all`,
  ),
  "create selfsubjectreviews.authentication.k8s.io in all",
];

describe("behaviour 15: every verb outside the role is refused", () => {
  for (const [name, rules] of Object.entries({
    "by default": operatorRules,
    "with every value": everyRule,
  }))
    test.concurrent(
      name,
      async () => {
        const { namespace } = await bench.openShop({ pods: 1 });
        const account = await bench.createAccount({ namespaces: [namespace], rules });
        const as = { token: await bench.cluster.serviceAccountToken(account.namespace, leaseName) };
        const review = async ({ group, resource, ...deed }: Deed & { readonly name?: string }) => {
          const [kind, subresource] = resource.split("/");
          const resourceAttributes = { ...deed, group, resource: kind, subresource };
          const { status } = await bench.cluster.request(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            { spec: { resourceAttributes } },
            { as },
          );
          return status.allowed as boolean;
        };
        const allowedOf = async (deeds: readonly Deed[]) => {
          const allowed: string[] = [];
          const waiting = [...deeds];
          const work = async () => {
            for (let deed = waiting.shift(); deed !== undefined; deed = waiting.shift())
              if (await review(deed)) allowed.push(nameDeed(deed));
          };
          await Promise.all([work(), work(), work(), work()]);
          return new Set(allowed);
        };
        const deeds = await discoverDeeds(namespace);
        expect(deeds.length).toBeGreaterThan(500);
        expect(await allowedOf(deeds)).toEqual(
          new Set([...grantedIn(rules, namespace), ...everybodys]),
        );
        // Where its lease is it may do that much, and of the leases only with its own.
        const home = account.namespace;
        expect(await allowedOf(await discoverDeeds(home))).toEqual(
          new Set([...grantedIn(leaseRules, home), ...everybodys]),
        );
        const lease = { group: "coordination.k8s.io", resource: "leases", namespace: home };
        for (const verb of ["get", "update"]) {
          expect(await review({ ...lease, verb, name: leaseName })).toBe(true);
          expect(await review({ ...lease, verb, name: "another" })).toBe(false);
        }
      },
      180_000,
    );
});
