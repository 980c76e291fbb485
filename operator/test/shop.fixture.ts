import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import type { ConditionType } from "@mestore/contract/profile-status";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import type { KubeObject } from "@mestore/tools/cluster/api-client";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { parseStatus, type ProfileStatus } from "../src/profile/status.ts";
import { createTarget, type Target, type TargetOptions } from "./target.fixture.ts";

/** A namespace with one target, and what an author does to the profile of it. */
export interface Shop {
  readonly cluster: TestCluster;
  readonly namespace: string;
  /** Of the profile, as the operator's log names it. */
  readonly key: string;
  readonly target: Target;
  putProfile(spec: object, options?: PutOptions): Promise<void>;
  /** Merge patch. */
  patchProfile(patch: object, name?: string): Promise<void>;
  annotate(annotations: Readonly<Record<string, string | null>>): Promise<void>;
  deleteProfile(): Promise<void>;
  /** As it stands; null where there is none. */
  readProfile(name?: string): Promise<KubeObject>;
  readStatus(name?: string): Promise<ProfileStatus | null>;
  /** `True Verifying`; "absent" before the first status. */
  condition(type: ConditionType, name?: string): Promise<string>;
  /** Null where there is none. */
  readConfigMap(name: string): Promise<KubeObject>;
  readDocument(): Promise<TuningDocument | null>;
  events(): Promise<readonly ToldEvent[]>;
  close(): Promise<void>;
}

export interface PutOptions {
  /** `storefront` unless said otherwise. */
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ToldEvent {
  readonly reason: string;
  readonly note: string;
  readonly type: "Normal" | "Warning";
}

export type ShopOptions = Partial<
  Pick<TargetOptions, "pods" | "rate" | "keys" | "serviceTtlSeconds">
>;

const profileName = "storefront";

export async function openShop(cluster: TestCluster, options: ShopOptions = {}): Promise<Shop> {
  const { pods = 2, rate = 4000, keys = 10_000, serviceTtlSeconds = 1 } = options;
  await applyCrd(cluster);
  const namespace = await cluster.createNamespace();
  const target = await createTarget({
    ...{ cluster, namespace, name: "mestore", profile: profileName },
    ...{ pods, rate, keys, serviceTtlSeconds },
  });
  const profiles = `/apis/${profileApiVersion}/namespaces/${namespace}/performanceprofiles`;
  const find = async (path: string): Promise<KubeObject> => {
    const response = await cluster.fetch("GET", path);
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json();
  };
  const readConfigMap = (name: string) =>
    find(`/api/v1/namespaces/${namespace}/configmaps/${name}`);
  const readStatus = async (name = profileName) =>
    parseStatus((await find(`${profiles}/${name}`))?.status);
  const patchProfile = async (patch: object, name = profileName) => {
    await cluster.request("PATCH", `${profiles}/${name}`, patch);
  };
  return {
    cluster,
    namespace,
    key: `${namespace}/${profileName}`,
    target,
    async putProfile(spec, { name = profileName, annotations = {} } = {}) {
      await cluster.request("POST", profiles, {
        ...{ apiVersion: profileApiVersion, kind: profileKind },
        metadata: { name, namespace, annotations },
        spec: { targetRef: { name: target.name }, ...spec },
      });
    },
    patchProfile,
    annotate: (annotations) => patchProfile({ metadata: { annotations } }),
    deleteProfile: () => cluster.request("DELETE", `${profiles}/${profileName}`),
    readProfile: (name = profileName) => find(`${profiles}/${name}`),
    readStatus,
    async condition(type, name) {
      const found = (await readStatus(name))?.conditions.find((one) => one.type === type);
      return found === undefined ? "absent" : `${found.status} ${found.reason}`;
    },
    readConfigMap,
    async readDocument() {
      const text = (await readConfigMap(`${profileName}-tuning`))?.data?.["tuning.json"];
      const parsed = text === undefined ? null : parseTuningDocument(text);
      return parsed?.ok === true ? parsed.value : null;
    },
    async events() {
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
      const { items } = await cluster.request("GET", path);
      return items.filter(
        ({ regarding }: { regarding?: { kind?: string } }) => regarding?.kind === profileKind,
      );
    },
    close: () => target.close(),
  };
}

/** The storefront's product pages, tuned from a TTL that is far too short for 85 % of fresh hits. */
export const tuned = {
  mode: "Auto",
  cache: {
    mode: "Auto",
    classes: [{ name: "product", initialTTLSeconds: 1, minTTLSeconds: 1, maxTTLSeconds: 600 }],
  },
  guardrails: { cooldownSeconds: 60 },
} as const;
