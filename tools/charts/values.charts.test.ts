import { beforeAll, describe, expect, test } from "bun:test";
import { type ChartName, chartNames } from "./chart-folders.ts";
import { type HelmMajor, helmMajors } from "./helm.ts";
import { createRenderer, fullValues, leastValues, type Renderer } from "./render.fixture.ts";

/** Values that a chart must refuse, and what of them the refusal names. */
const refused: Readonly<Record<ChartName, readonly (readonly [string, object, string])[]>> = {
  mestore: [
    ["a key that is none", { replicaCount: 3 }, "replicaCount"],
    ["a key that is none, deep inside", { autoscaling: { cpu: 60 } }, "cpu"],
    ["a number in quotes", { service: { port: "8000" } }, "port"],
    ["a port that is none", { service: { port: 70_000 } }, "port"],
    ["a name that leaves no room for a pod's", { fullnameOverride: "f".repeat(47) }, "fullname"],
    ["a negative number of pods", { replicas: -1 }, "replicas"],
    ["yes for true", { ingress: { enabled: "yes" } }, "enabled"],
    ["another store's URL", { postgresql: { url: "mysql://a/b" } }, "url"],
    ["a log level that is none", { logLevel: "verbose" }, "logLevel"],
    ["a quantity that is none", { resources: { limits: { memory: "512 megabytes" } } }, "memory"],
    ["a drain beyond what the service takes", { drainSeconds: 301 }, "drainSeconds"],
    ["a target of the profile's own", { profile: { spec: { targetRef: { name: "x" } } } }, "spec"],
    ["a name of the profile that is no label", { profile: { name: "Black_Friday" } }, "name"],
    ["a digest without its algorithm", { image: { digest: "abc" } }, "digest"],
  ],
  "mestore-operator": [
    ["a key that is none", { watchNamespace: "eu" }, "watchNamespace"],
    ["one namespace for a list", { watchNamespaces: "eu" }, "watchNamespaces"],
    ["a namespace twice", { watchNamespaces: ["eu", "eu"] }, "watchNamespaces"],
    ["an empty allowed address", { prometheusAllow: [""] }, "prometheusAllow"],
    ["no operator at all", { replicas: 0 }, "replicas"],
    [
      "more namespaces than the operator takes",
      { watchNamespaces: Array.from({ length: 41 }, (_, index) => `shop-${index}`) },
      "watchNamespaces",
    ],
    ["a name that leaves no room for a pod's", { fullnameOverride: "f".repeat(47) }, "fullname"],
    ["an API server on no port", { networkPolicy: { apiServerPorts: [] } }, "apiServerPorts"],
    ["time that runs backwards", { timeScale: 0.5 }, "timeScale"],
    ["a peer that is none", { networkPolicy: { metricsFrom: [{ pods: {} }] } }, "metricsFrom"],
    [
      "an interval without a unit",
      { monitoring: { serviceMonitor: { interval: "30" } } },
      "interval",
    ],
  ],
  "mestore-stack": [
    ["a key that is none", { evaluation: { enabled: true, redis: {} } }, "redis"],
    ["a value that the shop refuses", { mestore: { replicaCount: 3 } }, "replicaCount"],
    ["a value that the operator refuses", { "mestore-operator": { replica: 1 } }, "replica"],
    ["no products at all", { evaluation: { enabled: true, seed: { products: 0 } } }, "products"],
    [
      "memory without a unit",
      { evaluation: { enabled: true, valkey: { maxMemory: "128" } } },
      "maxMemory",
    ],
  ],
};

/** Values that are right alone and wrong together, and what a chart says of them. */
const contradictions: Readonly<Record<ChartName, readonly (readonly [object, string])[]>> = {
  mestore: [
    [{ autoscaling: { minReplicas: 9 } }, "autoscaling.minReplicas (9) is above"],
    [{ ingress: { enabled: true } }, "ingress.enabled needs ingress.hosts"],
    [{ httpRoute: { enabled: true } }, "httpRoute.enabled needs httpRoute.parentRefs"],
    [{ podLabels: { "app.kubernetes.io/component": "x" } }, "app.kubernetes.io/component is"],
    [{ podLabels: { "app.kubernetes.io/part-of": "x" } }, "app.kubernetes.io/part-of is"],
    [{ extraEnv: [{ name: "TUNING_FILE", value: "x" }] }, "TUNING_FILE is set already"],
    [{ extraEnv: [{ name: "PORT", value: "80" }] }, "PORT is set already"],
    [
      { redis: { existingSecret: "cache" }, extraEnv: [{ name: "REDIS_URL", value: "x" }] },
      "REDIS_URL is set already",
    ],
    [
      {
        extraEnv: [
          { name: "TZ", value: "UTC" },
          { name: "TZ", value: "UTC" },
        ],
      },
      "TZ is set already",
    ],
  ],
  "mestore-operator": [
    [{ clusterWide: true, watchNamespaces: ["eu"] }, "watchNamespaces must be empty"],
    [{ podLabels: { "app.kubernetes.io/name": "x" } }, "app.kubernetes.io/name is"],
  ],
  "mestore-stack": [
    [{ mestore: { profile: { enabled: true } } }, "profile.enabled and mestore.profile.enabled"],
    [
      { evaluation: { enabled: true, valkey: { maxMemory: "256mb" } } },
      "maxMemory (256mb) must stay below its memory limit (256Mi)",
    ],
    [{ evaluation: { enabled: true, valkey: { maxMemory: "1gb" } } }, "maxMemory (1gb) must stay"],
    [
      {
        evaluation: {
          enabled: true,
          valkey: { maxMemory: "100mb", resources: { limits: { memory: "100M" } } },
        },
      },
      "maxMemory (100mb) must stay below its memory limit (100M)",
    ],
    [
      { mestore: { fullnameOverride: "shop" }, "mestore-operator": { fullnameOverride: "shop" } },
      "would both be named shop",
    ],
  ],
};

for (const major of helmMajors)
  describe(`Helm ${major}`, () => {
    let charts: Renderer;

    beforeAll(async () => {
      charts = await createRenderer(major satisfies HelmMajor);
    });

    for (const name of chartNames)
      describe(name, () => {
        for (const [what, values] of [
          ["least", leastValues[name]],
          ["all", fullValues[name]],
        ] as const)
          test(`lint --strict with the ${what} values`, async () => {
            const { helm, packages, writeValues } = charts;
            const path = await writeValues(values);
            await helm.run(["lint", "--strict", packages[name], `--values=${path}`]);
          });

        for (const [what, values, named] of refused[name])
          test(`refuses ${what}`, async () => {
            const refusal = charts.render(name, { values: { ...leastValues[name], ...values } });
            await expect(refusal).rejects.toThrow(named);
            await expect(refusal).rejects.toThrow(/schema|specifications/);
          });

        for (const [values, sentence] of contradictions[name])
          test(`refuses ${JSON.stringify(values)} in words`, async () => {
            const refusal = charts.render(name, { values: { ...leastValues[name], ...values } });
            await expect(refusal).rejects.toThrow(sentence);
          });
      });

    test("memory that fits, or has no limit to fit in, is Valkey's to take", async () => {
      for (const valkey of [
        { maxMemory: "262143kb" },
        { maxMemory: "1gb", resources: { limits: { memory: "1.5Gi" } } },
        { maxMemory: "8gb", resources: { limits: { memory: null } } },
      ])
        await charts.render("mestore-stack", { values: { evaluation: { enabled: true, valkey } } });
    });

    test("a stack whose stores would have names too long is refused in words", async () => {
      const rendering = charts.render("mestore-stack", { release: "r".repeat(42) });
      await expect(rendering).rejects.toThrow("a release name of 41 characters at most");
    });

    test("renders what the other Helm renders", async () => {
      const other = await createRenderer(major === 3 ? 4 : 3);
      for (const name of ["mestore", "mestore-operator"] as const) {
        const rendering = { values: fullValues[name] };
        expect(await charts.render(name, rendering)).toEqual(await other.render(name, rendering));
      }
    });
  });
