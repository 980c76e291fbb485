import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import { waitFor } from "@mestore/tools/stack/wait-for";
import type { Socket } from "bun";
import { realClock } from "../control/clock.ts";
import { type Cache, type Caches, createCaches } from "./caches.ts";
import { createKubeconfigCredentials, type Credentials } from "./connection.ts";
import { isLater, type KubeObject } from "./objects.ts";
import type { ReflectorTiming } from "./reflector.ts";
import type { KubeTime } from "./time.ts";
import { createKubeTransport, type KubeTransport } from "./transport.ts";

/** Real time and chance, as the program has them. */
export const realTime: KubeTime = {
  nowSeconds: realClock.nowSeconds,
  sleep: realClock.sleep,
  monotonicSeconds: () => performance.now() / 1000,
  random: Math.random,
};

/** Lines of the log as text, for what a test says of them. */
export function createTestLogger() {
  const lines: string[] = [];
  const logger = createLogger({ name: "test", level: "debug", write: (line) => lines.push(line) });
  return { logger, lines };
}

export async function openTransport(
  access: string | Credentials,
  registry: Registry = createRegistry(),
): Promise<KubeTransport> {
  const credentials =
    typeof access === "string"
      ? await createKubeconfigCredentials({
          path: access,
          monotonicSeconds: realTime.monotonicSeconds,
        })
      : access;
  return createKubeTransport({
    credentials,
    time: realTime,
    userAgent: "mestore-operator/test",
    onRequest: (method, code) =>
      registry.cell(operatorMetrics.kubeRequests, { method, code }).add(1),
  });
}

export interface CachesBench {
  readonly transport: KubeTransport;
  readonly caches: Caches;
  readonly registry: Registry;
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** Caches that follow a real API server, synced. */
export async function openCaches(
  kubeconfig: string,
  namespaces: readonly string[] | null,
  timing?: ReflectorTiming,
): Promise<CachesBench> {
  const registry = createRegistry();
  const { logger, lines } = createTestLogger();
  const transport = await openTransport(kubeconfig, registry);
  const caches = createCaches({
    ...{ transport, namespaces, time: realTime, registry, logger },
    ...(timing === undefined ? {} : { timing }),
  });
  const stop = new AbortController();
  const running = caches.run(stop.signal);
  await waitFor(() => caches.hasSynced(), { what: `the caches to sync: ${lines.join("")}` });
  return {
    transport,
    caches,
    registry,
    lines,
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Until the watch has brought this version of an object, or a later one. */
export async function untilSeen<T extends KubeObject>(
  cache: Pick<Cache<T>, "get">,
  object: KubeObject,
): Promise<void> {
  const { namespace = "", name, resourceVersion } = object.metadata;
  await waitFor(
    () => {
      const known = cache.get(`${namespace}/${name}`);
      return known !== null && !isLater(resourceVersion, known.metadata.resourceVersion);
    },
    { what: `${namespace}/${name} to be seen` },
  );
}

/** Until the watch has told that an object is gone. */
export async function untilGone<T extends KubeObject>(
  cache: Pick<Cache<T>, "get">,
  key: string,
): Promise<void> {
  await waitFor(() => cache.get(key) === null, { what: `${key} to be gone` });
}

/** Between a client and the API server: what a network can do to both. */
export interface Wire {
  /** A kubeconfig that leads through it. */
  readonly kubeconfig: string;
  /** Connections stay open, and nothing comes through them any more. */
  swallow(): void;
  /** Connections are cut, and new ones refused. */
  cut(): void;
  /** All is well again for new connections. */
  mend(): void;
  close(): void;
}

interface WireSocketData {
  peer: Socket<WireSocketData> | null;
  waiting: Uint8Array[];
}

/** A wire of its own to the server that `kubeconfig` names. */
export async function openWire(kubeconfig: string): Promise<Wire> {
  const text = await Bun.file(kubeconfig).text();
  const address = /https:\/\/[^"\s]+/.exec(text)?.[0];
  if (address === undefined) throw new Error(`${kubeconfig} names no server`);
  const { hostname, port } = new URL(address);
  let state: "through" | "swallow" | "cut" = "through";
  const open = new Set<Socket<WireSocketData>>();

  const pass = (socket: Socket<WireSocketData>, data: Uint8Array) => {
    if (state !== "through") return;
    const { peer, waiting } = socket.data;
    if (peer === null) waiting.push(new Uint8Array(data));
    else peer.write(data);
  };
  const shut = (socket: Socket<WireSocketData>) => {
    open.delete(socket);
    if (state !== "swallow") socket.data.peer?.end();
  };
  const listener = Bun.listen<WireSocketData>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      async open(client) {
        client.data = { peer: null, waiting: [] };
        if (state === "cut") {
          client.terminate();
          return;
        }
        open.add(client);
        const server = await Bun.connect<WireSocketData>({
          hostname,
          port: Number(port),
          data: { peer: client, waiting: [] },
          socket: { data: pass, close: shut, error: shut },
        });
        open.add(server);
        client.data.peer = server;
        for (const data of client.data.waiting.splice(0)) server.write(data);
      },
      data: pass,
      close: shut,
      error: shut,
    },
  });
  const path = join(await mkdtemp(join(tmpdir(), "wire-")), "kubeconfig.yaml");
  await Bun.write(path, text.replace(address, `https://127.0.0.1:${listener.port}`));
  const end = () => {
    for (const socket of open) socket.terminate();
    open.clear();
  };
  return {
    kubeconfig: path,
    swallow() {
      state = "swallow";
    },
    cut() {
      state = "cut";
      end();
    },
    mend() {
      end();
      state = "through";
    },
    close() {
      end();
      listener.stop(true);
      rmSync(dirname(path), { recursive: true });
    },
  };
}
