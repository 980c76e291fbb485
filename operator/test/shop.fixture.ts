import { expect } from "bun:test";
import { profileApiVersion, profileKind } from "@mestore/contract/performance-profile";
import type { ConditionType } from "@mestore/contract/profile-status";
import { parseTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import type { KubeObject } from "@mestore/tools/cluster/api-client";
import { applyCrd } from "@mestore/tools/cluster/apply-crd";
import type { TestCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { parseStatus, type ProfileDecision, type ProfileStatus } from "../src/profile/status.ts";
import type { OperatorAccount } from "./operator-account.fixture.ts";
import { createTarget, type Target, type TargetOptions } from "./target.fixture.ts";

/** A move, with the baseline before it and its verification, is 25 s; the machine may be slow. */
export const patience = { timeoutMs: 120_000, intervalMs: 50 } as const;

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
  countEvents(reason: string): Promise<number>;
  /** Documents that were in place so far. */
  written(): number;
  untilWritten(documents: number): Promise<unknown>;
  untilCondition(type: ConditionType, state: string, name?: string): Promise<unknown>;
  /** The law's first move is being verified; gives the document before it and that of the move. */
  untilVerifying(): Promise<{ readonly before: TuningDocument; readonly moved: TuningDocument }>;
  untilDecided(...verdicts: readonly ProfileDecision["verdict"][]): Promise<ProfileDecision>;
  untilTold(reason: string): Promise<ToldEvent>;
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
  const shop: Shop = {
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
    countEvents: async (reason) =>
      (await shop.events()).filter((event) => event.reason === reason).length,
    written: () => target.kubelet.seen.length,
    untilWritten: (documents) =>
      waitFor(() => shop.written() >= documents, { ...patience, what: `${documents} documents` }),
    untilCondition: (type, state, name) =>
      waitFor(
        async () => {
          const is = await shop.condition(type, name);
          if (is !== state) throw new Error(`${type} is ${is}`);
          return true;
        },
        { ...patience, what: `${type} to be ${state}` },
      ),
    async untilVerifying() {
      await shop.untilWritten(2);
      await shop.untilCondition("Progressing", "True Verifying");
      const [before, moved] = target.kubelet.seen;
      if (before === undefined || moved === undefined) throw new Error("nothing was written");
      return { before, moved };
    },
    untilDecided: (...verdicts) =>
      waitFor(
        async () =>
          (await readStatus())?.decisions.find(({ verdict }) => verdicts.includes(verdict)),
        { ...patience, what: `a decision that is ${verdicts.join(" or ")}` },
      ),
    untilTold: (reason) =>
      waitFor(async () => (await shop.events()).find((event) => event.reason === reason), {
        ...patience,
        what: `the event ${reason}`,
      }),
    close: () => target.close(),
  };
  return shop;
}

/**
 * Waits until the audit log has a write for each document that was seen, which it does not tell in the same
 * moment: one write too many never goes away. Each has a number of its own, later ones a higher one; a number
 * that was decided and never written is not used again.
 */
export async function expectWrittenOnce(shop: Shop, account: OperatorAccount): Promise<void> {
  await waitFor(
    async () => {
      const documents = shop.written();
      const writes = await account.countDocumentWrites(shop.namespace);
      if (writes !== documents) throw new Error(`${writes} writes of ${documents} documents`);
      return true;
    },
    { what: "as many writes as documents" },
  );
  const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
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
