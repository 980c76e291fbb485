import { readFileSync } from "node:fs";
import { prepareTool } from "../pins/tool.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { loadPair, serverUrl } from "./control-plane-files.ts";
import {
  controlPlanePaths,
  type ControlPlanePart,
  type ControlPlanePlan,
  etcdUrl,
  planArguments,
} from "./control-plane-plan.ts";
import type { Launches } from "./launches.ts";

/** A cold start on a busy machine; warm it takes 3 s. */
const readyDeadlineMs = 90_000;

/**
 * Starts one part unless it runs, and waits, for the API server, until it answers. etcd is awaited
 * by the API server, which asks it again and again; the others come when they come.
 * @throws StackFault NOT_READY or PROCESS_DIED with the last lines of its log, and what `prepareTool` throws
 */
export async function ensureControlPlanePart(
  part: ControlPlanePart,
  plan: ControlPlanePlan,
  launches: Launches,
): Promise<void> {
  const logPath = controlPlanePaths(plan.directory).log(part);
  const command = [await prepareTool(part), ...planArguments(part, plan)];
  const server = await launches.ensure(part, { command, logPath });
  if (part !== "kube-apiserver") return;
  const client = createAdminClient(plan);
  const probe = () => client.request("GET", "/readyz", undefined, { timeoutMs: 5_000 });
  await waitUntilReady({ name: part, server, logPath, timeoutMs: readyDeadlineMs, probe });
}

/** A client that may do everything. */
export function createAdminClient(plan: ControlPlanePlan): ApiClient {
  const credentials = loadPair(plan.directory, "admin");
  if (credentials === null) throw new Error(`no certificate of the admin in ${plan.directory}`);
  return createApiClient({
    server: serverUrl(plan),
    authority: readFileSync(controlPlanePaths(plan.directory).certificate("ca"), "utf8"),
    credentials,
  });
}

/**
 * Forgets the history of etcd up to now, through the gateway of its v3 API: a watch, or a page of a
 * list, that goes on from a version somebody has seen before this call is told 410. The revision is
 * first moved on by two writes beside the API server's keys, since etcd still serves a watch that
 * starts at the very revision of the compaction.
 * @returns the revision before which nothing is left
 */
export async function compactEtcd(plan: ControlPlanePlan): Promise<number> {
  const proof = loadPair(plan.directory, "etcd");
  const ca = readFileSync(controlPlanePaths(plan.directory).certificate("etcd-ca"), "utf8");
  const call = async (path: string, body: object) => {
    const response = await fetch(`${etcdUrl(plan)}/v3/kv/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      tls: { ca, ...(proof === null ? {} : { cert: proof.certificate, key: proof.key }) },
    });
    if (!response.ok) throw new Error(`etcd: ${response.status} ${await response.text()}`);
    return (await response.json()) as { header: { revision: string } };
  };
  const mark = { key: Buffer.from("/mestore/compaction").toString("base64") };
  await call("put", mark);
  const { header } = await call("put", mark);
  await call("compaction", { revision: header.revision, physical: true });
  return Number(header.revision);
}
