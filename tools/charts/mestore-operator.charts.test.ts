import { beforeAll, describe, expect, test } from "bun:test";
import { parseConfig } from "@mestore/operator/config";
import { leasePermissions, type Permission, permissions } from "@mestore/operator/kube/permissions";
import type { KubeObject } from "../cluster/api-client.ts";
import {
  createRenderer,
  findObject,
  foreignApis,
  fullValues,
  listNames,
  type Renderer,
} from "./render.fixture.ts";

let charts: Renderer;

beforeAll(async () => {
  charts = await createRenderer(4);
});

const renderWith = (values: object = {}) => charts.render("mestore-operator", { values });

test("by default: two operators for the namespace of the release", async () => {
  expect(listNames(await renderWith())).toEqual([
    "Deployment shop-mestore-operator",
    "Job shop-mestore-operator-release",
    "NetworkPolicy shop-mestore-operator",
    "PodDisruptionBudget shop-mestore-operator",
    "Role shop-mestore-operator-lease",
    "Role web-shop-mestore-operator",
    "RoleBinding shop-mestore-operator-lease",
    "RoleBinding web-shop-mestore-operator",
    "ServiceAccount shop-mestore-operator",
  ]);
  expect(findObject(await renderWith(), "Deployment").spec.replicas).toBe(2);
});

test("with everything on", async () => {
  const objects = await charts.render("mestore-operator", {
    values: fullValues["mestore-operator"],
    apis: foreignApis,
  });
  expect(listNames(objects)).toEqual([
    "ClusterRole web-shop-mestore-operator",
    "ClusterRoleBinding web-shop-mestore-operator",
    "Deployment shop-mestore-operator",
    "Job shop-mestore-operator-release",
    "NetworkPolicy shop-mestore-operator",
    "PodDisruptionBudget shop-mestore-operator",
    "PrometheusRule shop-mestore-operator",
    "Role shop-mestore-operator-lease",
    "RoleBinding shop-mestore-operator-lease",
    "Service shop-mestore-operator-metrics",
    "ServiceAccount shop-mestore-operator",
    "ServiceMonitor shop-mestore-operator",
  ]);
});

test("each part can be turned off", async () => {
  const off = { enabled: false };
  const objects = await charts.render("mestore-operator", {
    values: {
      podDisruptionBudget: off,
      networkPolicy: off,
      releaseProfiles: off,
      monitoring: { serviceMonitor: off, prometheusRule: off },
    },
    apis: foreignApis,
  });
  expect(listNames(objects).filter((name) => !/^(Role|ServiceAccount)/.test(name))).toEqual([
    "Deployment shop-mestore-operator",
  ]);
});

/** `group/resource verb` of every rule. */
const grants = (rules: readonly Rule[]): string[] =>
  rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`)),
      ),
    )
    .sort();

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const needs = (list: readonly Permission[]): string[] =>
  list
    .flatMap(({ group, resource, verbs }) => verbs.map((verb) => `${group}/${resource} ${verb}`))
    .sort();

const byName = (reason: string) =>
  permissions.filter(({ only }) => only?.includes(reason) === true);

describe("what the operator may do", () => {
  const always = permissions.filter(({ only }) => only === undefined);
  const otherKinds = byName("kind other than Deployment");
  const credentials = byName("metrics.prometheus.auth");
  const annotate = byName("Annotate");

  const grantedWith = async (values: object, kind = "Role") =>
    grants(findObject(await renderWith(values), kind, "web-shop-mestore-operator").rules);

  test("every permission that the program knows is either needed always or asked for by a value", () => {
    expect(new Set([...always, ...otherKinds, ...credentials, ...annotate])).toEqual(
      new Set(permissions),
    );
  });

  test("exactly what the program needs", async () => {
    expect(await grantedWith({ scalableTargets: [] })).toEqual(needs(always));
    expect(await grantedWith({})).toEqual(needs([...always, ...otherKinds]));
  });

  test("more only where a value asks for it", async () => {
    const least = { scalableTargets: [] };
    expect(await grantedWith({ ...least, metricsCredentials: { enabled: true } })).toEqual(
      needs([...always, ...credentials]),
    );
    expect(await grantedWith({ ...least, delivery: { annotate: true } })).toEqual(
      needs([...always, ...annotate]),
    );
  });

  test("the same for all namespaces", async () => {
    expect(await grantedWith({ clusterWide: true }, "ClusterRole")).toEqual(await grantedWith({}));
  });

  test("the lease, by its name", async () => {
    const { rules } = findObject(await renderWith(), "Role", "shop-mestore-operator-lease");
    expect(grants(rules)).toEqual(needs(leasePermissions));
    expect(rules.map(({ verbs, resourceNames }: KubeObject) => [verbs, resourceNames])).toEqual([
      [["create"], undefined],
      [["get", "update"], ["shop-mestore-operator"]],
    ]);
  });

  test("Secrets one at a time, and only those that are named where some are", async () => {
    const values = { metricsCredentials: { enabled: true, secretNames: ["prometheus"] } };
    const { rules } = findObject(await renderWith(values), "Role", "web-shop-mestore-operator");
    expect(rules.filter(({ resources }: KubeObject) => resources.includes("secrets"))).toEqual([
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["prometheus"], verbs: ["get"] },
    ]);
  });

  test("no wildcard anywhere", async () => {
    const objects = await renderWith(fullValues["mestore-operator"]);
    const rules = objects.flatMap((object) => object.rules ?? []);
    expect(JSON.stringify(rules)).not.toContain("*");
  });

  test("one Role in each watched namespace, bound to the account of the release", async () => {
    const objects = await renderWith({ watchNamespaces: ["eu", "us"] });
    for (const kind of ["Role", "RoleBinding"])
      expect(
        objects
          .filter((one) => one.kind === kind && one.metadata.namespace !== undefined)
          .map((one) => [one.metadata.namespace, one.metadata.name]),
      ).toEqual([
        ["eu", "web-shop-mestore-operator"],
        ["us", "web-shop-mestore-operator"],
      ]);
    for (const { subjects } of objects.filter(({ kind }) => kind === "RoleBinding"))
      expect(subjects).toEqual([
        { kind: "ServiceAccount", name: "shop-mestore-operator", namespace: "web" },
      ]);
  });
});

describe("the arguments", () => {
  const configOf = async (values: object, kind: "Deployment" | "Job" = "Deployment") => {
    const { spec } = findObject(await renderWith(values), kind);
    const parsed = parseConfig(spec.template.spec.containers[0].args);
    if (!parsed.ok) throw new Error(parsed.text);
    if (parsed.config.source !== "kubernetes") throw new Error(parsed.config.source);
    return parsed.config;
  };

  test("are those that the program takes", async () => {
    expect(await configOf({})).toMatchObject({
      task: "run",
      namespaces: ["web"],
      lease: { namespace: "web", name: "shop-mestore-operator" },
      prometheusAllow: [],
      metricsPort: 8080,
      timeScale: 1,
    });
    expect(await configOf({ ...fullValues["mestore-operator"], logLevel: "debug" })).toMatchObject({
      namespaces: null,
      prometheusAllow: ["prometheus.web.svc:9090"],
      timeScale: 15,
      logLevel: "debug",
    });
    expect((await configOf({ watchNamespaces: ["eu", "us"] })).namespaces).toEqual(["eu", "us"]);
  });

  test("before an uninstall: the same operator lets go, with the same lease", async () => {
    const { task, ...rest } = await configOf({ watchNamespaces: ["eu"] }, "Job");
    const { task: other, ...working } = await configOf({ watchNamespaces: ["eu"] });
    expect([task, other]).toEqual(["release", "run"]);
    expect(rest).toEqual(working);
    const objects = await renderWith();
    const job = findObject(objects, "Job");
    expect(job.metadata.annotations["helm.sh/hook"]).toBe("pre-delete");
    // The program takes 195 s at most; whoever uninstalls is told of a failure soon after.
    expect([job.spec.backoffLimit, job.spec.activeDeadlineSeconds]).toEqual([1, 210]);
    expect(job.spec.template.spec.serviceAccountName).toBe(
      findObject(objects, "Deployment").spec.template.spec.serviceAccountName,
    );
  });
});

describe("the pods", () => {
  test("are probed on the port of their metrics", async () => {
    const [container] = findObject(await renderWith(), "Deployment").spec.template.spec.containers;
    expect(container.ports).toEqual([{ name: "metrics", containerPort: 8080 }]);
    for (const [probe, path] of [
      [container.startupProbe, "/livez"],
      [container.readinessProbe, "/readyz"],
      [container.livenessProbe, "/livez"],
    ] as const)
      expect(probe.httpGet).toEqual({ path, port: "metrics" });
  });

  test("take what a cluster asks of them", async () => {
    const { template } = findObject(
      await renderWith(fullValues["mestore-operator"]),
      "Deployment",
    ).spec;
    expect(template.metadata.labels).toMatchObject({ team: "shop" });
    expect(template.metadata.annotations).toEqual({ "example.org/note": "yes" });
    expect(template.spec).toMatchObject({
      imagePullSecrets: [{ name: "registry" }],
      nodeSelector: { "kubernetes.io/os": "linux" },
      tolerations: [{ key: "dedicated", operator: "Exists" }],
      affinity: { podAntiAffinity: {} },
      priorityClassName: "high",
    });
  });

  test("may call the API server, Prometheus and the metrics of pods; Prometheus may call them", async () => {
    const { spec } = findObject(await renderWith(), "NetworkPolicy");
    expect(spec.ingress[0].ports).toEqual([{ port: "metrics" }]);
    const ports = spec.egress.flatMap((rule: KubeObject) =>
      rule.ports.map(({ port }: KubeObject) => port),
    );
    expect(ports).toEqual([443, 6443, 53, 53, 9090, 9464]);
  });

  test("may always call the API server, on the ports that the cluster has it on", async () => {
    for (const egress of [[], null]) {
      const values = { networkPolicy: { egress, apiServerPorts: [16443] } };
      const { spec } = findObject(await renderWith(values), "NetworkPolicy");
      expect(spec.egress).toEqual([{ ports: [{ port: 16443, protocol: "TCP" }] }]);
    }
  });
});

test("the rules look at this operator alone", async () => {
  const objects = await charts.render("mestore-operator", { apis: foreignApis });
  const text = JSON.stringify(findObject(objects, "PrometheusRule").spec);
  expect(text).toContain(String.raw`namespace=\"web\",pod=~\"shop-mestore-operator-`);
  expect(text).not.toMatch(/RELEASE_/);
});
