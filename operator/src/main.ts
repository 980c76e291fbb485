import { hostname } from "node:os";
import { createLogger, type Logger } from "@mestore/telemetry/logger";
import { serveMetrics } from "@mestore/telemetry/metrics-server";
import { observeProcess } from "@mestore/telemetry/process-metrics";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import program from "../package.json" with { type: "json" };
import { type Config, parseConfig } from "./config.ts";
import { createFileLoop } from "./main/file-loop.ts";
import { createKubeProgram } from "./main/kube-loop.ts";

/** What both sources come to: something that runs, and how its probes see it. */
interface Work {
  run(signal: AbortSignal): Promise<number>;
  isReady(): boolean;
  isLive(): boolean;
  /** Interface of the operator's own metrics. */
  readonly metricsHost: string;
}

async function createWork(config: Config, registry: Registry, logger: Logger): Promise<Work> {
  if (config.source === "file") {
    const loop = await createFileLoop(config, registry, logger);
    return {
      run: async (signal) => {
        await loop.run(signal);
        return 0;
      },
      isReady: () => true,
      isLive: () => true,
      // Only this machine scrapes it while it runs on files.
      metricsHost: "127.0.0.1",
    };
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const kube = await createKubeProgram(config, {
    registry,
    logger,
    identity: `${hostname()}_${crypto.randomUUID()}`,
    version: program.version,
    inCluster: host === undefined || port === undefined ? null : { host, port },
  });
  return { ...kube, metricsHost: "0.0.0.0" };
}

async function main(): Promise<number> {
  const parsed = parseConfig(process.argv.slice(2));
  if (!parsed.ok) {
    (parsed.exitCode === 0 ? process.stdout : process.stderr).write(parsed.text);
    return parsed.exitCode;
  }
  const { config } = parsed;
  const logger = createLogger({ name: "operator", level: config.logLevel });
  const registry = createRegistry();
  observeProcess(registry, Date.now);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      logger.info({ signal }, "stopping");
      stop.abort();
    });

  try {
    const work = await createWork(config, registry, logger);
    const server = serveMetrics({
      registry,
      port: config.metricsPort,
      hostname: work.metricsHost,
      logger,
      probes: { "/livez": work.isLive, "/readyz": work.isReady },
    });
    logger.info(
      { metricsUrl: server.url, timeScale: config.timeScale, version: program.version },
      "started",
    );
    try {
      const exitCode = await work.run(stop.signal);
      logger.info("stopped");
      return exitCode;
    } finally {
      await server.stop();
    }
  } catch (error) {
    logger.fatal({ err: error }, "cannot run");
    return 1;
  }
}

// A read that nobody waits for any more would keep the process until its own deadline.
process.exit(await main());
