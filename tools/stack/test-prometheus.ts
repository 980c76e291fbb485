import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareTool } from "../pins/tool.ts";
import { openGuardedRoom } from "./death-guard.ts";
import { findFreePort, isPortFree } from "./free-port.ts";
import { isAlive, launchProcess, type ProcessId, signalProcess, stopProcess } from "./process.ts";
import { waitFor } from "./wait-for.ts";

/** A real Prometheus of one test. It ends with the process that started it. */
export interface TestPrometheus {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pid: number;
  /** Sends a signal. After one that ends the process, resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its files. Safe to call twice. */
  stop(): Promise<void>;
}

export interface TestPrometheusOptions {
  /** Text of prometheus.yml; without one nothing is scraped. */
  readonly config?: string;
  /** Samples with time stamps in the OpenMetrics text format, from which its blocks are made. */
  readonly openMetrics?: string;
}

/** How often it is given another port when somebody took the free one first. */
const portAttempts = 3;

/** Starts a Prometheus with its own empty data, or with the samples that are given. */
export async function startPrometheus(
  options: TestPrometheusOptions = {},
): Promise<TestPrometheus> {
  const room = await openGuardedRoom();
  const directory = join(room.directory, `prometheus-${randomBytes(4).toString("hex")}`);
  const data = join(directory, "data");
  mkdirSync(data, { recursive: true });
  const config = join(directory, "prometheus.yml");
  writeFileSync(config, options.config ?? "scrape_configs: []\n");
  if (options.openMetrics !== undefined) await createBlocks(options.openMetrics, directory, data);
  const binary = await prepareTool("prometheus");
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const server = await launchProcess({
      command: [
        binary,
        `--config.file=${config}`,
        `--storage.tsdb.path=${data}`,
        // Samples of a test are as old as it likes.
        "--storage.tsdb.retention.time=100y",
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=warn",
      ],
      env: { PATH: "/usr/bin:/bin" },
      cwd: directory,
      logPath: join(directory, "log"),
    });
    room.guard(server);
    try {
      await waitUntilReady(url, server);
      return describe(url, server, directory, (pid) => room.release(pid));
    } catch (error) {
      await stopProcess(server, { signal: "SIGKILL" });
      room.release(server.pid);
      if (attempt === portAttempts || (await isPortFree(port))) throw error;
    }
  }
}

async function createBlocks(samples: string, directory: string, data: string): Promise<void> {
  const file = join(directory, "samples.om");
  writeFileSync(file, samples);
  const promtool = await prepareTool("promtool");
  const made = Bun.spawn({
    cmd: [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, data],
    stdout: "ignore",
    stderr: "pipe",
  });
  const [code, complaint] = await Promise.all([made.exited, new Response(made.stderr).text()]);
  if (code !== 0) throw new Error(`promtool made no blocks: ${complaint}`);
}

async function waitUntilReady(url: string, server: ProcessId): Promise<void> {
  await waitFor(
    async () => {
      if (!isAlive(server)) return true;
      return (await fetch(`${url}/-/ready`)).ok;
    },
    { what: "Prometheus to be ready", timeoutMs: 30_000 },
  );
  if (!isAlive(server)) throw new Error("Prometheus ended at once");
}

function describe(
  url: string,
  server: ProcessId,
  directory: string,
  release: (pid: number) => void,
): TestPrometheus {
  return {
    url,
    pid: server.pid,
    async kill(signal) {
      signalProcess(server, signal);
      if (signal === "SIGKILL" || signal === "SIGTERM")
        await waitFor(() => !isAlive(server), { what: `process ${server.pid} to end` });
    },
    async stop() {
      await stopProcess(server, { signal: "SIGKILL" });
      release(server.pid);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
