import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { profileFinalizer } from "@mestore/contract/performance-profile";
import { parse } from "yaml";
import { contentTypes, type KubeObject } from "../cluster/api-client.ts";
import { startCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { waitFor } from "../stack/wait-for.ts";
import { type HelmMajor, helmMajors } from "./helm.ts";
import { writeCrds } from "./package-charts.ts";
import { createRenderer, type Renderer } from "./render.fixture.ts";

/**
 * Whole releases on a real API server with its controllers, and no node: Helm, admission and garbage
 * collection are real, and no container runs.
 */
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
}, 60_000);

afterAll(() => cluster.stop());

const crdPath =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/performanceprofiles.mestore.dev";

const exists = (path: string): Promise<boolean> =>
  cluster.fetch("GET", path).then((response) => response.ok);

/** Collections that a release can have objects in; each object carries the label of its release. */
const collections = [
  "/api/v1/namespaces/NS/configmaps",
  "/api/v1/namespaces/NS/persistentvolumeclaims",
  "/api/v1/namespaces/NS/pods",
  "/api/v1/namespaces/NS/secrets",
  "/api/v1/namespaces/NS/serviceaccounts",
  "/api/v1/namespaces/NS/services",
  "/apis/apps/v1/namespaces/NS/deployments",
  "/apis/apps/v1/namespaces/NS/statefulsets",
  "/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
  "/apis/batch/v1/namespaces/NS/jobs",
  "/apis/mestore.dev/v1alpha1/namespaces/NS/performanceprofiles",
  "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies",
  "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
  "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
] as const;

/** `deployments shop-mestore` of everything that is left of a release. */
async function listRelease(namespace: string, release: string): Promise<string[]> {
  const lists = await Promise.all(
    collections.map(async (collection) => {
      const path = collection.replace("NS", namespace);
      const { items } = await cluster.request(
        "GET",
        `${path}?labelSelector=app.kubernetes.io/instance=${release}`,
      );
      const kind = path.slice(path.lastIndexOf("/") + 1);
      return (items as KubeObject[]).map(({ metadata }) => `${kind} ${metadata.name}`);
    }),
  );
  return lists.flat().sort();
}

/** What a kubelet would say once the only pod of a Job has done its work. */
async function finishJob(namespace: string, job: string): Promise<void> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const pod = await waitFor(
    async () => {
      const { items } = await cluster.request(
        "GET",
        `${pods}?labelSelector=batch.kubernetes.io/job-name=${job}`,
      );
      return items[0];
    },
    { what: `a pod of the Job ${job}`, timeoutMs: 20_000 },
  );
  await cluster.request("PATCH", `${pods}/${pod.metadata.name}/status`, {
    status: { phase: "Succeeded" },
  });
}

interface Session {
  readonly charts: Renderer;
  readonly namespace: string;
  /** Helm with the namespace of the session. */
  helm(...args: readonly string[]): Promise<string>;
  values(values: object): Promise<string>;
}

async function startSession(major: HelmMajor): Promise<Session> {
  const charts = await createRenderer(major, cluster.kubeconfig);
  const namespace = await cluster.createNamespace();
  return {
    charts,
    namespace,
    helm: (...args) => charts.helm.run([...args, `--namespace=${namespace}`]),
    values: async (values) => `--values=${await charts.writeValues(values)}`,
  };
}

const evaluation = (more: object = {}) => ({
  evaluation: { enabled: true, persistence: { enabled: true } },
  ...more,
});

for (const major of helmMajors)
  describe(`Helm ${major}: a stack with its stores`, () => {
    let session: Session;
    let secret: KubeObject;

    const get = (path: string) => cluster.request("GET", path.replace("NS", session.namespace));

    beforeAll(async () => {
      if (await exists(crdPath)) {
        await cluster.request("DELETE", crdPath);
        await waitFor(async () => !(await exists(crdPath)), { what: "the CRD to go" });
      }
      session = await startSession(major);
    }, 60_000);

    test("installs: the CRD first, then its profile; the seed after everything else", async () => {
      const { charts, namespace, helm, values } = session;
      const installed = helm(
        "install",
        "shop",
        charts.packages["mestore-stack"],
        await values(evaluation()),
      );
      await finishJob(namespace, "shop-seed");
      expect(await installed).toContain("STATUS: deployed");
      expect(await exists(crdPath)).toBe(true);
      const { spec } = await get(
        "/apis/mestore.dev/v1alpha1/namespaces/NS/performanceprofiles/storefront",
      );
      expect(spec.targetRef.name).toBe("shop-mestore");
      secret = await get("/api/v1/namespaces/NS/secrets/shop-evaluation");
      const names = await listRelease(namespace, "shop");
      expect(names).toContain("horizontalpodautoscalers shop-mestore");
      // A hook that has done its work is gone.
      expect(names).not.toContain("jobs shop-seed");
    }, 60_000);

    test("an upgrade keeps the passwords and the number of pods, and brings another migration", async () => {
      const { charts, namespace, helm, values } = session;
      const jobs = async (): Promise<string[]> =>
        (await listRelease(namespace, "shop")).filter((name) =>
          name.startsWith("jobs shop-mestore-migrate-"),
        );
      const scale = "/apis/apps/v1/namespaces/NS/deployments/shop-mestore/scale";
      // As an HPA does it.
      await cluster.request("PATCH", scale.replace("NS", namespace), { spec: { replicas: 5 } });
      const before = await jobs();
      await helm(
        "upgrade",
        "shop",
        charts.packages["mestore-stack"],
        await values(evaluation({ mestore: { image: { tag: "0.1.1" }, drainSeconds: 9 } })),
      );
      expect((await get("/api/v1/namespaces/NS/secrets/shop-evaluation")).data).toEqual(
        secret.data,
      );
      const deployment = await get("/apis/apps/v1/namespaces/NS/deployments/shop-mestore");
      expect(deployment.spec.replicas).toBe(5);
      expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBe(19);
      await waitFor(async () => (await jobs()).length === 1, { what: "the old migration to go" });
      expect(await jobs()).not.toEqual(before);
    }, 60_000);

    test("Helm never says how many pods there are", async () => {
      const { metadata } = await get("/apis/apps/v1/namespaces/NS/deployments/shop-mestore");
      const byHelm = (metadata.managedFields as KubeObject[]).filter(
        ({ manager }) => manager === "helm",
      );
      expect(byHelm).toHaveLength(1);
      expect(Object.keys(byHelm[0].fieldsV1["f:spec"])).not.toContain("f:replicas");
    });

    test("a rollback is an upgrade as well", async () => {
      const { helm } = session;
      await helm("rollback", "shop", "1");
      const deployment = await get("/apis/apps/v1/namespaces/NS/deployments/shop-mestore");
      expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBe(15);
      expect(deployment.spec.replicas).toBe(5);
    }, 60_000);

    test("an uninstall lets the profiles go first, and leaves nothing but the CRD", async () => {
      const { namespace, helm } = session;
      const profile = `/apis/mestore.dev/v1alpha1/namespaces/${namespace}/performanceprofiles/storefront`;
      // The operator holds a profile that it has written for.
      await cluster.request("PATCH", profile, { metadata: { finalizers: [profileFinalizer] } });
      const uninstalled = helm("uninstall", "shop");
      // What the Job would do.
      await waitFor(
        () => exists(`/apis/batch/v1/namespaces/${namespace}/jobs/shop-mestore-operator-release`),
        { what: "the Job that lets go", timeoutMs: 20_000 },
      );
      expect(await exists(profile)).toBe(true);
      await cluster.request("PATCH", profile, { metadata: { finalizers: null } });
      await finishJob(namespace, "shop-mestore-operator-release");
      await uninstalled;
      await waitFor(async () => (await listRelease(namespace, "shop")).length === 0, {
        what: `everything of the release to go`,
        timeoutMs: 30_000,
      });
      expect(await exists(crdPath)).toBe(true);
    }, 90_000);
  });

test("a release of Helm 3 goes on with Helm 4", async () => {
  const old = await startSession(3);
  const path = `/apis/apps/v1/namespaces/${old.namespace}/deployments/shop-mestore`;
  const values = { postgresql: { existingSecret: "database" } };
  await old.helm("install", "shop", old.charts.packages.mestore, await old.values(values));
  const next = await createRenderer(4, cluster.kubeconfig);
  await next.helm.run([
    "upgrade",
    "shop",
    next.packages.mestore,
    `--namespace=${old.namespace}`,
    `--values=${await next.writeValues({ ...values, drainSeconds: 20 })}`,
  ]);
  const { spec } = await cluster.request("GET", path);
  expect(spec.template.spec.terminationGracePeriodSeconds).toBe(30);
  await next.helm.run(["uninstall", "shop", `--namespace=${old.namespace}`]);
}, 60_000);

test("an operator for several namespaces, and one for all of them", async () => {
  const session = await startSession(4);
  const { namespace, helm, charts, values } = session;
  const other = await cluster.createNamespace();
  const chart = charts.packages["mestore-operator"];
  await helm(
    "install",
    "operator",
    chart,
    await values({ watchNamespaces: [namespace, other], releaseProfiles: { enabled: false } }),
  );
  const account = `system:serviceaccount:${namespace}:operator-mestore-operator`;
  const may = async (verb: string, resource: string, where: string): Promise<boolean> => {
    const [group = "", name = ""] = resource.split("/");
    const { status } = await cluster.request(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        spec: {
          user: account,
          resourceAttributes: { verb, group, resource: name, namespace: where },
        },
      },
    );
    return status.allowed;
  };
  for (const where of [namespace, other])
    expect(await may("patch", "mestore.dev/performanceprofiles", where)).toBe(true);
  expect(await may("list", "/secrets", namespace)).toBe(false);
  expect(await may("patch", "apps/deployments", namespace)).toBe(false);
  expect(await may("list", "mestore.dev/performanceprofiles", "default")).toBe(false);
  await helm(
    "upgrade",
    "operator",
    chart,
    await values({ clusterWide: true, releaseProfiles: { enabled: false } }),
  );
  expect(await may("list", "mestore.dev/performanceprofiles", "default")).toBe(true);
  await helm("uninstall", "operator");
  expect(await may("list", "mestore.dev/performanceprofiles", namespace)).toBe(false);
}, 60_000);

test("an operator that cannot let go is told of, keeps its release, and can be removed all the same", async () => {
  const session = await startSession(4);
  const { namespace, helm, charts, values } = session;
  const chart = charts.packages["mestore-operator"];
  await helm("install", "operator", chart, await values({}));
  const uninstalled = helm("uninstall", "operator").then(
    () => "uninstalled",
    (error: Error) => error.message,
  );
  const job = `/apis/batch/v1/namespaces/${namespace}/jobs/operator-mestore-operator-release`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  // What a kubelet would say of a program that gives up, however often it is tried.
  const failed = await waitFor(
    async () => {
      const { items } = await cluster.request(
        "GET",
        `${pods}?labelSelector=app.kubernetes.io/component=release`,
      );
      for (const { metadata, status } of items)
        if (status.phase === "Pending")
          await cluster.request("PATCH", `${pods}/${metadata.name}/status`, {
            status: { phase: "Failed" },
          });
      const response = await cluster.fetch("GET", job);
      if (!response.ok) return null;
      const { status } = (await response.json()) as KubeObject;
      return (status?.conditions ?? []).find(({ type }: KubeObject) => type === "Failed") ?? null;
    },
    { what: "the Job to fail", timeoutMs: 60_000 },
  );
  expect(failed.reason).toBe("BackoffLimitExceeded");
  expect(await uninstalled).toContain("operator-mestore-operator-release");
  expect(await listRelease(namespace, "operator")).toContain(
    "deployments operator-mestore-operator",
  );
  await helm("uninstall", "operator", "--no-hooks");
  await waitFor(
    async () =>
      (await listRelease(namespace, "operator")).every((name) =>
        /^(jobs|pods) .*-release/.test(name),
      ),
    { what: "everything but the Job that failed to go", timeoutMs: 30_000 },
  );
  expect(await exists(job)).toBe(true);
}, 120_000);

test("crds.yaml brings an older CRD up to date; Helm alone would not", async () => {
  const { helm, charts } = await startSession(4);
  const chart = charts.packages["mestore-operator"];
  const values = await startSession(4).then((one) =>
    one.values({ releaseProfiles: { enabled: false } }),
  );
  await helm("install", "operator", chart, values);
  const crd = await cluster.request("GET", crdPath);
  const older = structuredClone(crd.spec);
  const { openAPIV3Schema: schema } = older.versions[0].schema;
  delete schema.properties.spec.properties.guardrails;
  await cluster.request("PUT", crdPath, { ...crd, spec: older });
  const has = async () => {
    const { spec } = await cluster.request("GET", crdPath);
    return "guardrails" in spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
  };
  await helm("upgrade", "operator", chart, values);
  expect(await has()).toBe(false);
  const path = writeCrds((await openGuardedRoom()).directory);
  const released = parse(readFileSync(path, "utf8"));
  // What `kubectl apply --server-side --force-conflicts` sends.
  await cluster.request("PATCH", `${crdPath}?fieldManager=kubectl&force=true`, released, {
    contentType: contentTypes.apply,
  });
  expect(await has()).toBe(true);
  await helm("upgrade", "operator", chart, values);
  await helm("uninstall", "operator");
  expect(await has()).toBe(true);
}, 60_000);

test("the packaged charts are complete: the stack needs nothing but its own file", async () => {
  const { charts } = await startSession(4);
  for (const path of Object.values(charts.packages)) {
    const { stdout } = Bun.spawnSync(["tar", "-tzf", path]);
    const files = stdout.toString().split("\n");
    for (const wanted of ["Chart.yaml", "README.md", "values.schema.json", "templates/NOTES.txt"])
      expect(files.some((file) => file.split("/").slice(1).join("/") === wanted)).toBe(true);
  }
  const stack = Bun.spawnSync(["tar", "-tzf", charts.packages["mestore-stack"]]).stdout.toString();
  expect(stack).toContain(
    join("mestore-stack/charts/mestore-operator/crds/performanceprofiles.mestore.dev.yaml"),
  );
});
