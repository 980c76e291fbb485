import { parseProfile } from "@mestore/contract/performance-profile";
import type { ConditionType } from "@mestore/contract/profile-status";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import { createTiming } from "@mestore/laws/timing";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { createManualClock } from "../src/control/clock.ts";
import { createLoop } from "../src/control/loop.ts";
import { createLoopMetrics } from "../src/control/loop-metrics.ts";
import { type LoopMemory, parseLoopMemory } from "../src/control/memory.ts";
import type {
  Delivered,
  ProfileEvent,
  ProfileState,
  QueryReading,
  Target,
  TargetReading,
} from "../src/control/ports.ts";
import { createReconciler } from "../src/control/reconcile.ts";
import { createPageSource } from "../src/metrics-source/page-source.ts";
import { parseStatus } from "../src/profile/status.ts";
import { profileKey, profileText } from "./loop-bench.ts";
import { createModelService } from "./model-service.ts";

/**
 * The loop on ports in memory, and says so: a platform whose pods, refusals and other writers come on
 * cue, which no real one does. The adapters have their own suites on the real thing.
 */
export type FleetBench = ReturnType<typeof createFleetBench>;

/** What the platform does when it is asked to. An error that is set is thrown until it is taken away. */
export interface World {
  /** Null: there is no profile. */
  profile: { spec: Record<string, unknown>; metadata: Record<string, unknown> } | null;
  /** Another one: the profile was deleted and created anew. */
  uid: string;
  deletingSinceSeconds: number | null;
  /** What every look at the target waits for. */
  gate: () => Promise<void>;
  pods: string[];
  /** Pods that do not take up what is written. */
  deaf: Set<string>;
  /** Pods that report no metrics. */
  mute: Set<string>;
  podHash: string;
  unavailable: number;
  restarts: number;
  inTransition: boolean;
  targetFault: Exclude<TargetReading, { ok: true }> | null;
  foreignOwner: string | null;
  /** By PromQL; null: the source understands none. */
  queries: Record<string, QueryReading> | null;
  fails: Partial<Record<"hold" | "release" | "save" | "write", Error>>;
}

/** Goes on until a move of the law is being verified. */
export async function runUntilVerifying(bench: FleetBench): Promise<TuningDocument> {
  await bench.runUntil(
    () => bench.condition("Progressing") === "True Verifying" && bench.written.length > 1,
    300,
  );
  const document = bench.written.at(-1);
  if (document === undefined) throw new Error("nothing was written");
  return document;
}

export function createFleetBench() {
  const timeScale = 15;
  const timing = createTiming(timeScale);
  const clock = createManualClock(1_800_000_000);
  const registry = createRegistry();
  const world: World = {
    profile: { spec: {}, metadata: {} },
    uid: "first",
    deletingSinceSeconds: null,
    gate: () => Promise.resolve(),
    pods: ["mestore-a", "mestore-b", "mestore-c"],
    deaf: new Set(),
    mute: new Set(),
    podHash: "r1",
    unavailable: 0,
    restarts: 0,
    inTransition: false,
    targetFault: null,
    foreignOwner: null,
    queries: null,
    fails: {},
  };
  /** Everything that reached the platform, in its order. */
  const calls: string[] = [];
  const events: (ProfileEvent & { readonly atSeconds: number })[] = [];
  const log: Record<string, unknown>[] = [];
  const written: TuningDocument[] = [];
  const place: { -readonly [K in keyof Delivered]: Delivered[K] } = {
    document: null,
    adopted: null,
    foreignOwner: null,
  };
  const stored = new Map<string, { status: string; memory: string }>();
  const finalizers = new Set<string>();
  const running = new Map<string, number>();
  const logger = createLogger({
    name: "operator",
    level: "info",
    write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
  });

  let onCall: (call: string) => void = () => undefined;
  const refuse = (call: keyof World["fails"]): void => {
    const error = world.fails[call];
    if (error !== undefined) throw error;
    calls.push(call);
    onCall(call);
  };
  const service = createModelService({
    now: clock.nowSeconds,
    readTuning: () =>
      Promise.resolve(world.pods.every((pod) => world.deaf.has(pod)) ? null : place.document),
    keys: 5000,
    rate: 400,
    initialTtlSeconds: 3600,
  });

  const readPods = () => {
    for (const pod of world.pods)
      if (!world.deaf.has(pod)) running.set(pod, place.document?.revision ?? 0);
    return world.pods
      .filter((pod) => !world.mute.has(pod))
      .map((name) => ({ name, revision: running.get(name) ?? 0 }));
  };

  function openTarget(): Target {
    const pages = createPageSource({
      readPage: service.readPage,
      scrapeSeconds: timing.scrapeSeconds,
      longestWindowSeconds: timing.longestWindowSeconds,
      now: clock.nowSeconds,
    });
    return {
      metrics: {
        async window(seconds) {
          const reading = await pages.window(seconds);
          return reading.ok ? { ...reading, pods: readPods() } : reading;
        },
        ...(world.queries === null
          ? {}
          : {
              query: (promql: string): Promise<QueryReading> =>
                Promise.resolve(
                  world.queries?.[promql] ?? {
                    ok: false,
                    reason: "MetricsEmpty",
                    detail: `nothing for ${promql}`,
                  },
                ),
            }),
      },
      async read() {
        await world.gate();
        return (
          world.targetFault ?? {
            ok: true,
            state: {
              podHash: world.podHash,
              readyPods: [...world.pods],
              unavailable: world.unavailable,
              restarts: world.restarts,
              inTransition: world.inTransition,
            },
          }
        );
      },
    };
  }

  const version = () => JSON.stringify([world.uid, world.profile, world.deletingSinceSeconds]);

  function listProfiles(): ProfileState[] {
    if (world.profile === null) return [];
    const text = profileText(world.profile.spec, world.profile.metadata);
    const parsed = parseProfile(JSON.parse(text));
    const deleting =
      world.deletingSinceSeconds === null
        ? {}
        : { deleting: { sinceSeconds: world.deletingSinceSeconds } };
    const { generation } = world.profile.metadata;
    const identity = {
      key: profileKey,
      uid: world.uid,
      version: version(),
      ...(typeof generation === "number" && { generation }),
      ...deleting,
    };
    return [
      parsed.ok
        ? { ...identity, profile: parsed.value, faults: [] }
        : { ...identity, profile: null, faults: parsed.faults },
    ];
  }

  function start() {
    const open = new Map<string, Target>();
    const targets = {
      open(key: string) {
        const target = open.get(key) ?? openTarget();
        open.set(key, target);
        return target;
      },
      close: (key: string) => void open.delete(key),
      identify: () => "shop/Deployment/mestore",
    };
    return createLoop({
      profiles: { list: () => Promise.resolve(listProfiles()), versionOf: version },
      targets,
      reconciler: createReconciler({
        targets,
        delivery: {
          read: () => Promise.resolve({ ...place, foreignOwner: world.foreignOwner }),
          async write(_key, document, adopted) {
            refuse("write");
            place.document = document;
            place.adopted = adopted;
            written.push(document);
          },
        },
        store: {
          async load(key) {
            const found = stored.get(key);
            return {
              status: found === undefined ? null : parseStatus(JSON.parse(found.status)),
              memory: found === undefined ? null : parseLoopMemory(JSON.parse(found.memory)),
              foreignOwner: null,
            };
          },
          async save(key, status, memory) {
            refuse("save");
            stored.set(key, { status: JSON.stringify(status), memory: JSON.stringify(memory) });
          },
          async remove(key) {
            stored.delete(key);
          },
        },
        finalizer: {
          async hold(key) {
            if (finalizers.has(key)) return;
            refuse("hold");
            finalizers.add(key);
          },
          async release(key) {
            if (!finalizers.has(key)) return;
            refuse("release");
            finalizers.delete(key);
            // The platform removes what is being deleted and no longer held.
            world.profile = null;
          },
        },
        events: {
          publish: (_key, event) => events.push({ ...event, atSeconds: clock.nowSeconds() }),
        },
        clock,
        logger,
        timing,
        timeScale,
        ...createLoopMetrics(registry),
      }),
      clock,
      timing,
      registry,
      logger,
    });
  }

  let loop = start();
  const status = () => {
    const found = parseStatus(JSON.parse(stored.get(profileKey)?.status ?? "null"));
    if (found === null) throw new Error("no status was saved");
    return found;
  };
  const find = (type: ConditionType) => status().conditions.find((one) => one.type === type);

  return {
    world,
    clock,
    timing,
    registry,
    service,
    calls,
    events,
    log,
    written,
    place,
    finalizers,
    status,
    memory() {
      const found = parseLoopMemory(JSON.parse(stored.get(profileKey)?.memory ?? "null"));
      if (found === null) throw new Error("no memory was saved");
      return found;
    },
    /** The status goes with its profile; the memory may stay for a while. */
    dropStatus() {
      const found = stored.get(profileKey);
      if (found !== undefined) stored.set(profileKey, { ...found, status: "null" });
    },
    loseMemory() {
      const found = stored.get(profileKey);
      if (found !== undefined) stored.set(profileKey, { ...found, memory: "null" });
    },
    /** As another process saves it. */
    storeMemory(memory: LoopMemory) {
      stored.set(profileKey, {
        status: stored.get(profileKey)?.status ?? "null",
        memory: JSON.stringify(memory),
      });
    },
    /** `True Verifying`; "absent" before the first status. */
    condition(type: ConditionType) {
      if (!stored.has(profileKey)) return "absent";
      const found = find(type);
      return found === undefined ? "absent" : `${found.status} ${found.reason}`;
    },
    message: (type: ConditionType) => find(type)?.message,
    reasons: () => events.map(({ reason }) => reason),
    annotate(annotations: Record<string, string>) {
      if (world.profile !== null) world.profile.metadata = { annotations };
    },
    /** `kubectl delete` of a profile that a finalizer holds, or not. */
    remove() {
      if (finalizers.has(profileKey)) world.deletingSinceSeconds = clock.nowSeconds();
      else world.profile = null;
    },
    pass: () => loop.pass(),
    runLoop: (signal: AbortSignal) => loop.run(signal),
    /** Told of everything that reaches the platform, at once. */
    onCall(listener: (call: string) => void) {
      onCall = listener;
    },
    /** Runs passes for so long. */
    async run(seconds: number) {
      const until = clock.nowSeconds() + seconds;
      while (clock.nowSeconds() < until - 1e-6) {
        clock.advance(timing.scrapeSeconds);
        await loop.pass();
      }
    },
    /** Runs passes until the condition holds; throws when it does not within `seconds`. */
    async runUntil(condition: () => boolean, seconds: number) {
      const until = clock.nowSeconds() + seconds;
      while (!condition()) {
        if (clock.nowSeconds() >= until) throw new Error(`not within ${seconds} s`);
        clock.advance(timing.scrapeSeconds);
        await loop.pass();
      }
    },
    /** kill -9: what was not saved is lost. */
    crash() {
      loop = start();
    },
  };
}
