import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "bun:test";
import { parseProfile, profileKind } from "@mestore/contract/performance-profile";
import { permissions } from "@mestore/operator/kube/permissions";
import { parse, parseDocument } from "yaml";
import { applyCrd } from "../cluster/apply-crd.ts";
import { type TestCluster, useCluster } from "../cluster/test-cluster.ts";
import { repositoryRoot } from "../stack/paths.ts";
import type { ChartName } from "./chart-folders.ts";
import { createRenderer, findObject, parseObjects, type Renderer } from "./render.fixture.ts";

const folder = join(repositoryRoot, "docs/examples");
const read = (file: string): string => readFileSync(join(folder, file), "utf8");
const guide = readFileSync(join(repositoryRoot, "docs/install.md"), "utf8");

/** Which chart a file of values is for. */
const valuesFiles: Readonly<Record<string, ChartName>> = {
  "evaluation-values.yaml": "mestore-stack",
  "operator-values.yaml": "mestore-operator",
  "shop-values.yaml": "mestore",
};

const manifestFiles = readdirSync(folder).filter(
  (file) => file.endsWith(".yaml") && !(file in valuesFiles),
);

let charts: Renderer;
let cluster: TestCluster;

beforeAll(async () => {
  charts = await createRenderer(4);
  cluster = await useCluster();
  await applyCrd(cluster);
}, 60_000);

describe("every manifest is one that the operator and the API server take", () => {
  for (const file of manifestFiles)
    test(file, async () => {
      const namespace = await cluster.createNamespace();
      for (const object of parseObjects(read(file))) {
        if (object.kind === profileKind) {
          const parsed = parseProfile(object);
          if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
        }
        const root = object.kind === profileKind ? `/apis/${object.apiVersion}` : "/api/v1";
        const plural = `${object.kind.toLowerCase()}s`;
        await cluster.request(
          "POST",
          `${root}/namespaces/${namespace}/${plural}?dryRun=All&fieldValidation=Strict`,
          { ...object, metadata: { ...object.metadata, namespace } },
        );
      }
    });
});

describe("every file of values is one that its chart takes", () => {
  for (const [file, chart] of Object.entries(valuesFiles))
    test(file, async () => {
      const objects = await charts.render(chart, { values: parse(read(file)), namespace: "shop" });
      expect(objects.length).toBeGreaterThan(5);
    });
});

test("the profiles aim at the Deployment that shop-values.yaml installs, and it reads their document", async () => {
  const values = parse(read("shop-values.yaml"));
  const objects = await charts.render("mestore", { values, namespace: "shop" });
  const deployment = findObject(objects, "Deployment");
  for (const file of manifestFiles.filter((name) => !name.startsWith("demo"))) {
    const profile = findObject(parseObjects(read(file)), profileKind);
    expect(profile.spec.targetRef).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      name: deployment.metadata.name,
      container: deployment.spec.template.spec.containers[0].name,
    });
    expect(deployment.spec.template.spec.volumes[0].configMap.name).toBe(
      `${profile.metadata.name}-tuning`,
    );
  }
});

test("the operator of operator-values.yaml may ask the Prometheus of storefront-profile.yaml", () => {
  const { url } = parse(read("storefront-profile.yaml")).spec.metrics.prometheus;
  expect(parse(read("operator-values.yaml")).prometheusAllow).toContain(new URL(url).host);
});

test("who copies guarded-prometheus.yaml reads which host to allow", () => {
  const text = read("guarded-prometheus.yaml");
  const { url } = findObject(parseObjects(text), profileKind).spec.metrics.prometheus;
  expect(text).toContain(`[${new URL(url).host}]`);
});

describe("docs/install.md", () => {
  const shown = [...guide.matchAll(/```yaml\n# docs\/examples\/(\S+)\n([\s\S]*?)```/g)];

  test("shows nothing but the examples, as they are", () => {
    expect(guide.split("```yaml").length - 1).toBe(shown.length);
    expect(shown.length).toBeGreaterThan(3);
    for (const [, file = "", text = ""] of shown) {
      expect([file, parseDocument(text).toJS()]).toEqual([file, parseDocument(read(file)).toJS()]);
    }
  });

  test("names files that are there", () => {
    for (const [, path = ""] of guide.matchAll(/(docs\/examples\/[\w-]+\.yaml)/g))
      expect(readFileSync(join(repositoryRoot, path), "utf8")).not.toBe("");
  });

  test("lists every permission of the operator, and no other", () => {
    const line = (group: string, resource: string, verbs: string) =>
      `${group}/${resource} ${verbs}`;
    const rows = [...guide.matchAll(/^\| `([a-z/]+)`(?: \(([\w.]+)\))? +\| ([a-z, ]+?) +\|/gm)].map(
      ([, resource = "", group = "", verbs = ""]) => line(group, resource, verbs),
    );
    expect(rows.sort()).toEqual(
      permissions
        .map(({ group, resource, verbs }) => line(group, resource, verbs.join(", ")))
        .sort(),
    );
  });
});
