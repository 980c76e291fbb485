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
      });

    test("renders what the other Helm renders", async () => {
      const other = await createRenderer(major === 3 ? 4 : 3);
      for (const name of ["mestore", "mestore-operator"] as const) {
        const rendering = { values: fullValues[name] };
        expect(await charts.render(name, rendering)).toEqual(await other.render(name, rendering));
      }
    });
  });
