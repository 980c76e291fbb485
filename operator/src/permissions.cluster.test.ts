import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { profileApiVersion } from "@mestore/contract/performance-profile";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import {
  type ClusterBench,
  createClusterBench,
  type RunningOperator,
} from "../test/cluster-bench.ts";
import { leasePermissions, type Permission, permissions } from "./kube/permissions.ts";

/** The role: the operator needs all of it and asks for nothing else. */

let cluster: TestCluster;
let bench: ClusterBench;
beforeAll(async () => {
  cluster = await useCluster();
}, 60_000);
afterEach(() => bench.close());

const auto = {
  mode: "Auto",
  cache: {
    mode: "Auto",
    classes: [{ name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 }],
  },
};
const always: readonly Permission[] = [
  ...permissions.filter(({ only }) => only === undefined),
  ...leasePermissions,
];

test("15: every verb that is used is in the table, and the server refuses what is not", async () => {
  const since = new Date();
  bench = await createClusterBench({ cluster });
  await bench.putProfile(auto);
  const operator = bench.start(["--time-scale", "300"]);
  await waitFor(async () => ((await bench.readDocument())?.revision ?? 0) >= 2, {
    timeoutMs: 30_000,
  });
  operator.kill("SIGTERM");
  expect(await operator.exited).toBe(0);
  const own = (await cluster.auditEvents({ since })).filter(
    ({ user, objectRef }) =>
      user?.username === `system:serviceaccount:${bench.namespace}:mestore-operator` &&
      objectRef?.namespace === bench.namespace,
  );
  const used = new Set(
    own.map(({ verb, objectRef }) => {
      const { resource, subresource } = objectRef ?? {};
      return `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    }),
  );
  const granted = new Set(
    always.flatMap(({ resource, verbs }) => verbs.map((verb) => `${verb} ${resource}`)),
  );
  expect([...used].filter((one) => !granted.has(one))).toEqual([]);
  expect(used.size).toBeGreaterThan(12);
  expect(own.filter(({ responseStatus }) => responseStatus?.code === 403)).toEqual([]);
}, 60_000);

describe("every rule removed in turn breaks something that is named", () => {
  /** In the log, or in a condition: what was refused. */
  async function untilNamed(operator: RunningOperator, words: readonly string[]) {
    await waitFor(
      async () => {
        const status = await bench.readStatus();
        const told = [
          ...operator.log.map((line) => JSON.stringify(line)),
          ...(status?.conditions ?? []).map((condition) => JSON.stringify(condition)),
        ];
        return told.some((text) => words.every((word) => text.includes(word)));
      },
      { what: `a refusal that names ${words.join(" and ")}`, timeoutMs: 20_000 },
    );
  }

  test.each(always.map((one) => [one.resource, one] as const))(
    "%s",
    async (resource, removed) => {
      bench = await createClusterBench({
        cluster,
        granted: always.filter((one) => one !== removed),
      });
      await bench.putProfile(auto);
      const operator = bench.start(["--time-scale", "300"]);
      await untilNamed(operator, ["403", "orbidden", resource.split("/")[0] ?? ""]);
    },
    40_000,
  );
});

test("without the right to annotate pods a profile that asks for it is tuned all the same", async () => {
  bench = await createClusterBench({ cluster });
  await bench.putProfile({ ...auto, delivery: "Annotate" });
  const operator = bench.start(["--time-scale", "300"]);
  await waitFor(
    () =>
      operator.log.some(
        ({ msg, detail }) =>
          String(msg).startsWith("the pod cannot be annotated") && String(detail).includes("403"),
      ),
    { timeoutMs: 20_000 },
  );
  expect(await bench.readDocument()).not.toBeNull();
  const path = `/apis/${profileApiVersion}/namespaces/${bench.namespace}/performanceprofiles`;
  expect((await cluster.request("GET", `${path}/storefront`)).spec.delivery).toBe("Annotate");
}, 40_000);
