import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createRegistry } from "@mestore/telemetry/registry";
import { startCluster, type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { parse, stringify } from "yaml";
import { NotPermittedError, StaleWriteError } from "../control/ports.ts";
import { openTransport, realTime } from "./cluster.fixture.ts";
import { createInClusterCredentials, createKubeconfigCredentials } from "./connection.ts";
import { expectOk } from "./failure.ts";
import { configMaps } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";

/** Real TLS handshakes with a real API server, in every way to say who one is. */

let cluster: TestCluster;
let namespace: string;
let directory: string;
beforeAll(async () => {
  cluster = await useCluster();
  namespace = await cluster.createNamespace();
  directory = await mkdtemp(join(tmpdir(), "kube-transport-"));
}, 60_000);
afterAll(() => rm(directory, { recursive: true }));

const whoAmI = async (transport: KubeTransport) => {
  const review = expectOk(
    await transport.request<{ status: { userInfo: { username: string } } }>({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    }),
    { verb: "create", resource: "selfsubjectreviews" },
  );
  return review.status.userInfo.username;
};

/** The admin's kubeconfig with its cluster changed. */
async function withCluster(change: Record<string, unknown>): Promise<string> {
  const config = parse(await readFile(cluster.kubeconfig, "utf8"));
  Object.assign(config.clusters[0].cluster, change);
  const path = join(directory, `${crypto.randomUUID()}.yaml`);
  await writeFile(path, stringify(config));
  return path;
}

describe("who one is", () => {
  test("a client certificate", async () => {
    const transport = await openTransport(await cluster.userKubeconfig({ name: "ada" }));
    expect(await whoAmI(transport)).toBe("ada");
  });

  test("nobody without one, and then a list is forbidden", async () => {
    const config = parse(await readFile(cluster.kubeconfig, "utf8"));
    config.users[0].user = {};
    const path = join(directory, "anonymous.yaml");
    await writeFile(path, stringify(config));
    const transport = await openTransport(path);
    const result = await transport.request({ method: "GET", path: configMaps.path(namespace) });
    expect(result).toMatchObject({ ok: false, status: 403, reason: "Forbidden" });
  });

  test("an exec plugin, which is asked again when the server refuses what it gave", async () => {
    const stale = await cluster.serviceAccountToken(namespace, "default", -300);
    const fresh = await cluster.serviceAccountToken(namespace, "default");
    const plugin = join(directory, "plugin.sh");
    const asked = join(directory, "asked");
    const credential = (token: string) =>
      JSON.stringify({
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        status: { token },
      });
    await writeFile(
      plugin,
      `#!/bin/sh
echo asked >> ${asked}
if [ "$(wc -l < ${asked})" -eq 1 ]; then echo '${credential(stale)}'; else echo '${credential(fresh)}'; fi
`,
    );
    await chmod(plugin, 0o700);
    const config = parse(await readFile(cluster.kubeconfig, "utf8"));
    config.users[0].user = {
      exec: {
        apiVersion: "client.authentication.k8s.io/v1",
        command: plugin,
        args: [],
        interactiveMode: "Never",
      },
    };
    const path = join(directory, "exec.yaml");
    await writeFile(path, stringify(config));
    const registry = createRegistry();
    const transport = await openTransport(path, registry);
    expect(await whoAmI(transport)).toBe(`system:serviceaccount:${namespace}:default`);
    expect(await whoAmI(transport)).toBe(`system:serviceaccount:${namespace}:default`);
    expect((await readFile(asked, "utf8")).trim().split("\n")).toHaveLength(2);
    const counted = registry.collect().get(operatorMetrics.kubeRequests.name);
    expect([...(counted ?? [])].map(([, { labels, value }]) => [labels, value])).toEqual([
      [{ method: "POST", code: "401" }, 1],
      [{ method: "POST", code: "201" }, 2],
    ]);
  });

  test("regression: tokenFile of a kubeconfig, beside which it lies, is read again as in a pod", async () => {
    const config = parse(await readFile(cluster.kubeconfig, "utf8"));
    // What client-go does with both: the file counts.
    config.users[0].user = { token: "of another time", tokenFile: "token" };
    const mount = await mkdtemp(join(directory, "token-file-"));
    const path = join(mount, "kubeconfig.yaml");
    await writeFile(path, stringify(config));
    await writeFile(
      join(mount, "token"),
      `${await cluster.serviceAccountToken(namespace, "default")}\n`,
    );
    const transport = await openTransport(path);
    expect(await whoAmI(transport)).toBe(`system:serviceaccount:${namespace}:default`);

    let now = 0;
    const credentials = await createKubeconfigCredentials({ path, monotonicSeconds: () => now });
    const seen = async () => (await credentials.connection()).headers["authorization"];
    const first = await seen();
    await writeFile(join(mount, "token"), "second\n");
    now = 59;
    expect(await seen()).toBe(first);
    now = 60;
    expect(await seen()).toBe("Bearer second");
    await writeFile(join(mount, "token"), "third\n");
    credentials.renew();
    expect(await seen()).toBe("Bearer third");
  });

  test("the service account of a pod, whose token is read again when it has expired", async () => {
    const mount = await mkdtemp(join(directory, "serviceaccount-"));
    await writeFile(join(mount, "namespace"), namespace);
    await writeFile(join(mount, "ca.crt"), await readFile(cluster.caFile));
    const token = (seconds?: number) => cluster.serviceAccountToken(namespace, "default", seconds);
    await writeFile(join(mount, "token"), await token());
    const { hostname: host, port } = new URL(cluster.server);
    const credentials = await createInClusterCredentials({
      ...{ host, port, directory: mount },
      monotonicSeconds: realTime.monotonicSeconds,
    });
    expect(credentials.namespace).toBe(namespace);
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    const { metadata } = await cluster.request("GET", path);
    expect(credentials.serviceAccount).toEqual({ name: "default", uid: metadata.uid });
    const transport = await openTransport(credentials);
    expect(await whoAmI(transport)).toBe(`system:serviceaccount:${namespace}:default`);

    // What is remembered is out of date before a minute is over: only a 401 tells.
    await writeFile(join(mount, "token"), await token(-300));
    credentials.renew();
    const refused = await transport.request({ method: "GET", path: configMaps.path(namespace) });
    expect(refused).toMatchObject({ ok: false, status: 401, reason: "Unauthorized" });
    await credentials.connection();
    await writeFile(join(mount, "token"), await token());
    expect(await whoAmI(transport)).toBe(`system:serviceaccount:${namespace}:default`);
  });

  test("a token that was replaced is taken up within a minute, without a refusal", async () => {
    const mount = await mkdtemp(join(directory, "serviceaccount-"));
    await writeFile(join(mount, "namespace"), namespace);
    await writeFile(join(mount, "ca.crt"), await readFile(cluster.caFile));
    await writeFile(join(mount, "token"), "first\n");
    let now = 0;
    const credentials = await createInClusterCredentials({
      ...{ host: "::1", port: "6443", directory: mount },
      monotonicSeconds: () => now,
    });
    expect(credentials.serviceAccount).toBeNull();
    const seen = async () => (await credentials.connection()).headers["authorization"];
    expect((await credentials.connection()).server).toBe("https://[::1]:6443");
    expect(await seen()).toBe("Bearer first");
    await writeFile(join(mount, "token"), "second\n");
    now = 59;
    expect(await seen()).toBe("Bearer first");
    now = 60;
    expect(await seen()).toBe("Bearer second");
  });
});

describe("whom one talks to", () => {
  test("a certificate of another authority is refused", async () => {
    const path = await withCluster({ "certificate-authority-data": undefined });
    const transport = await openTransport(path);
    const result = await transport.request({ method: "GET", path: "/livez" });
    expect(result).toMatchObject({ ok: false, status: 0, reason: "Unreachable" });
  });

  test("insecure-skip-tls-verify takes any", async () => {
    const transport = await openTransport(
      await withCluster({
        "certificate-authority-data": undefined,
        "insecure-skip-tls-verify": true,
      }),
    );
    expect(await transport.request({ method: "GET", path: "/livez" })).toMatchObject({
      body: "ok",
    });
  });

  test("tls-server-name is the name that the certificate must carry", async () => {
    const right = await openTransport(await withCluster({ "tls-server-name": "kubernetes" }));
    expect(await right.request({ method: "GET", path: "/livez" })).toMatchObject({ ok: true });
    const wrong = await openTransport(await withCluster({ "tls-server-name": "another.example" }));
    expect(await wrong.request({ method: "GET", path: "/livez" })).toMatchObject({
      ok: false,
      status: 0,
    });
  });

  test("a proxy that cannot be used is named", async () => {
    const path = await withCluster({ "proxy-url": "socks5://127.0.0.1:9" });
    const transport = await openTransport(path);
    const result = await transport.request({ method: "GET", path: "/livez" });
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining("proxy-url") });
  });

  test("nobody there", async () => {
    const transport = await openTransport(await withCluster({ server: "https://127.0.0.1:1" }));
    const result = await transport.request({ method: "GET", path: "/livez" });
    expect(result).toMatchObject({ ok: false, status: 0, reason: "Unreachable" });
  });
});

describe("what comes of a request", () => {
  test("refusals are errors of the ports, with verb and resource", async () => {
    const transport = await openTransport(await cluster.userKubeconfig({ name: "stranger" }));
    const result = await transport.request({ method: "GET", path: configMaps.path(namespace) });
    const thrown = () => expectOk(result, { verb: "list", resource: "configmaps" });
    expect(thrown).toThrow(NotPermittedError);
    expect(thrown).toThrow(/cannot list configmaps: 403 Forbidden: .*"stranger"/);
  });

  test("a conflict is a stale write", async () => {
    const transport = await openTransport(cluster.kubeconfig);
    const body = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "twice", namespace },
    };
    const create = () =>
      transport.request({ method: "POST", path: configMaps.path(namespace), body });
    expect(await create()).toMatchObject({ ok: true, status: 201 });
    const again = await create();
    expect(again).toMatchObject({ ok: false, status: 409, reason: "AlreadyExists" });
    expect(() => expectOk(again, { verb: "create", resource: "configmaps" })).toThrow(
      StaleWriteError,
    );
  });

  test("one that was given up is no answer", async () => {
    const transport = await openTransport(cluster.kubeconfig);
    const signal = AbortSignal.abort();
    expect(await transport.request({ method: "GET", path: "/livez", signal })).toMatchObject({
      ok: false,
      reason: "GivenUp",
    });
  });
});

describe("a server in trouble", () => {
  let own: TestCluster;
  beforeAll(async () => {
    // Without priority and fairness the limit of requests in flight answers 429 itself.
    own = await startCluster({
      controllers: false,
      apiserverArguments: [
        "--enable-priority-and-fairness=false",
        "--max-requests-inflight=1",
        "--max-mutating-requests-inflight=1",
      ],
    });
  }, 60_000);
  afterAll(() => own.stop());

  test("429 is waited out", async () => {
    // Members of system:masters are exempt from the limit.
    const name = "patient";
    await own.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "cluster-admin",
      },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }],
    });
    const registry = createRegistry();
    const transport = await openTransport(await own.userKubeconfig({ name }), registry);
    const results = await Promise.all(
      Array.from({ length: 12 }, () =>
        transport.request({ method: "GET", path: "/api/v1/configmaps", timeoutMs: 30_000 }),
      ),
    );
    const codes = [...(registry.collect().get(operatorMetrics.kubeRequests.name)?.values() ?? [])];
    expect(codes.find(({ labels }) => labels["code"] === "429")?.value).toBeGreaterThan(0);
    expect(results.filter(({ ok }) => ok).length).toBeGreaterThan(6);
    for (const result of results) if (!result.ok) expect(result.reason).toBe("TooManyRequests");
  }, 40_000);

  test("one that hangs is given up at the deadline, and asked again when it goes on", async () => {
    const transport = await openTransport(own.kubeconfig);
    await own.processes.apiserver.kill("SIGSTOP");
    try {
      const before = performance.now();
      const result = await transport.request({ method: "GET", path: "/livez", timeoutMs: 500 });
      expect(result).toMatchObject({ ok: false, status: 0, reason: "Timeout" });
      // Not at the deadline of those that name none, which is 15 s.
      expect(performance.now() - before).toBeLessThan(15_000);
    } finally {
      await own.processes.apiserver.kill("SIGCONT");
    }
    expect(await transport.request({ method: "GET", path: "/livez" })).toMatchObject({ ok: true });
  });

  test("one that was killed and comes back answers on the same transport", async () => {
    const transport = await openTransport(own.kubeconfig);
    expect(await transport.request({ method: "GET", path: "/livez" })).toMatchObject({ ok: true });
    await own.processes.apiserver.kill("SIGKILL");
    expect(await transport.request({ method: "GET", path: "/livez" })).toMatchObject({
      ok: false,
      status: 0,
    });
    await own.processes.apiserver.restart();
    expect(await transport.request({ method: "GET", path: "/livez" })).toMatchObject({ ok: true });
  }, 40_000);
});
