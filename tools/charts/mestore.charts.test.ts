import { beforeAll, describe, expect, test } from "bun:test";
import { tuningConfigMapName, tuningDocumentKey } from "@mestore/contract/performance-profile";
import { parseConfig } from "@mestore/service/config";
import type { KubeObject } from "../cluster/api-client.ts";
import {
  createRenderer,
  findObject,
  foreignApis,
  fullValues,
  leastValues,
  listNames,
  type Renderer,
} from "./render.fixture.ts";

let charts: Renderer;

beforeAll(async () => {
  charts = await createRenderer(4);
});

const least = { postgresql: { existingSecret: "database" } };

const renderWith = (values: object = {}) =>
  charts.render("mestore", { values: { ...least, ...values } });

async function deploymentWith(values: object = {}): Promise<KubeObject> {
  return findObject(await renderWith(values), "Deployment").spec;
}

const containerOf = ({ template }: KubeObject): KubeObject => template.spec.containers[0];

const environmentOf = (spec: KubeObject): Record<string, KubeObject> =>
  Object.fromEntries(
    containerOf(spec).env.map(({ name, ...rest }: KubeObject) => [name, rest.value ?? rest]),
  );

test("by default: the shop, what scales it, what protects it, its migration and its test", async () => {
  expect(listNames(await renderWith())).toEqual([
    "ConfigMap shop-mestore-dashboards",
    "Deployment shop-mestore",
    "HorizontalPodAutoscaler shop-mestore",
    expect.stringMatching(/^Job shop-mestore-migrate-[0-9a-f]{8}$/),
    "NetworkPolicy shop-mestore",
    "Pod shop-mestore-test",
    "PodDisruptionBudget shop-mestore",
    "Service shop-mestore",
  ]);
});

test("with everything on", async () => {
  const objects = await charts.render("mestore", { values: fullValues.mestore, apis: foreignApis });
  expect(listNames(objects).filter((name) => !name.startsWith("Job"))).toEqual([
    "ConfigMap shop-mestore-dashboards",
    "Deployment shop-mestore",
    "HTTPRoute shop-mestore",
    "HorizontalPodAutoscaler shop-mestore",
    "Ingress shop-mestore",
    "NetworkPolicy shop-mestore",
    "PerformanceProfile storefront",
    "Pod shop-mestore-test",
    "PodDisruptionBudget shop-mestore",
    "PrometheusRule shop-mestore",
    "Secret shop-mestore-stores",
    "Service shop-mestore",
    "Service shop-mestore-metrics",
    "ServiceMonitor shop-mestore",
  ]);
});

test("each part can be turned off", async () => {
  const off = { enabled: false };
  const values = {
    autoscaling: off,
    podDisruptionBudget: off,
    networkPolicy: off,
    migration: off,
    monitoring: { serviceMonitor: off, prometheusRule: off, dashboard: off },
  };
  const objects = await charts.render("mestore", {
    values: { ...least, ...values },
    apis: foreignApis,
  });
  expect(listNames(objects)).toEqual([
    "Deployment shop-mestore",
    "Pod shop-mestore-test",
    "Service shop-mestore",
  ]);
});

describe("the number of pods", () => {
  const scaling = { enabled: true, spec: { mode: "Auto", scaling: { mode: "Auto" } } };
  const off = { autoscaling: { enabled: false } };
  const cases: readonly (readonly [string, object, number | undefined])[] = [
    ["is the HPA's", {}, undefined],
    ["is the chart's without one", off, 2],
    ["is what the values say", { ...off, replicas: 5 }, 5],
    ["may be zero", { ...off, replicas: 0 }, 0],
    ["is somebody else's with replicas: null", { ...off, replicas: null }, undefined],
    ["is the chart's whatever a profile says of scaling", { ...off, profile: scaling }, 2],
  ];
  for (const [what, values, replicas] of cases)
    test(what, async () => {
      expect((await deploymentWith(values)).replicas).toBe(replicas);
    });

  test("the HPA is there whatever a profile says of scaling", async () => {
    expect(listNames(await renderWith({ profile: scaling }))).toContain(
      "HorizontalPodAutoscaler shop-mestore",
    );
  });

  test("the HPA aims at the CPU of the service's own container", async () => {
    const { spec } = findObject(await renderWith(), "HorizontalPodAutoscaler");
    expect(spec).toEqual({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop-mestore" },
      minReplicas: 2,
      maxReplicas: 8,
      metrics: [
        {
          type: "ContainerResource",
          containerResource: {
            name: "cpu",
            container: "service",
            target: { type: "Utilization", averageUtilization: 60 },
          },
        },
      ],
    });
    expect(containerOf(await deploymentWith()).name).toBe("service");
  });
});

describe("the stores", () => {
  const names = async (values: object) => {
    const objects = await charts.render("mestore", { values });
    const { DATABASE_URL, REDIS_URL } = environmentOf(findObject(objects, "Deployment").spec);
    return {
      secret: objects.find(({ kind }) => kind === "Secret")?.stringData,
      database: DATABASE_URL?.valueFrom.secretKeyRef,
      redis: REDIS_URL?.valueFrom.secretKeyRef,
    };
  };

  test("URLs go to a Secret of the release, and nowhere else", async () => {
    const values = {
      postgresql: { url: "postgresql://shop:pa55@database/shop" },
      redis: { url: "redis://:pa55@cache" },
    };
    expect(await names(values)).toEqual({
      secret: { DATABASE_URL: values.postgresql.url, REDIS_URL: values.redis.url },
      database: { name: "shop-mestore-stores", key: "DATABASE_URL" },
      redis: { name: "shop-mestore-stores", key: "REDIS_URL" },
    });
    const text = await charts.renderText("mestore", { values });
    expect(text.split("pa55").length - 1).toBe(2);
  });

  test("Secrets of others are named, with their own keys, and templates in the names", async () => {
    expect(
      await names({
        postgresql: { existingSecret: "{{ .Release.Name }}-db-app", existingSecretKey: "uri" },
        redis: { existingSecret: "cache", existingSecretKey: "url" },
      }),
    ).toEqual({
      secret: undefined,
      database: { name: "shop-db-app", key: "uri" },
      redis: { name: "cache", key: "url" },
    });
  });

  test("Redis may be missing; PostgreSQL may not", async () => {
    expect((await names(least)).redis).toBeUndefined();
    await expect(charts.render("mestore", { values: {} })).rejects.toThrow("PostgreSQL is needed");
  });

  test("another URL brings new pods", async () => {
    const withUrl = (url: string) =>
      charts
        .render("mestore", { values: { postgresql: { url } } })
        .then((objects) => findObject(objects, "Deployment").spec.template.metadata.annotations);
    expect(await withUrl("postgresql://a/b")).not.toEqual(await withUrl("postgresql://a/c"));
  });

  test("the hash of a URL tells nobody that another release has the same", async () => {
    const values = { postgresql: { url: "postgresql://a/b" } };
    const hashes = await Promise.all(
      [{}, { release: "other" }, { namespace: "other" }].map(async (place) => {
        const objects = await charts.render("mestore", { values, ...place });
        const { annotations } = findObject(objects, "Deployment").spec.template.metadata;
        return annotations["checksum/stores"];
      }),
    );
    expect(new Set(hashes).size).toBe(3);
  });
});

describe("the pods", () => {
  test("read the profile's tuning document from a directory that may be missing", async () => {
    const spec = await deploymentWith({ profile: { name: "black-friday" } });
    expect(spec.template.spec.volumes).toEqual([
      {
        name: "tuning",
        configMap: { name: tuningConfigMapName("black-friday"), optional: true },
      },
    ]);
    const [mount] = containerOf(spec).volumeMounts;
    expect(mount).toEqual({ name: "tuning", mountPath: "/etc/mestore/tuning", readOnly: true });
    expect(environmentOf(spec)["TUNING_FILE"]).toBe(`${mount.mountPath}/${tuningDocumentKey}`);
  });

  test("have an environment that the service takes", async () => {
    const environment = environmentOf(
      await deploymentWith({ drainSeconds: 7.5, logLevel: "debug" }),
    );
    const parsed = parseConfig({ ...environment, DATABASE_URL: "postgresql://a/b" });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    const { port, metricsPort, drainSeconds, tuningFile, logLevel } = parsed.value;
    expect({ drainSeconds, tuningFile, logLevel }).toEqual({
      drainSeconds: 7.5,
      tuningFile: "/etc/mestore/tuning/tuning.json",
      logLevel: "debug",
    });
    const { ports } = containerOf(await deploymentWith());
    expect(ports).toEqual([
      { name: "http", containerPort: port },
      { name: "metrics", containerPort: metricsPort },
    ]);
  });

  test("get more time to end than their drain takes", async () => {
    for (const drainSeconds of [0, 5, 7.5, 300]) {
      const spec = await deploymentWith({ drainSeconds });
      // service/src/http/drain.ts: 5 s for requests in flight; the rest closes the stores.
      expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
        drainSeconds + 5 + 5,
      );
    }
  });

  test("are probed: alive without a store, ready with one", async () => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf(await deploymentWith());
    const asks = (probe: KubeObject) => [probe.httpGet.path, probe.httpGet.port];
    expect(asks(startupProbe)).toEqual(["/livez", "http"]);
    expect(asks(livenessProbe)).toEqual(["/livez", "http"]);
    expect(asks(readinessProbe)).toEqual(["/readyz", "http"]);
  });

  test("an upgrade never has fewer pods than before", async () => {
    expect((await deploymentWith()).strategy).toEqual({
      type: "RollingUpdate",
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    });
  });

  test("are spread over zones and nodes, release by release", async () => {
    const spec = await deploymentWith();
    expect(spec.template.spec.topologySpreadConstraints).toEqual(
      ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: spec.selector,
        matchLabelKeys: ["pod-template-hash"],
      })),
    );
  });

  test("take what a cluster asks of them", async () => {
    const { template } = await deploymentWith(fullValues.mestore);
    expect(template.metadata.labels).toMatchObject({ team: "shop" });
    expect(template.metadata.annotations).toMatchObject({ "example.org/note": "yes" });
    expect(template.spec).toMatchObject({
      imagePullSecrets: [{ name: "registry" }],
      nodeSelector: { "kubernetes.io/os": "linux" },
      tolerations: [{ key: "dedicated", operator: "Exists" }],
      affinity: { podAntiAffinity: {} },
      priorityClassName: "high",
    });
    expect(template.spec.containers[0].env.at(-1)).toEqual({ name: "TZ", value: "UTC" });
  });

  test("are not replaced by another version of the chart alone", async () => {
    const { template } = await deploymentWith();
    expect(JSON.stringify(template.metadata)).not.toContain("0.1.0");
  });

  test("run the image by tag or by digest", async () => {
    const image = async (values: object) =>
      containerOf(await deploymentWith({ image: values })).image;
    const digest = `sha256:${"a".repeat(64)}`;
    expect(await image({})).toBe("mestore.dev/service:0.1.0");
    expect(await image({ repository: "r.example/s", tag: "9" })).toBe("r.example/s:9");
    expect(await image({ tag: "9", digest })).toBe(`mestore.dev/service@${digest}`);
  });
});

describe("the migration", () => {
  const nameWith = async (values: object = {}) =>
    findObject(await renderWith(values), "Job").metadata.name;

  test("is no hook, and another image or database is another Job", async () => {
    const job = findObject(await renderWith(), "Job");
    expect(job.metadata.annotations).toBeUndefined();
    expect(job.spec.template.spec.containers[0].args).toEqual(["migrate"]);
    const names = [
      await nameWith(),
      await nameWith({ image: { tag: "0.2.0" } }),
      await nameWith({ postgresql: { existingSecret: "other" } }),
    ];
    expect(new Set(names).size).toBe(3);
  });

  test("stays the same Job when only the pods of the shop change", async () => {
    expect(await nameWith({ drainSeconds: 9, resources: {}, podLabels: { a: "b" } })).toBe(
      await nameWith(),
    );
  });

  test("its pods are no pods of the Service, the budget or the Deployment", async () => {
    const objects = await renderWith();
    const labels = findObject(objects, "Job").spec.template.metadata.labels;
    const selectors = [
      findObject(objects, "Service").spec.selector,
      findObject(objects, "PodDisruptionBudget").spec.selector.matchLabels,
      findObject(objects, "Deployment").spec.selector.matchLabels,
    ];
    for (const selector of selectors) expect(selects(selector, labels)).toBe(false);
  });
});

const selects = (selector: KubeObject, labels: KubeObject): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

describe("the network", () => {
  test("in: the API from anybody, the metrics from the operator and Prometheus; out: DNS, stores, itself", async () => {
    const { spec } = findObject(await renderWith(), "NetworkPolicy");
    const [http, metrics] = spec.ingress;
    expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(http).toEqual({ ports: [{ port: "http" }] });
    expect(metrics.ports).toEqual([{ port: "metrics" }]);
    expect(metrics.from[0].podSelector.matchExpressions[0].values).toEqual([
      "mestore-operator",
      "prometheus",
    ]);
    expect(
      spec.egress.flatMap(({ ports }: KubeObject) => ports.map(({ port }: KubeObject) => port)),
    ).toEqual([53, 53, 5432, 6379, "http"]);
  });

  test("with nobody named, nobody reads the metrics", async () => {
    const policy = async (chart: "mestore" | "mestore-operator", values: object) =>
      findObject(
        await charts.render(chart, { values: { ...values, networkPolicy: { metricsFrom: [] } } }),
        "NetworkPolicy",
      ).spec;
    expect((await policy("mestore", least)).ingress).toEqual([{ ports: [{ port: "http" }] }]);
    const { ingress, policyTypes } = await policy("mestore-operator", {});
    expect([ingress, policyTypes]).toEqual([undefined, ["Ingress", "Egress"]]);
  });

  test("without rules of one's own the pods reach one another and nothing else", async () => {
    for (const egress of [[], null]) {
      const { spec } = findObject(await renderWith({ networkPolicy: { egress } }), "NetworkPolicy");
      expect(spec.egress.map(({ ports }: KubeObject) => ports)).toEqual([[{ port: "http" }]]);
    }
  });

  test("who may call the API can be narrowed, and helm test still can", async () => {
    const objects = await renderWith(fullValues.mestore);
    const [{ from }] = findObject(objects, "NetworkPolicy").spec.ingress;
    const [own, web] = from;
    expect(web).toEqual({ namespaceSelector: { matchLabels: { team: "web" } } });
    const { labels } = findObject(objects, "Pod").metadata;
    expect(selects(own.podSelector.matchLabels, labels)).toBe(true);
  });

  test("the policy covers every pod of the release", async () => {
    const objects = await renderWith();
    const selector = findObject(objects, "NetworkPolicy").spec.podSelector.matchLabels;
    for (const labels of [
      findObject(objects, "Deployment").spec.template.metadata.labels,
      findObject(objects, "Job").spec.template.metadata.labels,
      findObject(objects, "Pod").metadata.labels,
    ])
      expect(selects(selector, labels)).toBe(true);
  });

  test("the metrics are not in the Service that a balancer may publish", async () => {
    const objects = await charts.render("mestore", { apis: foreignApis });
    const ports = (name: string) => findObject(objects, "Service", name).spec.ports;
    expect(ports("shop-mestore")).toEqual([
      { name: "http", port: 8000, targetPort: "http", protocol: "TCP", appProtocol: "http" },
    ]);
    expect(ports("shop-mestore-metrics")[0].port).toBe(9464);
    const monitor = findObject(objects, "ServiceMonitor").spec;
    const scraped = findObject(objects, "Service", "shop-mestore-metrics").metadata.labels;
    const api = findObject(objects, "Service", "shop-mestore").metadata.labels;
    expect(selects(monitor.selector.matchLabels, scraped)).toBe(true);
    expect(selects(monitor.selector.matchLabels, api)).toBe(false);
  });

  test("Ingress and HTTPRoute lead to the Service's port", async () => {
    const objects = await charts.render("mestore", {
      values: fullValues.mestore,
      apis: foreignApis,
    });
    const ingress = findObject(objects, "Ingress").spec;
    expect(ingress.ingressClassName).toBe("nginx");
    expect(ingress.rules[0].http.paths[0].backend.service).toEqual({
      name: "shop-mestore",
      port: { name: "http" },
    });
    expect(findObject(objects, "HTTPRoute").spec.rules[0].backendRefs).toEqual([
      { name: "shop-mestore", port: 8000 },
    ]);
  });
});

test("the profile names the Deployment and its container", async () => {
  const objects = await renderWith(fullValues.mestore);
  const { spec } = findObject(objects, "PerformanceProfile");
  const deployment = findObject(objects, "Deployment");
  expect(spec).toEqual({
    targetRef: {
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata.name,
      container: deployment.spec.template.spec.containers[0].name,
    },
    mode: "Auto",
    metrics: { scrape: { port: "metrics" } },
  });
});

describe("what Prometheus and Grafana get", () => {
  test("rules of this release alone", async () => {
    const objects = await charts.render("mestore", { apis: foreignApis, release: "eu" });
    const text = JSON.stringify(findObject(objects, "PrometheusRule").spec);
    expect(text).toContain(String.raw`namespace=\"web\",pod=~\"eu-mestore-`);
    expect(text).not.toMatch(/RELEASE_/);
  });

  test("the dashboard under the label of Grafana's sidecar", async () => {
    const { metadata, data } = findObject(await renderWith(), "ConfigMap");
    expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(JSON.parse(data["mestore-sla.json"]).uid).toBe("mestore-sla");
  });

  test("the dashboard without a sidecar's labels", async () => {
    for (const labels of [{ grafana_dashboard: null }, null]) {
      const objects = await renderWith({ monitoring: { dashboard: { labels } } });
      const { metadata } = findObject(objects, "ConfigMap");
      expect(metadata.labels).not.toHaveProperty("grafana_dashboard");
    }
  });

  test("labels by which they are selected", async () => {
    const labels = { release: "kube-prometheus" };
    const values = {
      ...least,
      monitoring: { serviceMonitor: { labels }, prometheusRule: { labels } },
    };
    const objects = await charts.render("mestore", { values, apis: foreignApis });
    for (const kind of ["ServiceMonitor", "PrometheusRule"])
      expect(findObject(objects, kind).metadata.labels).toMatchObject(labels);
  });
});

test("helm test asks through the Service, with the service's own health check", async () => {
  const objects = await renderWith({ service: { port: 80 } });
  const { metadata, spec } = findObject(objects, "Pod");
  expect(metadata.annotations["helm.sh/hook"]).toBe("test");
  // It asks again, and not for ever.
  expect([spec.restartPolicy, spec.activeDeadlineSeconds]).toEqual(["OnFailure", 60]);
  const [{ image, args, env }] = spec.containers;
  expect([image, ...args]).toEqual(["mestore.dev/service:0.1.0", "health"]);
  const given = Object.fromEntries(env.map(({ name, value }: KubeObject) => [name, value]));
  const parsed = parseConfig({ ...given, DATABASE_URL: "postgresql://a/b" });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  // service/src/http/health-check.ts asks where the configuration says that it would listen.
  const { host, port } = parsed.value;
  const { metadata: named, spec: offered } = findObject(objects, "Service");
  expect([host, port]).toEqual([named.name, offered.ports[0].port]);
});

describe("names stay within what Kubernetes takes, whatever the release is called", () => {
  const release = "a-release-with-a-name-of-fifty-three-characters-in-it";
  // A pod's name is cut at 58 before its five random characters; a hash is ten of them at most.
  const mostForDeployment = 58 - "-".length - 10 - "-".length;

  for (const chart of ["mestore", "mestore-operator"] as const)
    for (const values of [
      {},
      { nameOverride: "n".repeat(63) },
      { fullnameOverride: "f".repeat(mostForDeployment) },
    ])
      test(`${chart} ${Object.keys(values).join()}`, async () => {
        const objects = await charts.render(chart, {
          values: { ...leastValues[chart], ...values },
          apis: foreignApis,
          release,
        });
        for (const { kind, metadata } of objects)
          if (!kind.includes("Role")) expect(metadata.name.length).toBeLessThanOrEqual(63);
        const { name } = findObject(objects, "Deployment").metadata;
        expect(name.length).toBeLessThanOrEqual(mostForDeployment);
        expect(name).toMatch(/^[a-z][a-z0-9-]*[a-z0-9]$/);
      });

  test("a long release gives way, not the name of the chart", async () => {
    for (const chart of ["mestore", "mestore-operator"] as const) {
      const objects = await charts.render(chart, { release });
      const { name } = findObject(objects, "Deployment").metadata;
      expect(name).toMatch(new RegExp(`^a-release-with-a-name-[a-z-]*-${chart}$`));
    }
  });
});
