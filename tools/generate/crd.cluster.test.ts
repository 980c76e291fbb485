import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "bun:test";
import {
  parseProfile,
  profileApiVersion,
  profileKind,
} from "@mestore/contract/performance-profile";
import { profileRules } from "@mestore/contract/profile-rules";
import { parseAllDocuments } from "yaml";
import { contentTypes, type KubeObject } from "../cluster/api-client.ts";
import { applyCrd } from "../cluster/apply-crd.ts";
import { startCluster, type TestCluster, useCluster } from "../cluster/test-cluster.ts";
import { repositoryRoot } from "../stack/paths.ts";
import { waitFor } from "../stack/wait-for.ts";
import { createCrd } from "./crd.ts";

let cluster: TestCluster;
let namespace: string;

beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
  namespace = await cluster.createNamespace();
});

const profilesOf = (ns: string) =>
  `/apis/${profileApiVersion}/namespaces/${ns}/performanceprofiles`;

let made = 0;

function manifest(spec: object, name = `p${(made += 1)}`): KubeObject {
  return {
    apiVersion: profileApiVersion,
    kind: profileKind,
    metadata: { name, namespace },
    spec: { targetRef: { name: "mestore" }, ...spec },
  };
}

const create = (object: KubeObject): Promise<KubeObject> =>
  cluster.request(
    "POST",
    `${profilesOf(object.metadata.namespace)}?fieldValidation=Strict`,
    object,
  );

/** Why the API server refuses the object; null: it takes it. */
const refusal = (object: KubeObject): Promise<string | null> =>
  create(object).then(
    () => null,
    (error: Error) => error.message,
  );

/** The paths of the parser's faults. */
function faultsOf(object: KubeObject): readonly string[] {
  const parsed = parseProfile(object);
  return parsed.ok ? [] : parsed.faults.map(({ path }) => path);
}

describe("defaults", () => {
  const specs: readonly (readonly [string, object])[] = [
    ["the least profile", {}],
    [
      "one item of every list",
      {
        cache: { classes: [{ name: "product" }] },
        guardrails: { freezeWindows: [{ schedule: "0 18 * * 5", durationMinutes: 60 }] },
        metrics: { prometheus: { url: "http://prometheus:9090" } },
        scaling: {
          target: { type: "Fixed" },
          additionalMetrics: [{ type: "Pods", pods: { x: 1 } }],
        },
      },
    ],
    ["a scrape without its port", { metrics: { scrape: {} }, pool: { database: {} } }],
  ];
  for (const [what, spec] of specs)
    test(`${what}: the API server fills in what the parser does`, async () => {
      const written = manifest(spec);
      const stored = await create(written);
      const parsed = parseProfile(written);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
      expect(stored.spec).toEqual(parsed.value.spec);
      expect(parseProfile(stored)).toMatchObject({ ok: true, value: { spec: stored.spec } });
    });
});

const prometheus = (more: object) => ({
  metrics: { prometheus: { url: "http://prometheus:9090", ...more } },
});
const withClass = (one: object) => ({ cache: { classes: [{ name: "product", ...one }] } });
const objective = (one: object) => ({ objectives: [{ name: "one", ...one }] });
const latency = { thresholdMilliseconds: 500, percentile: "95" };
const database = (one: object) => ({
  pool: { min: 4, database: { reservedConnections: 10, ...one } },
  scaling: { maxReplicas: 8 },
});

describe("rules between fields: the API server and the parser refuse the same, at the same field", () => {
  const refused: readonly (readonly [string, object, string, string])[] = [
    [
      "two sources of metrics",
      { metrics: { prometheus: { url: "http://prometheus:9090" }, scrape: {} } },
      "spec.metrics",
      "has both prometheus and scrape; choose one",
    ],
    [
      "an address that cannot be read",
      prometheus({ url: "http://[::1" }),
      "spec.metrics.prometheus.url",
      "is no URL",
    ],
    [
      "a header of the operator's own",
      prometheus({ headers: [{ name: "Authorization", value: "Bearer x" }] }),
      "spec.metrics.prometheus.headers[0].name",
      "is a header that the operator sets itself",
    ],
    [
      "a TTL minimum above its maximum",
      withClass({ minTTLSeconds: 60, maxTTLSeconds: 30 }),
      "spec.cache.classes[0].minTTLSeconds",
      "is above maxTTLSeconds",
    ],
    [
      "an initial TTL outside its bounds",
      withClass({ minTTLSeconds: 60, initialTTLSeconds: 30 }),
      "spec.cache.classes[0].initialTTLSeconds",
      "is outside minTTLSeconds to maxTTLSeconds",
    ],
    [
      "good without total",
      objective({ type: "Ratio", ratio: { targetPercent: "99", good: "up" } }),
      "spec.objectives[0].ratio",
      "needs both good and total, or neither",
    ],
    [
      "a pool minimum above its maximum",
      { pool: { min: 9, max: 5 } },
      "spec.pool.min",
      "is above max",
    ],
    [
      "fewer replicas at most than at least",
      { scaling: { minReplicas: 9, maxReplicas: 3 } },
      "spec.scaling.minReplicas",
      "is above maxReplicas",
    ],
    [
      "more connections than the server has",
      database({ maxConnections: 45 }),
      "spec.pool",
      "min times scaling.maxReplicas is more than",
    ],
    [
      "more connections than the pooler takes",
      database({ maxConnections: 500, connectionLimit: 31 }),
      "spec.pool",
      "min times scaling.maxReplicas is more than",
    ],
  ];
  for (const [what, spec, path, message] of refused)
    test(what, async () => {
      const object = manifest(spec);
      const answer = await refusal(object);
      expect(answer).toContain(`${path}: Invalid value`);
      expect(answer).toContain(message);
      expect(faultsOf(object)).toEqual([path]);
    });

  test("no rule is without a case", () => {
    const untried = profileRules.filter(
      ({ message }) => !refused.some(([, , , tried]) => message.startsWith(tried)),
    );
    expect(untried.map(({ path, message }) => [...path, message])).toEqual([]);
  });

  test("a name longer than a label's value", async () => {
    const object = manifest({}, "p".repeat(64));
    expect(await refusal(object)).toContain("has at most 63 characters");
    expect(faultsOf(object)).toEqual(["metadata.name"]);
  });

  test("what lies just inside is taken by both", async () => {
    for (const spec of [
      withClass({ minTTLSeconds: 30, initialTTLSeconds: 30, maxTTLSeconds: 30 }),
      { pool: { min: 5, max: 5 } },
      { scaling: { minReplicas: 3, maxReplicas: 3 } },
      database({ maxConnections: 46 }),
      database({ maxConnections: 20, connectionLimit: 32 }),
      objective({ type: "Ratio", ratio: { targetPercent: "99", good: "up", total: "up" } }),
      prometheus({ headers: [{ name: "X-Scope-OrgID", value: "shop" }] }),
    ]) {
      const object = manifest(spec);
      expect(await refusal(object)).toBeNull();
      expect(faultsOf(object)).toEqual([]);
    }
    expect(await refusal(manifest({}, "p".repeat(63)))).toBeNull();
  });
});

describe("an objective has what belongs to its type and nothing of another", () => {
  const members = {
    latency,
    ratio: { targetPercent: "99" },
    hitRate: { class: "product", targetPercent: "85" },
  };
  const memberOf = { Latency: "latency", Ratio: "ratio", HitRate: "hitRate" } as const;
  for (const [type, own] of Object.entries(memberOf))
    test(type, async () => {
      for (const chosen of [[], ["latency"], ["ratio"], ["hitRate"], ["latency", "hitRate"]]) {
        const given = Object.fromEntries(
          Object.entries(members).filter(([name]) => chosen.includes(name)),
        );
        const object = manifest(objective({ type, ...given }));
        const fits = chosen.length === 1 && chosen[0] === own;
        const answer = await refusal(object);
        if (fits) expect(answer).toBeNull();
        else expect(answer).toMatch(/(latency|ratio|hitRate) belongs to type/);
        expect(faultsOf(object).length === 0).toBe(fits);
      }
    });
});

describe("what a single field refuses, both refuse", () => {
  const refused: readonly (readonly [string, object])[] = [
    ["a mode that is a boolean", { mode: false }],
    ["a mode in small letters", { mode: "auto" }],
    ["a percentage as a number", withClass({ maxStalePercent: 1 })],
    ["a percentage above 100", withClass({ maxStalePercent: "100.1" })],
    [
      "a hundredth percentile",
      objective({ type: "Latency", latency: { ...latency, percentile: "100" } }),
    ],
    ["half a second", withClass({ minTTLSeconds: 0.5 })],
    ["a TTL of nothing", withClass({ minTTLSeconds: 0 })],
    ["an unknown field", { modes: "Auto" }],
    [
      "a name that stands twice",
      { cache: { classes: [{ name: "product" }, { name: "product" }] } },
    ],
    ["no objective", { objectives: [] }],
    ["a source that is no URL", prometheus({ url: "prometheus:9090" })],
    ["a source that is a file", prometheus({ url: "file:///etc/passwd" })],
    ["a source with credentials", prometheus({ url: "http://a:b@prometheus:9090" })],
    ["a header that is no header", prometheus({ headers: [{ name: "a b", value: "" }] })],
    ["a header of two lines", prometheus({ headers: [{ name: "a", value: "b\r\nc: d" }] })],
    [
      "a matcher that stands twice",
      prometheus({
        matchers: [
          { name: "job", value: "a" },
          { name: "job", value: "b" },
        ],
      }),
    ],
    ["a matcher that is no label", prometheus({ matchers: [{ name: 'job="x"', value: "a" }] })],
    [
      "more classes than allowed",
      { cache: { classes: Array.from({ length: 33 }, (_, i) => ({ name: `c${i}` })) } },
    ],
    ["no target", { targetRef: undefined }],
  ];
  for (const [what, spec] of refused)
    test(what, async () => {
      const object = manifest(spec);
      expect(faultsOf(JSON.parse(JSON.stringify(object)))).not.toEqual([]);
      expect(await refusal(object)).not.toBeNull();
    });
});

describe("the target", () => {
  const patch = (name: string, change: object) =>
    cluster.request("PATCH", `${profilesOf(namespace)}/${name}`, change);
  const other = { spec: { targetRef: { name: "other" } } };

  test("may change until a document is in force, and not after", async () => {
    const { metadata } = await create(manifest({}));
    await patch(metadata.name, other);
    await patch(`${metadata.name}/status`, { status: { tuning: { revision: 1, ttlSeconds: [] } } });
    await patch(metadata.name, { spec: { mode: "Auto" } });
    const back = patch(metadata.name, { spec: { targetRef: { name: "mestore" } } });
    await expect(back).rejects.toThrow("the target stays while it runs a tuning document");
  });
});

test("the examples of docs/ are accepted", async () => {
  const folder = join(repositoryRoot, "docs/examples");
  const examples = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((document) => ({
        file,
        object: document.toJS(),
      })),
    )
    .filter(({ object }: { object: KubeObject }) => object?.kind === profileKind);
  expect(examples.length).toBeGreaterThan(0);
  for (const { file, object } of examples)
    expect([file, await refusal(manifest(object.spec)), faultsOf(object)]).toEqual([
      file,
      null,
      [],
    ]);
});

test("status is a subresource, and kubectl's table shows it", async () => {
  const { metadata } = await create(manifest({ mode: "Auto" }));
  const path = `${profilesOf(namespace)}/${metadata.name}`;
  const condition = {
    type: "Ready",
    status: "True",
    reason: "Accepted",
    message: "",
    observedGeneration: 1,
    lastTransitionTime: "2027-01-15T08:00:00Z",
  };
  const status = {
    observedGeneration: 1,
    conditions: [condition],
    summary: { sla: "2/3", knob: "ttl/product", lastAction: "Verified 20 -> 40" },
    decisions: [],
  };
  const ignored = await cluster.request("PATCH", path, { status });
  expect(ignored.status).toBeUndefined();
  await cluster.request("PATCH", `${path}/status`, { status });
  const response = await fetchTable(path);
  expect(response.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
    "Name",
    "Mode",
    "Ready",
    "SLA",
    "Knob",
    "Last action",
    "Age",
  ]);
  expect(response.rows[0].cells.slice(1, 6)).toEqual([
    "Auto",
    "True",
    "2/3",
    "ttl/product",
    "Verified 20 -> 40",
  ]);
});

test("a status of a newer operator is taken: words that this CRD has not heard of stay, fields are pruned", async () => {
  const { metadata } = await create(manifest({}));
  const status = {
    conditions: [
      {
        type: "Foretold",
        status: "True",
        reason: "New",
        message: "",
        observedGeneration: 1,
        lastTransitionTime: "2027-01-15T08:00:00Z",
      },
    ],
    forecast: { rps: "12" },
  };
  const stored = await cluster.request(
    "PATCH",
    `${profilesOf(namespace)}/${metadata.name}/status`,
    { status },
  );
  expect(stored.status).toEqual({ conditions: status.conditions });
});

/** The table that `kubectl get` asks for. */
async function fetchTable(path: string): Promise<KubeObject> {
  const kubeconfig = parseAllDocuments(readFileSync(cluster.kubeconfig, "utf8"))[0]?.toJS();
  const user = kubeconfig.users[0].user;
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  const response = await fetch(new URL(path, cluster.server), {
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    tls: {
      ca: readFileSync(cluster.caFile, "utf8"),
      cert: decode(user["client-certificate-data"]),
      key: decode(user["client-key-data"]),
    },
  });
  return response.json();
}

test("an object that was stored under a CRD of fewer fields reads, parses and can be changed", async () => {
  const own = await startCluster({ controllers: false });
  try {
    const crd: KubeObject = createCrd();
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`;
    const older: KubeObject = structuredClone(crd);
    const { openAPIV3Schema } = older.spec.versions[0].schema;
    const { spec } = openAPIV3Schema.properties;
    for (const name of [
      "pool",
      "scaling",
      "guardrails",
      "delivery",
      "deletionPolicy",
      "objectives",
    ])
      delete spec.properties[name];
    delete spec.properties.cache.properties.classes.items.properties.maxStalePercent;
    delete spec["x-kubernetes-validations"];
    openAPIV3Schema.properties.status = {
      type: "object",
      properties: { observedGeneration: { type: "integer" } },
    };
    delete openAPIV3Schema["x-kubernetes-validations"];
    const apply = async (definition: KubeObject) => {
      await own.request("PATCH", `${path}?fieldManager=test&force=true`, definition, {
        contentType: contentTypes.apply,
      });
    };
    await apply(older);
    const profiles = profilesOf("default");
    const written = {
      ...manifest(withClass({ initialTTLSeconds: 60 }), "old"),
      metadata: { name: "old" },
    };
    await waitFor(() => own.request("POST", profiles, written), {
      what: "the older CRD to be served",
    });
    await own.request("PATCH", `${profiles}/old/status`, { status: { observedGeneration: 1 } });
    const before = await own.request("GET", `${profiles}/old`);
    expect(before.spec.pool).toBeUndefined();

    await apply(crd);
    const after = await waitFor(
      async () => {
        const object = await own.request("GET", `${profiles}/old`);
        return object.spec.pool === undefined ? undefined : object;
      },
      { what: "the newer CRD to be served" },
    );
    const parsed = parseProfile(after);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(after.spec).toEqual(parsed.value.spec);
    expect(after.status).toEqual({ observedGeneration: 1 });
    const changed = await own.request("PATCH", `${profiles}/old`, { spec: { mode: "Auto" } });
    expect(changed.spec.mode).toBe("Auto");
  } finally {
    await own.stop();
  }
});
