import { parseProfile, type PerformanceProfile } from "@mestore/contract/performance-profile";
import type { Timing } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import { planClasses } from "../profile/classes.ts";
import { planObjectives, slowEdgeSeconds } from "../profile/objectives.ts";
import { emptyStatus, isNews, type ProfileStatus } from "../profile/status.ts";
import type { Clock } from "./clock.ts";
import { createContext, decidePass } from "./decide-pass.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { type Observation, observe } from "./observe.ts";
import type { MetricsSource, ProfileState, StatusStore, TuningDelivery } from "./ports.ts";
import { planStatus } from "./report.ts";
import type { DecisionRecord, PassContext } from "./step.ts";

export interface ReconcilerDeps {
  readonly source: MetricsSource;
  readonly delivery: TuningDelivery;
  readonly store: StatusStore<ProfileStatus, LoopMemory>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing: Timing;
  /** Divides what the profile itself gives in seconds. */
  readonly timeScale: number;
  /** Told of each decision, once. */
  readonly onDecision: (record: DecisionRecord) => void;
  /** Told of each observation. */
  readonly onObservation: (observation: Observation) => void;
}

/** `held`: the observation was rejected, or there is nothing to do for this profile. */
export type Outcome = "ok" | "held";

export interface Reconciler {
  /**
   * The state with the last good profile of an earlier process where the source knows none. Whose
   * target is whose is judged on what this gives.
   */
  resolve(state: ProfileState): Promise<ProfileState>;
  /** One pass for one resolved profile: observe, decide, plan, apply, report. Throws what it cannot handle. */
  reconcile(state: ProfileState, claimedBy: string | null): Promise<Outcome>;
  /** The profile is gone; the tuning stays as it is. */
  forget(key: string): Promise<void>;
  /** Saves what passes left unsaved. */
  flush(): Promise<void>;
}

interface Session {
  memory: LoopMemory;
  /** As of the last pass, for the times of the conditions and the log. */
  status: ProfileStatus;
  saved: { status: ProfileStatus; memory: LoopMemory; atSeconds: number } | null;
}

/** Figures that are no news are written this often at most (10 min, divided by the time scale). */
const figuresSeconds = 600;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { source, delivery, store, clock, logger, timing, timeScale } = deps;
  const sessions = new Map<string, Session>();

  async function open(key: string): Promise<Session> {
    const known = sessions.get(key);
    if (known !== undefined) return known;
    const loaded = await store.load(key);
    const session: Session = {
      memory: loaded.memory ?? emptyLoopMemory,
      status: loaded.status ?? emptyStatus,
      saved:
        loaded.memory === null || loaded.status === null
          ? null
          : { status: loaded.status, memory: loaded.memory, atSeconds: clock.nowSeconds() },
    };
    sessions.set(key, session);
    const { change } = session.memory;
    if (change !== null)
      logger.info(
        { profile: key, revision: change.inFlight.revision, change: change.origin },
        "resuming the change on its way",
      );
    return session;
  }

  async function save(key: string, session: Session): Promise<void> {
    await store.save(key, session.status, session.memory);
    session.saved = {
      status: session.status,
      memory: session.memory,
      atSeconds: clock.nowSeconds(),
    };
  }

  async function pass(
    key: string,
    session: Session,
    profile: PerformanceProfile,
  ): Promise<{ readonly context: PassContext; readonly step: ReturnType<typeof decidePass> }> {
    const { judged } = planObjectives(profile);
    const observation = await observe(
      source,
      {
        classes: planClasses(profile).map(({ name }) => name),
        objectives: judged,
        slowEdgeSeconds: slowEdgeSeconds(judged),
        windowSeconds: profile.spec.metrics.windowSeconds / timeScale,
        memory: session.memory,
        timing,
      },
      clock.nowSeconds(),
    );
    deps.onObservation(observation);
    const document = await delivery.read(key);
    const nowSeconds = clock.nowSeconds();
    const context = createContext({
      key,
      profile,
      observation,
      document,
      nowSeconds,
      timing,
      timeScale,
    });
    return { context, step: decidePass(context, session.memory) };
  }

  function report(key: string, records: readonly DecisionRecord[]): void {
    for (const record of records) {
      const { sentence, ...fields } = record;
      logger.info({ profile: key, ...fields }, sentence);
      deps.onDecision(record);
    }
  }

  return {
    async resolve(state) {
      if (state.profile !== null) return state;
      const { memory } = await open(state.key);
      return { ...state, profile: remembered(memory) };
    },

    async reconcile(state, claimedBy) {
      const { key, faults } = state;
      const session = await open(key);
      const profile = claimedBy === null ? state.profile : null;
      const done = profile === null ? null : await pass(key, session, profile);
      const memory = done?.step.memory ?? session.memory;
      const status = planStatus({
        context: done?.context ?? null,
        objectives: profile === null ? { judged: [], queries: [] } : planObjectives(profile),
        memory,
        faults,
        claimedBy,
        previous: session.status,
        nowSeconds: done?.context.nowSeconds ?? clock.nowSeconds(),
      });

      const write = done?.step.write ?? null;
      const next: Session = { memory, status, saved: session.saved };
      // What is on its way is saved before it is written, so that a crash between the two loses nothing.
      if (write !== null || isDue(next, clock.nowSeconds(), timeScale)) await save(key, next);
      logFlips(logger, key, session.status, status);
      sessions.set(key, next);
      // What is concluded is told even when the write fails; what is applied only once it is.
      const records = done?.step.records ?? [];
      report(
        key,
        records.filter(({ verdict }) => verdict !== "Applied"),
      );
      if (write !== null) await delivery.write(key, write);
      report(
        key,
        records.filter(({ verdict }) => verdict === "Applied"),
      );
      return done?.context.observation.ok === true ? "ok" : "held";
    },

    async forget(key) {
      if (!sessions.delete(key)) return;
      await store.remove(key);
      logger.info({ profile: key }, "profile removed; the tuning in force stays as it is");
    },

    async flush() {
      for (const [key, session] of sessions)
        if (session.saved?.memory !== session.memory) await save(key, session);
    },
  };
}

/** The last good profile of an earlier process. */
function remembered({ profile }: LoopMemory): PerformanceProfile | null {
  const parsed = profile === null ? null : parseProfile(profile);
  return parsed?.ok === true ? parsed.value : null;
}

/**
 * News at once; a slice while a change is being verified, since it is evidence that a restart must not
 * lose; figures every ten minutes.
 */
function isDue({ saved, status, memory }: Session, nowSeconds: number, timeScale: number): boolean {
  if (saved === null || isNews(saved.status, status)) return true;
  if (memory.change !== null && memory.slices !== saved.memory.slices) {
    if (memory.slices.at(-1)?.atSeconds !== saved.memory.slices.at(-1)?.atSeconds) return true;
  }
  return nowSeconds - saved.atSeconds >= figuresSeconds / timeScale;
}

function logFlips(logger: Logger, key: string, before: ProfileStatus, after: ProfileStatus): void {
  for (const { type, status, reason, message } of after.conditions) {
    const was = before.conditions.find((one) => one.type === type);
    if (was?.status === status && was.reason === reason) continue;
    const isTrouble =
      status === (type === "Ready" || type === "MetricsAvailable" ? "False" : "True");
    const level = isTrouble && type !== "Progressing" && type !== "ObjectivesMet" ? "warn" : "info";
    logger[level]({ profile: key, condition: type, status, reason }, message);
  }
}
