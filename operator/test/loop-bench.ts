import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConditionType } from "@mestore/contract/profile-status";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import { createTiming } from "@mestore/laws/timing";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { createManualClock } from "../src/control/clock.ts";
import { createLoop } from "../src/control/loop.ts";
import { createLoopMetrics } from "../src/control/loop-metrics.ts";
import { type LoopMemory, parseLoopMemory } from "../src/control/memory.ts";
import type { ProfileEvent, TuningDelivery } from "../src/control/ports.ts";
import { createReconciler } from "../src/control/reconcile.ts";
import type { DecisionRecord } from "../src/control/step.ts";
import { freeFinalizer } from "../src/file/finalizer.ts";
import { createProfileDirectory } from "../src/file/profile-directory.ts";
import { createStatusDirectory } from "../src/file/status-directory.ts";
import { createFileTargets } from "../src/file/targets.ts";
import { createTuningFile } from "../src/file/tuning-file.ts";
import { createPageSource } from "../src/metrics-source/page-source.ts";
import { parseStatus, type ProfileStatus } from "../src/profile/status.ts";
import { createModelService } from "./model-service.ts";
import { parse } from "yaml";

export interface LoopBenchOptions {
  readonly timeScale?: number;
  readonly keys?: number;
  readonly rate?: number;
  /** TTL of the service before the first tuning document. */
  readonly serviceTtlSeconds?: number;
}

export type LoopBench = Awaited<ReturnType<typeof createLoopBench>>;

export const profileKey = "shop/storefront";

/** A profile as JSON, which is YAML. */
export function profileText(
  spec: Readonly<Record<string, unknown>> = {},
  metadata: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    apiVersion: "mestore.dev/v1alpha1",
    kind: "PerformanceProfile",
    metadata: { name: "storefront", namespace: "shop", ...metadata },
    spec: {
      targetRef: { name: "mestore" },
      mode: "Auto",
      objectives: [
        {
          name: "product-hits",
          type: "HitRate",
          hitRate: { class: "product", targetPercent: "85" },
        },
        {
          name: "api-p95",
          type: "Latency",
          latency: { thresholdMilliseconds: 500, percentile: "95" },
        },
        { name: "availability", type: "Ratio", ratio: { targetPercent: "99.9" } },
      ],
      cache: {
        mode: "Auto",
        classes: [{ name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 }],
      },
      ...spec,
    },
  });
}

/** Runs `use` on a bench and clears it away. */
export async function withLoop(
  use: (bench: LoopBench) => Promise<void>,
  options?: LoopBenchOptions,
): Promise<void> {
  const bench = await createLoopBench(options);
  try {
    await use(bench);
  } finally {
    await bench.close();
  }
}

/** Goes on until a move of the law is being verified. */
export async function runUntilVerifying(bench: LoopBench): Promise<TuningDocument> {
  await bench.runUntil(async () => {
    const verifying = (await bench.condition("Progressing")) === "True Verifying";
    return verifying && bench.written.length > 1;
  }, 300);
  const document = bench.written.at(-1);
  if (document === undefined) throw new Error("nothing was written");
  return document;
}

/**
 * The whole loop with its file adapters on real files, a clock that stands still until it is moved,
 * and a modelled service.
 */
export async function createLoopBench(options: LoopBenchOptions = {}) {
  const { timeScale = 15, keys = 5000, rate = 400, serviceTtlSeconds = 3600 } = options;
  const directory = await mkdtemp(join(tmpdir(), "loop-"));
  const paths = {
    profile: join(directory, "profiles", "storefront.yaml"),
    profiles: join(directory, "profiles"),
    tuning: join(directory, "tuning.json"),
    status: join(directory, "status"),
  };
  await Bun.write(paths.profile, profileText());
  const clock = createManualClock(1_800_000_000);
  const timing = createTiming(timeScale);
  const registry = createRegistry();
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: "operator",
    level: "info",
    write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
  });
  const written: TuningDocument[] = [];
  const decisions: DecisionRecord[] = [];
  const events: (ProfileEvent & { readonly key: string })[] = [];
  const saves: string[] = [];
  const delivery = await createTuningFile({ path: paths.tuning, onInvalid: () => undefined });
  let failNextWrite = false;
  const watched: TuningDelivery = {
    read: (key) => delivery.read(key),
    async write(key, document, adopted) {
      if (failNextWrite) {
        failNextWrite = false;
        throw new Error("ENOSPC: no space left on device");
      }
      await delivery.write(key, document, adopted);
      written.push(document);
    },
  };
  const service = createModelService({
    now: clock.nowSeconds,
    readTuning: async () => (await delivery.read(profileKey)).document,
    keys,
    rate,
    initialTtlSeconds: serviceTtlSeconds,
  });

  /** The process as it starts: nothing is carried over but the files. */
  function start() {
    const store = createStatusDirectory<ProfileStatus, LoopMemory>({
      directory: paths.status,
      parseStatus,
      parseMemory: parseLoopMemory,
      onUnreadable: (path, detail) => logger.warn({ path, detail }, "unreadable"),
    });
    const targets = createFileTargets(
      paths.tuning,
      createPageSource({
        readPage: service.readPage,
        scrapeSeconds: timing.scrapeSeconds,
        longestWindowSeconds: timing.longestWindowSeconds,
        now: clock.nowSeconds,
      }),
    );
    return createLoop({
      profiles: createProfileDirectory(paths.profiles),
      reconciler: createReconciler({
        targets,
        delivery: watched,
        store: {
          ...store,
          async save(key, status, memory) {
            saves.push(key);
            await store.save(key, status, memory);
          },
        },
        finalizer: freeFinalizer,
        events: { publish: (key, event) => events.push({ key, ...event }) },
        clock,
        logger,
        timing,
        timeScale,
        ...createLoopMetrics(registry),
        onDecision: (record) => decisions.push(record),
      }),
      targets,
      clock,
      timing,
      registry,
      logger,
    });
  }

  let loop = start();
  const statusFile = (key = "shop.storefront") => join(paths.status, `${key}.yaml`);
  const status = async (key?: string) => {
    const found = parseStatus(parse(await Bun.file(statusFile(key)).text()));
    if (found === null) throw new Error("the status file is no status");
    return found;
  };

  return {
    paths,
    clock,
    timing,
    service,
    registry,
    log,
    written,
    decisions,
    events,
    saves,
    status,
    statusFile,
    /** Runs passes for so long. */
    async run(seconds: number) {
      const until = clock.nowSeconds() + seconds;
      while (clock.nowSeconds() < until - 1e-6) {
        clock.advance(timing.scrapeSeconds);
        await loop.pass();
      }
    },
    /** Runs passes until the condition holds; throws when it does not within `seconds`. */
    async runUntil(condition: () => boolean | Promise<boolean>, seconds: number) {
      const until = clock.nowSeconds() + seconds;
      while (!(await condition())) {
        if (clock.nowSeconds() >= until) throw new Error(`not within ${seconds} s`);
        clock.advance(timing.scrapeSeconds);
        await loop.pass();
      }
    },
    /** kill -9: what was not saved is lost. */
    crash() {
      loop = start();
    },
    failNextWrite() {
      failNextWrite = true;
    },
    setProfile: (text: string) => Bun.write(paths.profile, text),
    /** `True Verifying`; "absent" before the first status. */
    async condition(type: ConditionType) {
      if (!(await Bun.file(statusFile()).exists())) return "absent";
      const found = (await status()).conditions.find((one) => one.type === type);
      return found === undefined ? "absent" : `${found.status} ${found.reason}`;
    },
    tuningText: async () => {
      const file = Bun.file(paths.tuning);
      return (await file.exists()) ? file.text() : null;
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
