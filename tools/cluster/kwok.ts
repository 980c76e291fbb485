import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGuardedRoom } from "../stack/death-guard.ts";
import { findFreePort } from "../stack/free-port.ts";
import { launchProcess, stopProcess } from "../stack/process.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { waitFor } from "../stack/wait-for.ts";
import { isTrue } from "./apply-crd.ts";
import { prepareTool } from "../pins/tool.ts";
import { systemPath } from "./launches.ts";
import type { TestCluster } from "./test-cluster.ts";

/** A node that no machine is behind: pods on it are reported as running within a second. */
const nodeName = "kwok";

/** Enough for any test; the scheduler places pods by it. */
const capacity = { cpu: "1k", memory: "1Ti", pods: "10000" };

const readyDeadlineMs = 60_000;

/** As a kubelet has it; kwok renews the lease, so that nobody thinks the node is lost. */
const leaseSeconds = 40;

const living = { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" };
const readyStatus = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const notReady = { key: readyStatus, operator: "NotIn", values: ["True"] };

/**
 * What kwok does to nodes and pods (https://kwok.sigs.k8s.io/docs/user/stages-configuration/): a node
 * becomes ready, a pod runs as soon as it is placed and goes as soon as it is deleted. Templates are
 * YAML, of which JSON is a part.
 */
const stages = [
  createStage("node-ready", "Node", [notReady], {
    statusTemplate: `{"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
      "lastHeartbeatTime": {{ Now | Quote }}, "lastTransitionTime": {{ Now | Quote }}}]}`,
  }),
  createStage("pod-running", "Pod", [living, notReady], {
    statusTemplate: `phase: Running
startTime: {{ Now | Quote }}
conditions:
{{ range $type := list "Initialized" "ContainersReady" "Ready" }}
- {type: {{ $type }}, status: "True", lastTransitionTime: {{ Now | Quote }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, started: true, restartCount: 0,
   state: {running: {startedAt: {{ Now | Quote }}}}}
{{ end }}
{{ with PodIPsWith .spec.nodeName false ( or .metadata.uid "" ) .metadata.name .metadata.namespace }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}`,
  }),
  createStage("pod-gone", "Pod", [{ ...living, operator: "Exists" }], { delete: true }),
];

function createStage(name: string, kind: string, matchExpressions: object[], next: object): object {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: { resourceRef: { apiGroup: "v1", kind }, selector: { matchExpressions }, next },
  };
}

/**
 * Lets Deployments of a cluster have pods that run without containers: kwok plays the kubelet of one
 * endless node. The cluster needs its controllers and the scheduler
 * (`startCluster({ scheduler: true })`). Ends with the process that calls.
 */
export async function startKwok(cluster: TestCluster): Promise<{ stop(): Promise<void> }> {
  const room = await openGuardedRoom();
  const logPath = join(room.directory, "kwok.log");
  const port = await findFreePort();
  const configuration = join(room.directory, "kwok.json");
  writeFileSync(configuration, stages.map((stage) => JSON.stringify(stage)).join("\n---\n"));
  const server = await launchProcess({
    command: [
      await prepareTool("kwok"),
      `--kubeconfig=${cluster.kubeconfig}`,
      "--manage-all-nodes",
      `--server-address=127.0.0.1:${port}`,
      `--config=${configuration}`,
      `--node-lease-duration-seconds=${leaseSeconds}`,
    ],
    env: { PATH: systemPath, HOME: room.directory },
    cwd: room.directory,
    logPath,
  });
  room.guard(server);
  await waitUntilReady({
    name: "kwok",
    server,
    logPath,
    timeoutMs: readyDeadlineMs,
    probe: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      if (!response.ok) throw new Error(`kwok: ${response.status}`);
    },
  });
  await cluster.request("POST", "/api/v1/nodes", {
    metadata: { name: nodeName, labels: { "kubernetes.io/hostname": nodeName } },
    status: { capacity, allocatable: capacity },
  });
  const isReady = async () => {
    const { status } = await cluster.request("GET", `/api/v1/nodes/${nodeName}`);
    return isTrue(status, "Ready");
  };
  await waitFor(isReady, { timeoutMs: readyDeadlineMs, what: "the node of kwok" });
  return {
    async stop() {
      await stopProcess(server, { signal: "SIGKILL" });
      room.release(server.pid);
    },
  };
}
