import { operatorMetrics } from "@mestore/contract/metrics";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { Timing } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { judgeClaims } from "./claims.ts";
import type { Clock } from "./clock.ts";
import type { ProfileSource, ProfileState } from "./ports.ts";
import type { Reconciler } from "./reconcile.ts";

export interface LoopDeps {
  readonly profiles: ProfileSource;
  readonly reconciler: Reconciler;
  /** What a profile tunes; two with the same target are one too many. */
  readonly targetOf: (profile: PerformanceProfile) => string;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly registry: Registry;
  readonly logger: Logger;
}

export interface Loop {
  /** One pass over all profiles; false when any part of it failed. Never throws. */
  pass(): Promise<boolean>;
  /** Passes, one a scrape interval, until `signal` aborts; then saves what is unsaved. */
  run(signal: AbortSignal): Promise<void>;
}

/** Passes that fail are this much further apart at most, doubling from one interval. */
const longestBackoffSeconds = 60;

export function createLoop(deps: LoopDeps): Loop {
  const { profiles, reconciler, clock, timing, registry, logger } = deps;
  const outcomes = {
    ok: registry.cell(operatorMetrics.reconciles, { outcome: "ok" }),
    held: registry.cell(operatorMetrics.reconciles, { outcome: "held" }),
    failed: registry.cell(operatorMetrics.reconciles, { outcome: "failed" }),
  };
  const duration = registry.distribution(operatorMetrics.reconcileDuration, {});
  const invalid = registry.cell(operatorMetrics.profilesInvalid, {});
  let known = new Set<string>();

  async function reconcile(state: ProfileState, claimedBy: string | null): Promise<boolean> {
    const started = clock.nowSeconds();
    try {
      outcomes[await reconciler.reconcile(state, claimedBy)].add(1);
      return true;
    } catch (error) {
      outcomes.failed.add(1);
      logger.error({ err: error, profile: state.key }, "pass failed; the tuning in force stays");
      return false;
    } finally {
      duration.observe(clock.nowSeconds() - started);
    }
  }

  /** Memory that cannot be read now fails its own profile's pass, which reads it again. */
  async function resolve(state: ProfileState): Promise<ProfileState> {
    try {
      return await reconciler.resolve(state);
    } catch (error) {
      logger.warn({ err: error, profile: state.key }, "its memory cannot be read");
      return state;
    }
  }

  async function pass(): Promise<boolean> {
    try {
      const states: ProfileState[] = [];
      for (const state of await profiles.list()) states.push(await resolve(state));
      invalid.set(states.filter(({ faults }) => faults.length > 0).length);
      const claims = judgeClaims(states, deps.targetOf);
      let fine = true;
      for (const state of states)
        fine = (await reconcile(state, claims.get(state.key) ?? null)) && fine;
      const listed = new Set(states.map(({ key }) => key));
      for (const key of known) if (!listed.has(key)) await reconciler.forget(key);
      known = listed;
      return fine;
    } catch (error) {
      outcomes.failed.add(1);
      logger.error({ err: error }, "profiles cannot be read; the tuning in force stays");
      return false;
    }
  }

  return {
    pass,
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        const started = clock.nowSeconds();
        failures = (await pass()) ? 0 : failures + 1;
        const pause = Math.min(
          timing.scrapeSeconds * 2 ** failures,
          Math.max(longestBackoffSeconds, timing.scrapeSeconds),
        );
        await clock.sleep(started + pause - clock.nowSeconds(), signal);
      }
      await reconciler.flush();
    },
  };
}
