import { rmSync } from "node:fs";
import { isAlive, signalProcess } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { compactEtcd, ensureControlPlanePart } from "./control-plane.ts";
import {
  type ControlPlanePart,
  type ControlPlanePlan,
  plannedParts,
} from "./control-plane-plan.ts";
import type { Launches } from "./launches.ts";

/** The processes of a control plane that a test may hurt. */
export interface TestProcess {
  /** Of the process that runs now, another one after `restart`. */
  readonly pid: number;
  /** Sends a signal. After one that ends the process, resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same address and data, ends it first if it runs; resolves when it answers. */
  restart(): Promise<void>;
}

/** What a test may do to a cluster of its own, and to nobody else's. */
export interface Hurtable {
  readonly processes: { readonly etcd: TestProcess; readonly apiserver: TestProcess };
  /** Forgets the history of etcd: see `compactEtcd`. */
  compactEtcd(): Promise<number>;
  /** Ends it and removes its files. Safe to call twice. */
  stop(): Promise<void>;
}

/** On the cluster that others use at the same moment, nothing is stopped. */
const refuse = (): never => {
  throw new Error("this cluster is shared: a test that hurts it takes one with startCluster()");
};

const untouchable: TestProcess = {
  get pid() {
    return refuse();
  },
  kill: async () => refuse(),
  restart: async () => refuse(),
};

/** What is left of it on the shared cluster. */
export const unhurtable: Hurtable = {
  processes: { etcd: untouchable, apiserver: untouchable },
  compactEtcd: async () => refuse(),
  stop: async () => {},
};

/** What a test may do to the processes of a plan. `stop` ends those of the plan and no others. */
export function createHurtable(plan: ControlPlanePlan, launches: Launches): Hurtable {
  const describePart = (part: ControlPlanePart): TestProcess => ({
    get pid() {
      return launches.find(part)?.pid ?? 0;
    },
    async kill(signal) {
      const id = launches.find(part);
      if (id === null || !signalProcess(id, signal) || !endingSignals.has(signal)) return;
      await waitFor(() => !isAlive(id), { what: `${part} to end` });
    },
    async restart() {
      await launches.stop(part, { signal: "SIGKILL" });
      await ensureControlPlanePart(part, plan, launches);
    },
  });
  return {
    processes: { etcd: describePart("etcd"), apiserver: describePart("kube-apiserver") },
    compactEtcd: () => compactEtcd(plan),
    async stop() {
      for (const part of plannedParts(plan).toReversed())
        await launches.stop(part, { signal: "SIGKILL" });
      rmSync(plan.directory, { recursive: true, force: true });
    },
  };
}

const endingSignals: ReadonlySet<NodeJS.Signals> = new Set(["SIGKILL", "SIGTERM", "SIGINT"]);
