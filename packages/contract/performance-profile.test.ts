import { describe, expect, test } from "bun:test";
import { effectiveMode, modes, parseProfile } from "./performance-profile.ts";

const minimal = {
  apiVersion: "mestore.dev/v1alpha1",
  kind: "PerformanceProfile",
  metadata: { name: "storefront" },
  spec: { targetRef: { name: "mestore" } },
};

const withSpec = (spec: object) => ({ ...minimal, spec: { ...minimal.spec, ...spec } });
const withClass = (change: object) =>
  withSpec({ cache: { classes: [{ name: "product", ...change }] } });
const withPrometheus = (more: object) =>
  withSpec({ metrics: { prometheus: { url: "http://prometheus:9090", ...more } } });
const withObjective = (objective: object) => withSpec({ objectives: [objective] });

function parsed(input: unknown) {
  const result = parseProfile(input);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.value;
}

function faultsOf(input: unknown) {
  const result = parseProfile(input);
  return result.ok ? [] : result.faults;
}

const pathsOf = (input: unknown) => faultsOf(input).map(({ path }) => path);

describe("defaults", () => {
  test("the least profile recommends, judges the standard objectives and writes nothing", () => {
    const { metadata, spec } = parsed(minimal);
    expect(metadata).toEqual({ name: "storefront", namespace: "default", annotations: {} });
    expect(spec.objectives).toBeUndefined();
    expect(spec).toMatchObject({
      targetRef: { apiVersion: "apps/v1", kind: "Deployment", container: "service" },
      mode: "Recommend",
      metrics: { windowSeconds: 300 },
      cache: { mode: "Recommend", classes: [] },
      pool: { mode: "Recommend", min: 2, max: 10, database: { reservedConnections: 10 } },
      scaling: {
        mode: "Recommend",
        minReplicas: 2,
        maxReplicas: 8,
        target: { type: "Fixed", utilizationPercent: 60 },
        additionalMetrics: [],
      },
      guardrails: { cooldownSeconds: 300, rollbackPolicy: "Enabled", freezeWindows: [] },
      delivery: "Wait",
      deletionPolicy: "Retain",
    });
  });

  test("a class is tuned between one second and a day, at most 1 % stale", () => {
    expect(parsed(withClass({})).spec.cache.classes).toEqual([
      {
        name: "product",
        mode: "Auto",
        minTTLSeconds: 1,
        maxTTLSeconds: 86_400,
        maxStalePercent: "1",
      },
    ]);
  });

  test("parsing what was parsed changes nothing", () => {
    const once = parsed(withClass({ initialTTLSeconds: 60 }));
    expect(parsed(structuredClone(once))).toEqual(once);
  });

  test("what the API server adds is no fault", () => {
    const { metadata } = parsed({
      ...minimal,
      metadata: { name: "storefront", namespace: "shop", uid: "1-2", resourceVersion: "7" },
      status: { conditions: [] },
    });
    expect(metadata).toMatchObject({ namespace: "shop", uid: "1-2" });
  });
});

describe("faults name the path of their field", () => {
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["an unknown key of spec", withSpec({ modes: "Auto" }), ["spec.modes"]],
    [
      "an unknown key of a class",
      withClass({ ttlSeconds: 5, ttl: 6 }),
      ["spec.cache.classes[0].ttlSeconds", "spec.cache.classes[0].ttl"],
    ],
    [
      "a TTL with a unit",
      withClass({ initialTTLSeconds: "5s" }),
      ["spec.cache.classes[0].initialTTLSeconds"],
    ],
    [
      "a TTL of half a second",
      withClass({ minTTLSeconds: 0.5 }),
      ["spec.cache.classes[0].minTTLSeconds"],
    ],
    ["a TTL of nothing", withClass({ minTTLSeconds: 0 }), ["spec.cache.classes[0].minTTLSeconds"]],
    [
      "a TTL minimum above its maximum",
      withClass({ minTTLSeconds: 600, maxTTLSeconds: 60 }),
      ["spec.cache.classes[0].minTTLSeconds"],
    ],
    [
      "an initial TTL outside its bounds",
      withClass({ initialTTLSeconds: 5, minTTLSeconds: 10 }),
      ["spec.cache.classes[0].initialTTLSeconds"],
    ],
    ["mode: Off, which YAML reads as false", withSpec({ mode: false }), ["spec.mode"]],
    ["mode: on", withSpec({ cache: { mode: true } }), ["spec.cache.mode"]],
    ["a mode in small letters", withClass({ mode: "auto" }), ["spec.cache.classes[0].mode"]],
    [
      "both sources of metrics",
      withSpec({ metrics: { prometheus: { url: "http://prometheus:9090" }, scrape: {} } }),
      ["spec.metrics"],
    ],
    [
      "a source that is no URL",
      withSpec({ metrics: { prometheus: { url: "prometheus:9090" } } }),
      ["spec.metrics.prometheus.url"],
    ],
    [
      "a source that is a file",
      withSpec({ metrics: { prometheus: { url: "file:///etc/passwd" } } }),
      ["spec.metrics.prometheus.url"],
    ],
    [
      "a percentage as a number",
      withObjective({
        name: "hits",
        type: "HitRate",
        hitRate: { class: "product", targetPercent: 85 },
      }),
      ["spec.objectives[0].hitRate.targetPercent"],
    ],
    [
      "a percentage above 100",
      withObjective({ name: "up", type: "Ratio", ratio: { targetPercent: "100.1" } }),
      ["spec.objectives[0].ratio.targetPercent"],
    ],
    [
      "an objective of an unknown type",
      withObjective({ name: "x", type: "Apdex" }),
      ["spec.objectives[0].type"],
    ],
    [
      "good without total",
      withObjective({ name: "x", type: "Ratio", ratio: { targetPercent: "99", good: "sum(up)" } }),
      ["spec.objectives[0].ratio"],
    ],
    ["no objective", withSpec({ objectives: [] }), ["spec.objectives"]],
    [
      "a pool minimum above its maximum",
      withSpec({ pool: { min: 20, max: 5 } }),
      ["spec.pool.min"],
    ],
    [
      "fewer replicas at most than at least",
      withSpec({ scaling: { minReplicas: 9, maxReplicas: 3 } }),
      ["spec.scaling.minReplicas"],
    ],
    [
      "a source with credentials in its address",
      withSpec({ metrics: { prometheus: { url: "http://user:secret@prometheus:9090" } } }),
      ["spec.metrics.prometheus.url"],
    ],
    [
      "a header that the operator sets itself",
      withPrometheus({ headers: [{ name: "Host", value: "x" }] }),
      ["spec.metrics.prometheus.headers[0].name"],
    ],
    [
      "a Prometheus that scrapes more rarely than twice in a slice",
      withPrometheus({ scrapeIntervalSeconds: 60 }),
      ["spec.metrics.prometheus.scrapeIntervalSeconds"],
    ],
    [
      "a header of two lines",
      withPrometheus({ headers: [{ name: "X-A", value: "b\r\nX-C: d" }] }),
      ["spec.metrics.prometheus.headers[0].value"],
    ],
    [
      "a matcher that is no label",
      withPrometheus({ matchers: [{ name: "a=b", value: "" }] }),
      ["spec.metrics.prometheus.matchers[0].name"],
    ],
    [
      "a hundredth percentile",
      withObjective({
        name: "x",
        type: "Latency",
        latency: { thresholdMilliseconds: 500, percentile: "100" },
      }),
      ["spec.objectives[0].latency.percentile"],
    ],
    [
      "more connections than the database has",
      withSpec({ pool: { min: 4, database: { maxConnections: 45 } } }),
      ["spec.pool"],
    ],
    [
      "more connections than the pooler takes",
      withSpec({ pool: { min: 4, database: { maxConnections: 500, connectionLimit: 31 } } }),
      ["spec.pool"],
    ],
    [
      "a name longer than a label's value",
      { ...minimal, metadata: { name: "p".repeat(64) } },
      ["metadata.name"],
    ],
    ["no target", { ...minimal, spec: {} }, ["spec.targetRef"]],
    ["another kind", { ...minimal, kind: "Deployment" }, ["kind"]],
    ["another version", { ...minimal, apiVersion: "mestore.dev/v1" }, ["apiVersion"]],
    [
      "a name that no object may have",
      { ...minimal, metadata: { name: "Shop_1" } },
      ["metadata.name"],
    ],
    ["an empty file", null, [""]],
  ];

  for (const [what, input, paths] of cases) {
    test(what, () => expect(pathsOf(input)).toEqual([...paths]));
  }

  test("a name that stands twice", () => {
    const classes = [{ name: "product" }, { name: "catalog" }, { name: "product" }];
    expect(faultsOf(withSpec({ cache: { classes } }))).toEqual([
      { path: "spec.cache.classes[2].name", message: '"product" stands twice' },
    ]);
  });

  test("as many connections as the database has, and no more", () => {
    const pool = { min: 4, database: { maxConnections: 46, reservedConnections: 10 } };
    expect(faultsOf(withSpec({ pool }))).toEqual([]);
  });

  test("all faults at once, not the first", () => {
    const paths = pathsOf(withSpec({ mode: false, pool: { min: 1 }, extra: 1 }));
    expect(paths.toSorted()).toEqual(["spec.extra", "spec.mode", "spec.pool.min"]);
  });

  test("the message says what would be right", () => {
    expect(faultsOf(withClass({ initialTTLSeconds: "5s" }))[0]?.message).toContain(
      "whole number of seconds, without a unit",
    );
    expect(faultsOf(withSpec({ mode: false }))[0]?.message).toContain(
      "one of Recommend, Auto, Disabled",
    );
  });
});

describe("effectiveMode", () => {
  test("is the stricter of the two, whichever comes first", () => {
    for (const a of modes)
      for (const b of modes) {
        const expected = [a, b].includes("Disabled")
          ? "Disabled"
          : [a, b].includes("Recommend")
            ? "Recommend"
            : "Auto";
        expect([a, b, effectiveMode(a, b)]).toEqual([a, b, expected]);
      }
  });
});
