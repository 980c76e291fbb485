import { operatorMetrics } from "@mestore/contract/metrics";
import { createTiming } from "@mestore/laws/timing";
import { createLogger, type Logger } from "@mestore/telemetry/logger";
import { serveMetrics } from "@mestore/telemetry/metrics-server";
import { observeProcess } from "@mestore/telemetry/process-metrics";
import { createRegistry, type Registry } from "@mestore/telemetry/registry";
import { type Config, parseConfig } from "./config.ts";
import { realClock } from "./control/clock.ts";
import { createLoop, type Loop } from "./control/loop.ts";
import { parseLoopMemory } from "./control/memory.ts";
import { createReconciler } from "./control/reconcile.ts";
import type { DecisionRecord } from "./control/step.ts";
import { createProfileDirectory } from "./file/profile-directory.ts";
import { createStatusDirectory } from "./file/status-directory.ts";
import { createTuningFile } from "./file/tuning-file.ts";
import { createScrapeSource } from "./metrics-source/scrape.ts";
import { parseStatus } from "./profile/status.ts";

/** Only this machine scrapes the operator's own metrics while it runs on files. */
const metricsHost = "127.0.0.1";

/** A verdict as the metric counts it; holds are no decisions that were made. */
const countedAs = {
  Applied: "applied",
  Recommended: "recommended",
  Verified: "verified",
  Unverified: "unverified",
  Kept: "unverified",
  RolledBack: "rolled_back",
  Withdrawn: "rolled_back",
  Held: null,
} as const satisfies Record<DecisionRecord["verdict"], string | null>;

async function createFileLoop(config: Config, registry: Registry, logger: Logger): Promise<Loop> {
  const { timeScale } = config;
  const timing = createTiming(timeScale);
  const clock = realClock;
  const available = registry.cell(operatorMetrics.metricsAvailable, {});
  const { tuningFile } = config;
  const reconciler = createReconciler({
    source: createScrapeSource({
      url: config.scrapeUrl,
      scrapeSeconds: timing.scrapeSeconds,
      longestWindowSeconds: timing.longestWindowSeconds,
      now: clock.nowSeconds,
    }),
    delivery: await createTuningFile({
      path: tuningFile,
      onInvalid: (detail) =>
        logger.warn({ path: tuningFile, detail }, "the tuning file is no tuning document"),
    }),
    store: createStatusDirectory({
      directory: config.statusDirectory,
      parseStatus,
      parseMemory: parseLoopMemory,
      onUnreadable: (path, detail) =>
        logger.warn({ path, detail }, "cannot be read; this part is started afresh"),
    }),
    clock,
    logger,
    timing,
    timeScale,
    onDecision({ verdict }) {
      const counted = countedAs[verdict];
      if (counted !== null)
        registry.cell(operatorMetrics.decisions, { knob: "ttl", verdict: counted }).add(1);
    },
    onObservation: ({ ok }) => available.set(ok ? 1 : 0),
  });
  return createLoop({
    profiles: createProfileDirectory(config.profilesDirectory),
    reconciler,
    // One scrape address and one tuning file are one target, whatever the profiles call it.
    targetOf: () => tuningFile,
    clock,
    timing,
    registry,
    logger,
  });
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
    const loop = await createFileLoop(config, registry, logger);
    const server = serveMetrics({
      registry,
      port: config.metricsPort,
      hostname: metricsHost,
      logger,
    });
    logger.info({ metricsUrl: server.url, timeScale: config.timeScale }, "started");
    try {
      await loop.run(stop.signal);
    } finally {
      await server.stop();
    }
  } catch (error) {
    logger.fatal({ err: error }, "cannot run");
    return 1;
  }
  logger.info("stopped");
  return 0;
}

process.exitCode = await main();
