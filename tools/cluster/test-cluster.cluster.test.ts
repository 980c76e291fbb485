import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { parse } from "yaml";
import { readBirth } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import type { ApiError } from "./api-client.ts";
import { startCluster, type TestCluster, useCluster } from "./test-cluster.ts";

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;

const failureOf = (promise: Promise<unknown>): Promise<ApiError> =>
  promise.then(
    () => {
      throw new Error("the request was expected to fail");
    },
    (error: ApiError) => error,
  );

describe("the shared cluster", () => {
  let cluster: TestCluster;
  let namespace: string;

  beforeAll(async () => {
    cluster = await useCluster();
    namespace = await cluster.createNamespace();
  });

  test("refuses a user what no role allows, and allows it once one does", async () => {
    const as = await cluster.userCredentials({ name: "reader", groups: ["readers"] });
    const list = () => cluster.request("GET", configMaps(namespace), undefined, { as });
    expect(await failureOf(list())).toMatchObject({ status: 403, reason: "Forbidden" });
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await cluster.request("POST", `${rbac}/roles`, {
      metadata: { name: "reader" },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }],
    });
    await cluster.request("POST", `${rbac}/rolebindings`, {
      metadata: { name: "reader" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "readers" }],
    });
    await waitFor(list, { what: "the API server to see the binding" });
  });

  test("writes an audit event for every request, with user and object", async () => {
    const since = new Date();
    await cluster.request("POST", configMaps(namespace), { metadata: { name: "audited" } });
    const events = await cluster.auditEvents({ since });
    expect(events).toContainEqual(
      expect.objectContaining({
        verb: "create",
        stage: "ResponseComplete",
        user: expect.objectContaining({ username: "admin" }),
        objectRef: expect.objectContaining({ resource: "configmaps", namespace, name: "audited" }),
        responseStatus: expect.objectContaining({ code: 201 }),
      }),
    );
  });

  test("takes tokens of service accounts until they expire", async () => {
    await cluster.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: "robot" },
    });
    const whoAmI = async (seconds: number) => {
      const token = await cluster.serviceAccountToken(namespace, "robot", seconds);
      const review = await cluster.request(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
        { as: { token } },
      );
      return review.status.userInfo.username as string;
    };
    const robot = `system:serviceaccount:${namespace}:robot`;
    expect(await whoAmI(3600)).toBe(robot);
    expect(await whoAmI(30)).toBe(robot);
    expect(await failureOf(whoAmI(-90))).toMatchObject({ status: 401 });
  });

  test("keeps pods made by hand as they are described, and changes them", async () => {
    const pod = { namespace, name: "shop-1", ip: "127.0.0.7", port: 9464 };
    await cluster.putPod({ ...pod, labels: { app: "shop" }, templateHash: "6f9" });
    const path = `/api/v1/namespaces/${namespace}/pods/shop-1`;
    const readinessOf = async () => {
      const { metadata, status } = await cluster.request("GET", path);
      const ready = status.conditions.find((one: { type: string }) => one.type === "Ready").status;
      const [{ restartCount }] = status.containerStatuses;
      return { labels: metadata.labels, ip: status.podIP, ready, restartCount };
    };
    const labels = { app: "shop", "pod-template-hash": "6f9" };
    expect(await readinessOf()).toEqual({ labels, ip: pod.ip, ready: "True", restartCount: 0 });
    await cluster.putPod({ ...pod, ready: false, restarts: 2 });
    expect(await readinessOf()).toEqual({ labels, ip: pod.ip, ready: "False", restartCount: 2 });
  });

  test("empties a namespace that is deleted", async () => {
    const doomed = await cluster.createNamespace();
    await cluster.request("DELETE", `/api/v1/namespaces/${doomed}`);
    const gone = async () =>
      (await cluster.fetch("GET", `/api/v1/namespaces/${doomed}`)).status === 404;
    expect(await waitFor(gone, { timeoutMs: 60_000, what: "the namespace to go" })).toBe(true);
  });

  test("writes kubeconfigs that nobody else can read", async () => {
    const path = await cluster.userKubeconfig({ name: "alice" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(path, "utf8")).clusters[0].cluster.server).toBe(cluster.server);
  });

  test("is not for those who want to hurt it", async () => {
    expect(() => cluster.processes.apiserver.pid).toThrow("shared");
    expect(cluster.processes.apiserver.kill("SIGKILL")).rejects.toThrow("shared");
    expect(cluster.compactEtcd()).rejects.toThrow("shared");
  });
});

describe("a cluster of one's own", () => {
  let cluster: TestCluster;
  let namespace: string;

  beforeAll(async () => {
    cluster = await startCluster({ controllers: false, watchCache: false });
    namespace = await cluster.createNamespace();
  });

  afterAll(() => cluster.stop());

  test("keeps its objects when the API server is killed and starts again", async () => {
    const { apiserver } = cluster.processes;
    await cluster.request("POST", configMaps(namespace), {
      metadata: { name: "kept" },
      data: { a: "1" },
    });
    const before = apiserver.pid;
    await apiserver.kill("SIGKILL");
    expect(await failureOf(cluster.request("GET", "/livez"))).toBeInstanceOf(Error);
    await apiserver.restart();
    expect(apiserver.pid).not.toBe(before);
    const kept = await cluster.request("GET", `${configMaps(namespace)}/kept`);
    expect(kept.data).toEqual({ a: "1" });
  });

  test("hangs while the API server is stopped, and goes on", async () => {
    const { apiserver } = cluster.processes;
    await apiserver.kill("SIGSTOP");
    const ask = () => cluster.request("GET", "/livez", undefined, { timeoutMs: 300 });
    expect(await failureOf(ask())).toMatchObject({ name: "TimeoutError" });
    await apiserver.kill("SIGCONT");
    expect(await waitFor(ask)).toBe("ok");
  });

  test("tells a watch from before a compaction that its version is gone", async () => {
    const path = configMaps(namespace);
    const { metadata } = await cluster.request("GET", path);
    await cluster.request("POST", path, { metadata: { name: "later" } });
    await cluster.compactEtcd();
    const watch = `${path}?watch=true&timeoutSeconds=5&resourceVersion=${metadata.resourceVersion}`;
    const response = await cluster.fetch("GET", watch);
    const [line = ""] = (await response.text()).split("\n");
    expect(JSON.parse(line)).toMatchObject({ type: "ERROR", object: { code: 410 } });
  });

  test("leaves no process and no file behind", async () => {
    const pids = [cluster.processes.etcd.pid, cluster.processes.apiserver.pid];
    await cluster.stop();
    expect(pids.map(readBirth)).toEqual([null, null]);
    expect(existsSync(cluster.kubeconfig)).toBe(false);
    await cluster.stop();
  });
});
