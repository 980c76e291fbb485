import {
  startSharedStores,
  testPostgresVariable,
  testRedisVariable,
} from "../stack/test-stores.ts";
import type { Progress } from "./progress.ts";
import { type ServerName, suiteSettings } from "./suite-settings.ts";
import type { SuiteName } from "./suites.ts";

/** Servers that the test files of a run share: started when a suite needs them, for all that follow. */
export interface SharedServers {
  /**
   * Starts what the tests of a suite need and is not there yet, and gives the environment that names
   * it to them.
   * @throws what kept a server from starting
   */
  startFor(suite: SuiteName): Promise<Readonly<Record<string, string>>>;
  /** Stops what none of the suites to come needs. */
  keepFor(suites: readonly SuiteName[]): Promise<void>;
}

interface RunningServer {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

interface Server {
  readonly title: string;
  start(): Promise<RunningServer>;
}

const servers: Readonly<Record<ServerName, Server>> = {
  stores: {
    title: "PostgreSQL and Valkey for the tests",
    async start() {
      const stores = await startSharedStores();
      return {
        env: { [testPostgresVariable]: stores.postgresUrl, [testRedisVariable]: stores.redisUrl },
        stop: () => stores.stop(),
      };
    },
  },
  cluster: {
    title: "a control plane for the tests",
    async start() {
      // Loaded when a suite needs it: the fast one starts without.
      const { startSharedCluster, testClusterVariable } =
        await import("../cluster/test-cluster.ts");
      const cluster = await startSharedCluster();
      return { env: { [testClusterVariable]: cluster.note }, stop: () => cluster.stop() };
    },
  },
  node: {
    title: "a node for the tests",
    async start() {
      const { startSharedNode, testNodeVariable } = await import("../cluster/test-node.ts");
      const node = await startSharedNode();
      return { env: { [testNodeVariable]: node.note }, stop: () => node.stop() };
    },
  },
};

export function createSharedServers(progress: Progress): SharedServers {
  const running = new Map<ServerName, RunningServer>();
  const start = async (name: ServerName): Promise<RunningServer> => {
    const step = progress.begin(servers[name].title);
    try {
      const server = await servers[name].start();
      step.end("running");
      return server;
    } catch (error) {
      step.end("failed");
      throw error;
    }
  };
  return {
    async startFor(suite) {
      const env: Record<string, string> = {};
      for (const name of suiteSettings[suite].servers) {
        const server = running.get(name) ?? (await start(name));
        running.set(name, server);
        Object.assign(env, server.env);
      }
      return env;
    },
    async keepFor(suites) {
      const needed = new Set(suites.flatMap((suite) => suiteSettings[suite].servers));
      const superfluous = [...running].filter(([name]) => !needed.has(name));
      for (const [name] of superfluous) running.delete(name);
      await Promise.all(superfluous.map(([, server]) => server.stop()));
    },
  };
}
