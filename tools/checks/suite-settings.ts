import type { SuiteName } from "./suites.ts";

/** Servers that all test files of a suite share. */
export type ServerName = "stores" | "cluster" | "node";

export interface SuiteSettings {
  /** Test files that run at the same time; absent: one a core. */
  readonly workers?: number;
  /** The most that a test may take that says nothing itself, in milliseconds. */
  readonly timeoutMs: number;
  readonly servers: readonly ServerName[];
}

/** Generous on a busy machine, and a hang still ends. */
const inProcess: SuiteSettings = { timeoutMs: 20_000, servers: [] };

/** Tests on real servers start and kill some of their own: two files at a time fill two cores. */
const onServers = { workers: 2, timeoutMs: 120_000 } as const;

export const suiteSettings: Readonly<Record<SuiteName, SuiteSettings>> = {
  fast: inProcess,
  stores: { ...onServers, servers: ["stores"] },
  rules: { ...onServers, servers: [] },
  browser: inProcess,
  charts: { ...onServers, servers: ["stores", "cluster"] },
  cluster: { ...onServers, servers: ["stores", "cluster"] },
  // Pods and load of one file leave little of two cores to another.
  node: { workers: 1, timeoutMs: 300_000, servers: ["stores", "node"] },
  // Minutes of a loop in real time, measured: nothing else may take the processors meanwhile.
  soak: { workers: 1, timeoutMs: 900_000, servers: ["cluster"] },
};
