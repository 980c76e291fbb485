import { beforeAll, describe, expect, test } from "bun:test";
import { parseProfile } from "@mestore/contract/performance-profile";
import { parse } from "yaml";
import type { KubeObject } from "../cluster/api-client.ts";
import { imageNames, imageRepository } from "../image/image-table.ts";
import {
  createRenderer,
  findObject,
  foreignApis,
  fullValues,
  listNames,
  podTemplateOf,
  type Renderer,
} from "./render.fixture.ts";
import { runPromtool } from "./rules.fixture.ts";

let charts: Renderer;

beforeAll(async () => {
  charts = await createRenderer(4);
});

const renderWith = (values: object) => charts.render("mestore-stack", { values });

const evaluation = { evaluation: { enabled: true } };
const external = {
  mestore: { postgresql: { existingSecret: "db-app" }, redis: { existingSecret: "" } },
};

const partsOf = (objects: readonly KubeObject[]) =>
  listNames(objects).filter((name) =>
    /^(StatefulSet|Deployment|Job|PerformanceProfile) /.test(name),
  );

test("an evaluation: shop, operator, profile, stores, seed", async () => {
  expect(partsOf(await renderWith(evaluation))).toEqual([
    "Deployment shop-mestore",
    "Deployment shop-mestore-operator",
    expect.stringMatching(/^Job shop-mestore-migrate-/),
    "Job shop-mestore-operator-release",
    "Job shop-seed",
    "PerformanceProfile storefront",
    "StatefulSet shop-postgresql",
    "StatefulSet shop-prometheus",
    "StatefulSet shop-valkey",
  ]);
});

test("Chroma only on demand", async () => {
  expect(partsOf(await renderWith(fullValues["mestore-stack"]))).toContain(
    "StatefulSet shop-chroma",
  );
});

test("with stores of one's own: no store, no seed, no Secret", async () => {
  const objects = await renderWith(external);
  expect(partsOf(objects).filter((name) => !name.includes("migrate"))).toEqual([
    "Deployment shop-mestore",
    "Deployment shop-mestore-operator",
    "Job shop-mestore-operator-release",
    "PerformanceProfile storefront",
  ]);
  expect(listNames(objects).filter((name) => name.startsWith("Secret"))).toEqual([]);
});

test("neither an evaluation nor a database of one's own is refused, with what to do", async () => {
  const refusal = "name the Secret with the database's URL";
  await expect(renderWith({})).rejects.toThrow(refusal);
  // Redis alone is forgotten as easily.
  const { postgresql } = external.mestore;
  await expect(renderWith({ mestore: { postgresql } })).rejects.toThrow(refusal);
});

test("the parts of the stack can be turned off", async () => {
  const objects = await renderWith({
    evaluation: { enabled: true, seed: { enabled: false } },
    profile: { enabled: false },
    "mestore-operator": { enabled: false },
  });
  expect(partsOf(objects).filter((name) => /operator|seed|Profile/.test(name))).toEqual([]);
});

describe("the profile", () => {
  const profileWith = async (values: object) =>
    findObject(await renderWith(values), "PerformanceProfile");

  test("is one that the operator takes, and aims at the shop", async () => {
    const parsed = parseProfile(await profileWith(evaluation));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.value.spec.targetRef).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      name: "shop-mestore",
      container: "service",
    });
    expect(parsed.value.spec.mode).toBe("Recommend");
  });

  test("asks the evaluation's Prometheus, which the operator is allowed to call", async () => {
    const objects = await renderWith(evaluation);
    const { url } = findObject(objects, "PerformanceProfile").spec.metrics.prometheus;
    expect(url).toBe("http://shop-prometheus.web.svc:9090");
    const { args } = findObject(objects, "Deployment", "shop-mestore-operator").spec.template.spec
      .containers[0];
    expect(args).toContain(`--prometheus-allow=${url}`);
  });

  test("reads the pods where there is none, and what is said where something is", async () => {
    expect((await profileWith(external)).spec.metrics).toEqual({ scrape: { port: "metrics" } });
    const prometheus = { url: "http://prometheus.monitoring:9090" };
    const values = { ...external, profile: { spec: { metrics: { prometheus } } } };
    expect((await profileWith(values)).spec.metrics).toEqual({ prometheus });
  });

  test("has the name by which the pods mount their tuning document", async () => {
    const objects = await renderWith({ ...evaluation, mestore: { profile: { name: "sale" } } });
    expect(findObject(objects, "PerformanceProfile").metadata.name).toBe("sale");
    const [volume] = findObject(objects, "Deployment", "shop-mestore").spec.template.spec.volumes;
    expect(volume.configMap.name).toBe("sale-tuning");
  });
});

describe("the stores of an evaluation", () => {
  test("have passwords of their own, and the shop has them too", async () => {
    const objects = await renderWith(evaluation);
    const { metadata, stringData } = findObject(objects, "Secret");
    const { POSTGRES_PASSWORD: database, VALKEY_PASSWORD: cache } = stringData;
    expect(database).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(cache).not.toBe(database);
    expect(stringData.DATABASE_URL).toBe(
      `postgresql://mestore:${database}@shop-postgresql:5432/mestore`,
    );
    expect(stringData.REDIS_URL).toBe(`redis://:${cache}@shop-valkey:6379`);
    const { env } = findObject(objects, "Deployment", "shop-mestore").spec.template.spec
      .containers[0];
    const named = env.filter(({ valueFrom }: KubeObject) => valueFrom !== undefined);
    expect(named.map(({ valueFrom }: KubeObject) => valueFrom.secretKeyRef)).toEqual([
      { name: metadata.name, key: "DATABASE_URL" },
      { name: metadata.name, key: "REDIS_URL" },
    ]);
  });

  test("Valkey has a limit, and evicts only what has an expiry", async () => {
    const values = { evaluation: { enabled: true, valkey: { maxMemory: "64mb" } } };
    const lines = findObject(await renderWith(values), "Secret").stringData["valkey.conf"];
    expect(lines.split("\n")).toContain("maxmemory 64mb");
    expect(lines.split("\n")).toContain("maxmemory-policy volatile-lru");
  });

  test("data goes with the pod, or stays in a volume until the release goes", async () => {
    const sets = (objects: readonly KubeObject[]) =>
      objects.filter(
        ({ kind, metadata }) => kind === "StatefulSet" && !/valkey/.test(metadata.name),
      );
    for (const { spec } of sets(await renderWith(evaluation))) {
      expect(spec.volumeClaimTemplates).toBeUndefined();
      expect(spec.template.spec.volumes).toContainEqual({ name: "data", emptyDir: {} });
    }
    for (const { spec } of sets(await renderWith(fullValues["mestore-stack"]))) {
      expect(spec.volumeClaimTemplates[0].metadata.name).toBe("data");
      expect(spec.volumeClaimTemplates[0].spec.storageClassName).toBe("fast");
      expect(spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe("Delete");
      expect(JSON.stringify(spec.template.spec.volumes ?? [])).not.toContain('"data"');
    }
  });

  test("only who needs a store may call it", async () => {
    const objects = await renderWith(fullValues["mestore-stack"]);
    const callers = (name: string) =>
      findObject(objects, "NetworkPolicy", name).spec.ingress[0].from.map(
        ({ podSelector }: KubeObject) => podSelector.matchLabels["app.kubernetes.io/name"],
      );
    expect(callers("shop-postgresql")).toEqual(["mestore", "mestore-demo"]);
    expect(callers("shop-valkey")).toEqual(["mestore"]);
    expect(callers("shop-chroma")).toEqual(["mestore"]);
    expect(callers("shop-prometheus")).toEqual(["mestore-operator"]);
  });

  test("their images are those that we build", async () => {
    const objects = await renderWith(evaluation);
    const images = objects.flatMap((object) =>
      (podTemplateOf(object)?.spec.containers ?? []).map(
        ({ image }: KubeObject) => image as string,
      ),
    );
    const names = new Set(images.map((image) => image.slice(0, image.lastIndexOf(":"))));
    expect(names).toEqual(new Set(imageNames.map((name) => `${imageRepository}/${name}`)));
  });

  test("their images can be others, from a registry that asks for a name", async () => {
    const objects = await renderWith({
      evaluation: {
        enabled: true,
        imagePullSecrets: [{ name: "registry" }],
        postgresql: { image: "r.example/postgres:18" },
        valkey: { image: "r.example/valkey:9" },
        prometheus: { image: "r.example/prometheus:v3" },
        seed: { image: "r.example/demo:1" },
      },
    });
    for (const [kind, name, image] of [
      ["StatefulSet", "shop-postgresql", "r.example/postgres:18"],
      ["StatefulSet", "shop-valkey", "r.example/valkey:9"],
      ["StatefulSet", "shop-prometheus", "r.example/prometheus:v3"],
      ["Job", "shop-seed", "r.example/demo:1"],
    ] as const) {
      const { spec } = findObject(objects, kind, name).spec.template;
      expect(spec.containers[0].image).toBe(image);
      expect(spec.imagePullSecrets).toEqual([{ name: "registry" }]);
    }
  });
});

describe("the Prometheus of an evaluation", () => {
  test("has a configuration and rules that promtool takes", async () => {
    const objects = await renderWith(evaluation);
    const { data } = findObject(objects, "ConfigMap", "shop-prometheus");
    expect(Object.keys(data)).toEqual([
      "prometheus.yml",
      "mestore.rules.yaml",
      "mestore-operator.rules.yaml",
    ]);
    const { scrape_configs: jobs, ...rest } = parse(data["prometheus.yml"]);
    const [{ kubernetes_sd_configs: discovery, ...job }] = jobs;
    expect(discovery).toEqual([{ role: "pod", namespaces: { own_namespace: true } }]);
    // The rules lie beside the configuration here, as they do in the pod. The discovery of pods is
    // looked at above: Debian builds its promtool without it.
    const config = { ...rest, rule_files: ["*.rules.yaml"], scrape_configs: [job] };
    const files = { ...data, "prometheus.yml": JSON.stringify(config) };
    const { exitCode, output } = await runPromtool(["check", "config", "prometheus.yml"], files);
    expect(output).toMatch(/SUCCESS: 2 rule files found/);
    expect(exitCode).toBe(0);
    expect(JSON.stringify(data)).not.toMatch(/RELEASE_/);
  });

  test("without the operator it has no rules of one", async () => {
    const objects = await renderWith({ ...evaluation, "mestore-operator": { enabled: false } });
    const { data } = findObject(objects, "ConfigMap", "shop-prometheus");
    expect(Object.keys(data)).toEqual(["prometheus.yml", "mestore.rules.yaml"]);
  });

  test("is asked by the pods of the operator, whatever they are called and wherever they are", async () => {
    const callers = (objects: readonly KubeObject[]) =>
      findObject(objects, "NetworkPolicy", "shop-prometheus").spec.ingress[0].from;
    const named = await renderWith({
      ...evaluation,
      "mestore-operator": { nameOverride: "tuner" },
    });
    const { selector } = findObject(named, "Deployment", "shop-tuner").spec;
    expect(callers(named)).toEqual([{ podSelector: selector }]);
    const without = await renderWith({ ...evaluation, "mestore-operator": { enabled: false } });
    expect(callers(without)).toEqual([
      {
        namespaceSelector: {},
        podSelector: { matchLabels: { "app.kubernetes.io/name": "mestore-operator" } },
      },
    ]);
  });

  test("reaches the API server where the operator does", async () => {
    const ports = async (values: object) =>
      findObject(
        await renderWith({ ...evaluation, "mestore-operator": values }),
        "NetworkPolicy",
        "shop-prometheus",
      ).spec.egress[0].ports.map(({ port }: KubeObject) => port);
    expect(await ports({ networkPolicy: { apiServerPorts: [16443] } })).toEqual([53, 53, 16443]);
    expect(await ports({ enabled: false })).toEqual([53, 53, 443, 6443]);
  });

  test("may see the pods of its namespace and nothing else", async () => {
    const { rules } = findObject(await renderWith(evaluation), "Role", "shop-prometheus");
    expect(rules).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]);
  });

  test("scrapes as often as the operator looks, however much faster than time that is", async () => {
    const intervalAt = async (timeScale: number, scrapeInterval = "") => {
      const { data } = findObject(
        await renderWith({
          evaluation: { enabled: true, prometheus: { scrapeInterval } },
          "mestore-operator": { timeScale },
        }),
        "ConfigMap",
        "shop-prometheus",
      );
      return parse(data["prometheus.yml"]).global.scrape_interval;
    };
    expect(await intervalAt(1)).toBe("5000ms");
    expect(await intervalAt(15)).toBe("1000ms");
    expect(await intervalAt(40)).toBe("375ms");
    expect(await intervalAt(15, "2s")).toBe("2s");
  });

  test("another configuration brings another pod", async () => {
    const hash = async (scrapeInterval: string) =>
      findObject(
        await renderWith({ evaluation: { enabled: true, prometheus: { scrapeInterval } } }),
        "StatefulSet",
        "shop-prometheus",
      ).spec.template.metadata.annotations["checksum/config"];
    expect(await hash("5s")).not.toBe(await hash("10s"));
  });
});

test("the seed runs once, after the install", async () => {
  const job = findObject(
    await renderWith({ evaluation: { enabled: true, seed: { products: 200 } } }),
    "Job",
    "shop-seed",
  );
  expect(job.metadata.annotations["helm.sh/hook"]).toBe("post-install");
  expect(job.spec.template.spec.containers[0].args).toEqual([
    "--postgres-env",
    "DATABASE_URL",
    "--products",
    "200",
  ]);
});

test("no object stands twice, and none is without the labels of the release", async () => {
  const objects = await charts.render("mestore-stack", {
    values: fullValues["mestore-stack"],
    apis: foreignApis,
  });
  const names = listNames(objects);
  expect(new Set(names).size).toBe(names.length);
  for (const { metadata } of objects)
    expect(metadata.labels).toMatchObject({
      "app.kubernetes.io/instance": "shop",
      "app.kubernetes.io/part-of": "mestore",
      "app.kubernetes.io/managed-by": "Helm",
    });
});
