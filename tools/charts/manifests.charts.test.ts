import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "bun:test";
import type { KubeObject } from "../cluster/api-client.ts";
import { applyCrd } from "../cluster/apply-crd.ts";
import { type TestCluster, useCluster } from "../cluster/test-cluster.ts";
import { prepareTool } from "../pins/tool.ts";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { type ChartName, chartNames } from "./chart-folders.ts";
import { schemaLocation, writeKubeSchemas } from "./kube-schemas.ts";
import {
  createRenderer,
  findObject,
  foreignApis,
  fullValues,
  kubernetesVersion,
  leastValues,
  parseObjects,
  podTemplateOf,
  type Renderer,
} from "./render.fixture.ts";

let cluster: TestCluster;
let charts: Renderer;
let schemas: string;

beforeAll(async () => {
  cluster = await useCluster();
  await applyCrd(cluster);
  charts = await createRenderer(4);
  schemas = join((await openGuardedRoom()).directory, "kube-schemas");
  mkdirSync(schemas, { recursive: true });
  await writeKubeSchemas(cluster, schemas);
}, 120_000);

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

async function feed(words: readonly string[], input: string): Promise<Outcome> {
  const child = Bun.spawn([...words], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, output: stdout + stderr };
}

/** Kinds of other projects, of which this API server has no schema. */
const foreignKinds = ["ServiceMonitor", "PrometheusRule", "HTTPRoute"];

async function conform(text: string): Promise<Outcome> {
  return feed(
    [
      await prepareTool("kubeconform"),
      "-strict",
      "-summary",
      `-kubernetes-version=${kubernetesVersion}`,
      `-schema-location=${schemas}/${schemaLocation}`,
      `-skip=${foreignKinds.join(",")}`,
      "-",
    ],
    text,
  );
}

/** What kube-score finds critical that we mean, and why. */
const acceptedScores: Readonly<Record<string, string>> = {
  "container-image-pull-policy":
    "tags are never moved, and a registry that is away must not keep a pod from starting",
};

async function score(text: string): Promise<Outcome> {
  return feed(
    [
      await prepareTool("kube-score"),
      "score",
      `--kubernetes-version=v${kubernetesVersion.split(".").slice(0, 2).join(".")}`,
      "--output-format=ci",
      // A CPU limit throttles a pod in the very moment in which it is needed.
      "--ignore-container-cpu-limit",
      ...Object.keys(acceptedScores).map((name) => `--ignore-test=${name}`),
      "-",
    ],
    text,
  );
}

const variants = (name: ChartName) =>
  [
    ["least", { values: leastValues[name] }],
    ["all", { values: fullValues[name], apis: foreignApis }],
  ] as const;

for (const name of chartNames)
  describe(name, () => {
    for (const [what, rendering] of variants(name)) {
      test(`with the ${what} values: every object fits the schema of its kind, ours too`, async () => {
        const { exitCode, output } = await conform(await charts.renderText(name, rendering));
        expect(output).toContain("Invalid: 0, Errors: 0");
        expect(exitCode).toBe(0);
      });

      test(`with the ${what} values: kube-score finds nothing critical`, async () => {
        const { output } = await score(await charts.renderText(name, rendering));
        expect(output.split("\n").filter((line) => line.startsWith("[CRITICAL]"))).toEqual([]);
      });

      test(`with the ${what} values: the API server would take every object`, async () => {
        const namespace = await cluster.createNamespace();
        const objects = await charts.render(name, { ...rendering, namespace });
        for (const object of objects.filter(({ kind }) => !foreignKinds.includes(kind)))
          await dryRun(object, namespace);
      });
    }

    test("every pod is restricted, with requests, limits and no token that it does not need", async () => {
      const objects = await charts.render(name, variants(name)[1][1]);
      for (const object of objects) {
        const template = podTemplateOf(object);
        if (template === null) continue;
        const { spec } = template;
        expect(spec.securityContext).toMatchObject({
          runAsNonRoot: true,
          runAsUser: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        });
        for (const { securityContext, resources } of spec.containers) {
          expect(securityContext).toMatchObject({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
          expect(Object.keys(resources.requests).sort()).toEqual([
            "cpu",
            "ephemeral-storage",
            "memory",
          ]);
          expect(Object.keys(resources.limits).sort()).toEqual(["ephemeral-storage", "memory"]);
        }
        // Only who talks to the API server: the operator and the evaluation's Prometheus.
        const hasToken = spec.automountServiceAccountToken !== false;
        expect([object.metadata.name, hasToken]).toEqual([
          object.metadata.name,
          spec.serviceAccountName !== undefined,
        ]);
      }
    });

    test("the pods are admitted where the restricted standard is enforced", async () => {
      const namespace = await cluster.createNamespace();
      await cluster.request("PATCH", `/api/v1/namespaces/${namespace}`, {
        metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
      });
      const objects = await charts.render(name, { ...variants(name)[1][1], namespace });
      for (const object of objects) {
        const template = podTemplateOf(object);
        if (template === null) continue;
        const claims: readonly KubeObject[] = object.spec.volumeClaimTemplates ?? [];
        await cluster.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: object.metadata.name, labels: template.metadata.labels },
          spec: {
            ...template.spec,
            restartPolicy: "Never",
            // What a controller would add, and what a dry run has not made.
            volumes: [
              ...(template.spec.volumes ?? []),
              ...claims.map(({ metadata }) => ({ name: metadata.name, emptyDir: {} })),
            ],
            serviceAccountName: "default",
            priorityClassName: undefined,
          },
        });
      }
    });
  });

test("kubeconform with these schemas sees a wrong field, a wrong type and a wrong profile", async () => {
  const deployment = findObject(await charts.render("mestore"), "Deployment");
  const wrong: readonly KubeObject[] = [
    { ...deployment, spec: { ...deployment.spec, replica: 2 } },
    { ...deployment, spec: { ...deployment.spec, minReadySeconds: "soon" } },
    {
      apiVersion: "mestore.dev/v1alpha1",
      kind: "PerformanceProfile",
      metadata: { name: "storefront" },
      spec: { targetRef: { name: "shop" }, mode: "On" },
    },
  ];
  for (const object of wrong) {
    const { exitCode, output } = await conform(JSON.stringify(object));
    expect([exitCode, output]).toEqual([1, expect.stringContaining("Invalid: 1")]);
  }
});

test("what is accepted of kube-score is still found", async () => {
  const text = await charts.renderText("mestore");
  const { output } = await feed(
    [await prepareTool("kube-score"), "score", "--output-format=json", "-"],
    text,
  );
  const checks = (JSON.parse(output) as KubeObject[]).flatMap((one) => one.checks);
  for (const name of Object.keys(acceptedScores))
    expect(checks.some(({ check, grade }: KubeObject) => check.id === name && grade === 1)).toBe(
      true,
    );
});

/** Creates an object without keeping it; unknown and doubled fields are refused. */
async function dryRun(object: KubeObject, namespace: string): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { resources } = await cluster.request("GET", root);
  const resource = resources.find(
    (one: KubeObject) => one.kind === kind && !one.name.includes("/"),
  );
  const place = resource.namespaced ? `/namespaces/${namespace}` : "";
  const path = `${root}${place}/${resource.name}?dryRun=All&fieldValidation=Strict`;
  await cluster.request("POST", path, { ...object, metadata: { ...metadata, namespace } });
}

test("parsing refuses a key that stands twice", () => {
  expect(() => parseObjects("a: 1\na: 2\n")).toThrow("unique");
});
