import { operatorMetrics } from "@mestore/contract/metrics";
import type { Timing } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { judgeClaims } from "./claims.ts";
import type { Clock } from "./clock.ts";
import { createNap } from "./nap.ts";
import {
  LeaseLostError,
  type ProfileSource,
  type ProfileState,
  StaleWriteError,
  type Targets,
} from "./ports.ts";
import { createQueue, leastSpacingSeconds, longestBackoffSeconds } from "./queue.ts";
import type { Reconciler } from "./reconcile.ts";

export interface LoopDeps {
  readonly profiles: ProfileSource;
  readonly reconciler: Reconciler;
  readonly targets: Pick<Targets, "identify">;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Passes of different profiles at once. Default 4: a pass mostly waits for its metrics. */
  readonly workers?: number;
}

export interface Loop {
  /** One pass over all profiles, one after another; false when any part of it failed. Never throws. */
  pass(): Promise<boolean>;
  /**
   * Passes, of each profile one a scrape interval and one at once when it changed, until `signal`
   * aborts; then lets running passes end, which read no further, and saves what is unsaved. With a LeaseLostError as the
   * signal's reason nothing more is written. Call it once.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Looks that one pass takes at most while others write: the next one comes by the queue. */
const looksPerPass = 3;

export function createLoop(deps: LoopDeps): Loop {
  const { profiles, reconciler, targets, clock, timing, registry, logger, workers = 4 } = deps;
  const outcomes = {
    ok: registry.cell(operatorMetrics.reconciles, { outcome: "ok" }),
    held: registry.cell(operatorMetrics.reconciles, { outcome: "held" }),
    failed: registry.cell(operatorMetrics.reconciles, { outcome: "failed" }),
  };
  const duration = registry.distribution(operatorMetrics.reconcileDuration, {});
  const latency = registry.distribution(operatorMetrics.queueLatency, {});
  const depth = registry.cell(operatorMetrics.queueDepth, {});
  const seen = registry.cell(operatorMetrics.profiles, {});
  const invalid = registry.cell(operatorMetrics.profilesInvalid, {});

  const intervalSeconds = timing.scrapeSeconds;
  const longestPauseSeconds = Math.max(longestBackoffSeconds, intervalSeconds);
  const queue = createQueue({
    intervalSeconds,
    spacingSeconds: Math.min(leastSpacingSeconds, intervalSeconds),
  });
  let hasEnded = false;
  let states = new Map<string, ProfileState>();
  let claims: ReadonlyMap<string, string> = new Map();
  let listing: Promise<boolean> | null = null;
  const running = new Set<string>();

  /** Memory that cannot be read now fails its own profile's pass, which reads it again. */
  async function resolve(state: ProfileState): Promise<ProfileState> {
    try {
      return await reconciler.resolve(state);
    } catch (error) {
      logger.warn({ err: error, profile: state.key }, "its memory cannot be read");
      return state;
    }
  }

  /** Lists all profiles and judges whose target is whose. */
  async function list(): Promise<boolean> {
    try {
      const resolved: ProfileState[] = [];
      for (const state of await profiles.list()) resolved.push(await resolve(state));
      const gone = [...states.keys()].filter((key) => !resolved.some((one) => one.key === key));
      states = new Map(resolved.map((state) => [state.key, state]));
      claims = judgeClaims(resolved, targets.identify);
      queue.sync([...states.keys()], clock.nowSeconds());
      seen.set(states.size);
      invalid.set(resolved.filter(({ faults }) => faults.length > 0).length);
      // A pass that still runs would bring its session back; it is forgotten when that has ended.
      for (const key of gone) if (!running.has(key)) await reconciler.forget(key);
      return true;
    } catch (error) {
      outcomes.failed.add(1);
      logger.error({ err: error }, "profiles cannot be read; the tuning in force stays");
      return false;
    }
  }

  /** Whether the profile is still as the pass found it. */
  function isCurrent({ key, version }: ProfileState): boolean {
    return profiles.versionOf === undefined || profiles.versionOf(key) === version;
  }

  /** One listing at a time, shared by whoever asks while it runs. */
  function refresh(): Promise<boolean> {
    listing ??= list().finally(() => {
      listing = null;
    });
    return listing;
  }

  async function look(key: string, signal: AbortSignal | undefined): Promise<void> {
    for (let looks = 1; ; looks += 1) {
      const state = states.get(key);
      if (state === undefined) return;
      try {
        const outcome = await reconciler.reconcile(state, claims.get(key) ?? null, {
          isCurrent: () => isCurrent(state),
          ...(signal !== undefined && { signal }),
        });
        outcomes[outcome].add(1);
        return;
      } catch (error) {
        if (!(error instanceof StaleWriteError)) throw error;
        reconciler.discard(key);
        if (looks === looksPerPass) throw error;
        logger.info({ profile: key, detail: error.message }, "somebody else wrote; looking again");
        await refresh();
      }
    }
  }

  /** The pass of one key that the queue gave out. */
  async function work(key: string, signal?: AbortSignal): Promise<boolean> {
    const started = clock.nowSeconds();
    running.add(key);
    let isFine = false;
    try {
      await look(key, signal);
      isFine = true;
    } catch (error) {
      // A pass that is cut short has decided nothing.
      if (signal?.aborted !== true || error !== signal.reason) {
        outcomes.failed.add(1);
        logger.error({ err: error, profile: key }, "pass failed; the tuning in force stays");
      }
    } finally {
      running.delete(key);
      duration.observe(clock.nowSeconds() - started);
      // Given back only then: a profile that comes back under the key must not lose its new session.
      if (!states.has(key)) await forget(key);
      queue.finish(key, isFine, clock.nowSeconds());
    }
    return isFine;
  }

  async function forget(key: string): Promise<void> {
    try {
      await reconciler.forget(key);
    } catch (error) {
      logger.error({ err: error, profile: key }, "what is left of it cannot be removed");
    }
  }

  return {
    async pass() {
      if (!(await refresh())) return false;
      let isFine = true;
      for (const key of states.keys())
        if (queue.takeNow(key, clock.nowSeconds())) isFine = (await work(key)) && isFine;
      return isFine;
    },

    async run(signal) {
      const nap = createNap(clock, signal);
      const passes = new Set<Promise<unknown>>();
      const stopReading = registry.beforeCollect(() => depth.set(queue.depth(clock.nowSeconds())));
      let listSeconds = clock.nowSeconds();
      profiles.onChange?.((key) => {
        if (hasEnded) return;
        queue.touch(key, clock.nowSeconds());
        listSeconds = clock.nowSeconds();
        nap.wake();
      });

      const startDue = (): void => {
        while (passes.size < workers && !signal.aborted) {
          const due = queue.take(clock.nowSeconds());
          if (due === null) return;
          latency.observe(due.waitedSeconds);
          const pass = work(due.key, signal).finally(() => {
            passes.delete(pass);
            nap.wake();
          });
          passes.add(pass);
        }
      };

      let failures = 0;
      while (!signal.aborted) {
        if (clock.nowSeconds() >= listSeconds) {
          // A change that is told of meanwhile asks for another list.
          listSeconds = Infinity;
          failures = (await refresh()) ? 0 : failures + 1;
          const pause = Math.min(intervalSeconds * 2 ** failures, longestPauseSeconds);
          listSeconds = Math.min(listSeconds, clock.nowSeconds() + pause);
        }
        // What profiles say now is not known while they cannot be listed: nothing is decided on it.
        if (failures === 0) startDue();
        const isFree = failures === 0 && passes.size < workers;
        await nap.until(Math.min(listSeconds, isFree ? queue.nextDueSeconds() : Infinity));
      }
      await Promise.all(passes);
      hasEnded = true;
      stopReading();
      if (!(signal.reason instanceof LeaseLostError)) await reconciler.flush();
      reconciler.end();
    },
  };
}
