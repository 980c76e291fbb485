import { describe, expect, test } from "bun:test";
import type { WatchedPod, WatchedReplicaSet } from "./watched-objects.ts";
import { projectDeployment } from "./watched-objects.ts";
import { currentHash, isUnseen, podTemplateHash, readWorkload } from "./workload.ts";

interface PodIs {
  readonly hash?: string;
  readonly ready?: boolean;
  readonly going?: boolean;
  readonly phase?: string;
  readonly restarts?: number;
}

let born = 0;
const pod = ({ hash = "new", ready = true, going, phase = "Running", restarts = 0 }: PodIs = {}) =>
  ({
    metadata: {
      name: `pod-${(born += 1)}`,
      namespace: "shop",
      uid: `uid-${born}`,
      resourceVersion: "1",
      labels: { [podTemplateHash]: hash },
      ...(going ? { deletionTimestamp: "2026-11-24T12:00:00Z" } : {}),
    },
    phase,
    ip: "127.0.0.1",
    isReady: ready,
    containers: [
      { name: "service", restarts, ports: [] },
      { name: "sidecar", restarts: 100, ports: [] },
    ],
  }) satisfies WatchedPod;

const read = (desired: number, pods: readonly WatchedPod[], podHash?: string) =>
  readWorkload({
    desired,
    pods,
    hashLabel: podTemplateHash,
    isUnseen: false,
    container: "service",
    ...(podHash === undefined ? {} : { podHash }),
  });

describe("workload", () => {
  test("at rest: all that should serve are ready, of one release", () => {
    const pods = [pod({ restarts: 2 }), pod({ restarts: 1 })];
    expect(read(2, pods, "new")).toEqual({
      podHash: "new",
      readyPods: pods.map(({ metadata }) => metadata.name),
      unavailable: 0,
      restarts: 3,
      inTransition: false,
    });
  });

  test("a pod that is not ready is missing, and no transition", () => {
    expect(read(2, [pod(), pod({ ready: false })])).toMatchObject({
      unavailable: 1,
      inTransition: false,
    });
  });

  test("a rolling upgrade: surge pods make nothing missing", () => {
    const rolling = [pod({ hash: "old" }), pod({ hash: "old" }), pod({ ready: false })];
    expect(read(2, rolling, "new")).toMatchObject({
      podHash: "new",
      unavailable: 0,
      inTransition: true,
    });
  });

  test("a pod that is going neither reports nor is settled", () => {
    const pods = [pod(), pod(), pod({ going: true })];
    const state = read(2, pods);
    expect(state.readyPods).toHaveLength(2);
    expect(state).toMatchObject({ unavailable: 0, inTransition: true });
  });

  test("a finished pod is no pod", () => {
    expect(read(1, [pod(), pod({ phase: "Failed", ready: false, restarts: 5 })])).toMatchObject({
      unavailable: 0,
      restarts: 0,
      inTransition: false,
    });
  });

  test("growing: pods that are not there yet are missing", () => {
    expect(read(4, [pod(), pod()])).toMatchObject({ unavailable: 2, inTransition: true });
  });

  test("no pods at all have no release", () => {
    expect(read(0, [])).toEqual({
      readyPods: [],
      unavailable: 0,
      restarts: 0,
      inTransition: false,
    });
  });
});

const deployment = (revision: string, generation: number, observedGeneration?: number) =>
  projectDeployment({
    metadata: {
      name: "mestore",
      namespace: "shop",
      uid: "deployment",
      resourceVersion: "1",
      generation,
      annotations: { "deployment.kubernetes.io/revision": revision },
    },
    ...{ spec: { replicas: 2 }, status: { observedGeneration } },
  });

const replicaSet = (hash: string, revision: string, owner = "deployment"): WatchedReplicaSet => ({
  metadata: {
    name: `mestore-${hash}`,
    uid: hash,
    resourceVersion: "1",
    labels: { [podTemplateHash]: hash },
    annotations: { "deployment.kubernetes.io/revision": revision },
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "Deployment", name: "mestore", uid: owner, controller: true },
    ],
  },
});

test("the release in force is that of the ReplicaSet with the Deployment's revision", () => {
  const sets = [
    replicaSet("other", "3", "another"),
    replicaSet("old", "2"),
    replicaSet("new", "3"),
  ];
  expect(currentHash(deployment("3", 1), sets)).toBe("new");
  expect(currentHash(deployment("2", 1), sets)).toBe("old");
  expect(currentHash(deployment("4", 1), sets)).toBeUndefined();
});

test("a text that the controller has not seen is a transition; without a controller there is none", () => {
  expect(isUnseen(deployment("1", 3, 2))).toBe(true);
  expect(isUnseen(deployment("1", 3, 3))).toBe(false);
  expect(isUnseen(deployment("1", 3))).toBe(false);
});
