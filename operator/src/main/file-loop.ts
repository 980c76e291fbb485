import { createTiming } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { FileConfig } from "../config.ts";
import { realClock } from "../control/clock.ts";
import { createLoop, type Loop } from "../control/loop.ts";
import { createLoopMetrics } from "../control/loop-metrics.ts";
import { parseLoopMemory } from "../control/memory.ts";
import { createReconciler } from "../control/reconcile.ts";
import { freeFinalizer } from "../file/finalizer.ts";
import { logOnly } from "../file/events.ts";
import { createProfileDirectory } from "../file/profile-directory.ts";
import { createStatusDirectory } from "../file/status-directory.ts";
import { createFileTargets } from "../file/targets.ts";
import { createTuningFile } from "../file/tuning-file.ts";
import { createScrapeSource } from "../metrics-source/scrape.ts";
import { parseStatus } from "../profile/status.ts";

/** The loop on files: one service, one tuning file, its profiles in a directory. */
export async function createFileLoop(
  config: FileConfig,
  registry: Registry,
  logger: Logger,
): Promise<Loop> {
  const { timeScale, tuningFile } = config;
  const timing = createTiming(timeScale);
  const clock = realClock;
  const targets = createFileTargets(
    tuningFile,
    createScrapeSource({
      pages: () => [{ name: null, url: config.scrapeUrl }],
      scrapeSeconds: timing.scrapeSeconds,
      longestWindowSeconds: timing.longestWindowSeconds,
      now: clock.nowSeconds,
    }),
  );
  const reconciler = createReconciler({
    targets,
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
    finalizer: freeFinalizer,
    events: logOnly,
    clock,
    logger,
    timing,
    timeScale,
    ...createLoopMetrics(registry),
  });
  return createLoop({
    profiles: createProfileDirectory(config.profilesDirectory),
    reconciler,
    targets,
    clock,
    timing,
    registry,
    logger,
  });
}
