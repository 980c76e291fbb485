import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { serviceMetrics } from "@mestore/contract/metrics";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import type { ProfileStatus } from "@mestore/operator/profile/status";
import type { KubeObject } from "../cluster/api-client.ts";
import type { AuditEvent } from "../cluster/audit.ts";
import { runProgram } from "../cluster/run-program.ts";
import type { TestNode } from "../cluster/test-node.ts";
import { prepareTool } from "../pins/tool.ts";
import { readServiceMetrics } from "../status/service-metrics.ts";

/** What one pod of the shop says of itself. */
export interface PodTuning {
  readonly pod: string;
  readonly revision: number;
  readonly productTtlSeconds: number;
  readonly rejected: number;
}

/** The release `shop` of the chart mestore-stack in a namespace of a node, as a person at kubectl sees it. */
export type ShopOnNode = ReturnType<typeof openShop>;

const profileName = "storefront";
const writes = new Set(["create", "update", "patch", "delete", "deletecollection"]);

export function openShop(node: TestNode, namespace: string) {
  const core = `/api/v1/namespaces/${namespace}`;
  const profiles = `/apis/mestore.dev/v1alpha1/namespaces/${namespace}/performanceprofiles`;
  const operatorUser = `system:serviceaccount:${namespace}:shop-mestore-operator`;
  const listPods = async (component: string): Promise<KubeObject[]> => {
    const selector = `labelSelector=app.kubernetes.io/component=${component}`;
    return (await node.request("GET", `${core}/pods?${selector}`)).items;
  };
  const readStatus = async (): Promise<ProfileStatus> => {
    const { status } = await node.request("GET", `${profiles}/${profileName}`);
    if (status === undefined) throw new Error("the profile has no status yet");
    return status;
  };
  const patchProfile = (change: object) =>
    node.request("PATCH", `${profiles}/${profileName}`, change);

  return {
    core,
    profiles,
    patchProfile,
    annotate: (annotations: Readonly<Record<string, string | null>>) =>
      patchProfile({ metadata: { annotations } }),
    tuneProduct: (bounds: object) =>
      patchProfile({ spec: { cache: { classes: [{ name: "product", ...bounds }] } } }),
    deleteProfile: () => node.request("DELETE", `${profiles}/${profileName}`),
    hasProfile: async () => (await node.fetch("GET", `${profiles}/${profileName}`)).ok,
    readStatus,
    async condition(type: string): Promise<string> {
      const found = (await readStatus()).conditions.find((one) => one.type === type);
      return `${found?.status} ${found?.reason}`;
    },
    tuningConfigMap: `${core}/configmaps/${profileName}-tuning`,
    /** Null: there is no ConfigMap. @throws for one that holds no document */
    async readDocument(): Promise<TuningDocument | null> {
      const response = await node.fetch("GET", `${core}/configmaps/${profileName}-tuning`);
      if (response.status === 404) return null;
      const { data } = (await response.json()) as KubeObject;
      const parsed = parseTuningDocument(data["tuning.json"]);
      if (!parsed.ok) throw new Error("the ConfigMap holds no document");
      return parsed.value;
    },
    listPods,
    /** Pods of the service that are ready, by what they export. */
    async readPods(): Promise<readonly PodTuning[]> {
      const ready = (await listPods("service")).filter(isReady);
      return Promise.all(
        ready.map(async ({ metadata, status }) => {
          const { samples } = await readServiceMetrics(`http://${status.podIP}:9464/metrics`, 5000);
          const read = (metric: string, label = "") => {
            const series = [...(samples.get(metric)?.values() ?? [])];
            return (
              series.find(({ labels }) => label === "" || labels["class"] === label)?.value ?? NaN
            );
          };
          return {
            pod: metadata.name,
            revision: read(serviceMetrics.tuningRevision.name),
            productTtlSeconds: read(serviceMetrics.cacheTtl.name, "product"),
            rejected: read(serviceMetrics.tuningRejected.name),
          };
        }),
      );
    },
    /** Messages of the profile's events with this reason, a repeated one as often as it was counted. */
    async events(reason: string): Promise<readonly string[]> {
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
      const { items } = await node.request("GET", path);
      return items
        .filter(
          (event: KubeObject) =>
            event.regarding?.kind === "PerformanceProfile" && event.reason === reason,
        )
        .flatMap(({ note, series }: KubeObject) => Array(series?.count ?? 1).fill(note));
    },
    /** What the operator's account wrote, or tried to: `patch configmaps/storefront-tuning`. */
    async operatorWrites(since?: Date): Promise<readonly AuditEvent[]> {
      const events = await node.auditEvents(since === undefined ? {} : { since });
      return events.filter(({ verb, user }) => user.username === operatorUser && writes.has(verb));
    },
    async leader(): Promise<string> {
      const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/shop-mestore-operator`;
      const { spec } = await node.request("GET", path);
      return spec.holderIdentity ?? "";
    },
    /**
     * Cuts the database off, as a mistake in a firewall does: who talks to it is refused at once.
     * @returns what lets it be reached again
     */
    async cutDatabase(): Promise<() => Promise<void>> {
      const { metadata } = await node.request("GET", `${core}/pods/shop-postgresql-0`);
      const pid = findProgram(metadata.uid, "postgres");
      const nft = await prepareTool("nft");
      const inPod = (...words: string[]) =>
        runProgram(["nsenter", `--target=${pid}`, "--net", "--", nft, ...words]);
      await inPod("add table inet cut");
      await inPod("add chain inet cut in { type filter hook input priority 0; }");
      await inPod("add rule inet cut in tcp dport 5432 reject with tcp reset");
      return async () => {
        await inPod("delete table inet cut");
      };
    },
    /** The columns of `kubectl get mperf` with what stands in them. */
    async readColumns(): Promise<Readonly<Record<string, unknown>>> {
      const { certificate, key } = await node.userCredentials({
        name: "reader",
        groups: ["system:masters"],
      });
      const response = await fetch(new URL(profiles, node.server), {
        headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
        tls: { ca: readFileSync(node.caFile, "utf8"), cert: certificate, key },
      });
      const { columnDefinitions, rows } = (await response.json()) as KubeObject;
      return Object.fromEntries(
        columnDefinitions.map(({ name }: KubeObject, index: number) => [
          name,
          rows[0].cells[index],
        ]),
      );
    },
  };
}

export function isReady({ status, metadata }: KubeObject): boolean {
  const conditions: readonly KubeObject[] = status.conditions ?? [];
  return (
    metadata.deletionTimestamp === undefined &&
    conditions.some((one) => one.type === "Ready" && one.status === "True")
  );
}

/** Kills the program of a pod as the kernel would, from outside. @throws where it does not run */
export function killProgram(podUid: string, program: string): void {
  process.kill(findProgram(podUid, program), "SIGKILL");
}

/** The process of a pod whose command line begins so, as the machine counts it. */
function findProgram(podUid: string, program: string): number {
  const pid = readdirSync("/proc").find((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return (
        readFileSync(`/proc/${entry}/cgroup`, "utf8").includes(podUid) &&
        basename(readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0")[0] ?? "") === program
      );
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error(`${program} does not run in the pod ${podUid}`);
  return Number(pid);
}

/** Everything that there is in a cluster, by kind, namespace and name; events and what the node reports left out. */
export async function listEverything(node: TestNode): Promise<ReadonlySet<string>> {
  const { groups } = await node.request("GET", "/apis");
  const versions = [
    "/api/v1",
    ...groups
      .map(({ preferredVersion }: KubeObject) => preferredVersion.groupVersion)
      .filter((version: string) => !/^(metrics|events)\.k8s\.io/.test(version))
      .map((version: string) => `/apis/${version}`),
  ];
  const found = new Set<string>();
  for (const version of versions) {
    const { resources } = await node.request("GET", version);
    for (const { name, kind, verbs } of resources as KubeObject[]) {
      if (!verbs.includes("list") || name.includes("/") || kind === "Event") continue;
      const { items } = await node.request("GET", `${version}/${name}`);
      for (const { metadata } of items ?? [])
        found.add(`${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    }
  }
  return found;
}
