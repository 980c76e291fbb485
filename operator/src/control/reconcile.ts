import { parseProfile, type PerformanceProfile } from "@mestore/contract/performance-profile";
import type { Timing } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import { planObjectives } from "../profile/objectives.ts";
import { isNews, type ProfileStatus } from "../profile/status.ts";
import type { Clock } from "./clock.ts";
import { decidePass } from "./decide-pass.ts";
import { type Look, lookAround } from "./look-around.ts";
import type { LoopMemory } from "./memory.ts";
import type { Observation } from "./observe.ts";
import { planDecisionEvents, planFlipEvents, planReleaseEvent } from "./plan-events.ts";
import {
  type EventSink,
  type Finalizer,
  NotPermittedError,
  type ProfileState,
  type StatusStore,
  type Targets,
  type TuningDelivery,
} from "./ports.ts";
import { planStatus } from "./report.ts";
import { decideRestore, planAdopted, type Restore } from "./restore.ts";
import { assertWritable, type PassGuards, untilStopped } from "./pass-guards.ts";
import { createSessions, type Session } from "./sessions.ts";
import type { DecisionRecord, PassContext, Step } from "./step.ts";

/** What is told of passes, for the operator's own metrics. */
export interface PassListener {
  /** Told of each decision, once. */
  readonly onDecision: (record: DecisionRecord) => void;
  /** Told of each observation, with the profile's key. */
  readonly onObservation: (key: string, observation: Observation) => void;
  /** The profile is gone, or another one has its target. */
  readonly onForgotten: (key: string) => void;
}

export interface ReconcilerDeps extends PassListener {
  readonly targets: Targets;
  readonly delivery: TuningDelivery;
  readonly store: StatusStore<ProfileStatus, LoopMemory>;
  readonly finalizer: Finalizer;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing: Timing;
  /** Divides what the profile itself gives in seconds. */
  readonly timeScale: number;
}

/** `held`: the observation was rejected, or there is nothing to do for this profile. */
export type Outcome = "ok" | "held";

export interface Reconciler {
  /**
   * The state with the last good profile of an earlier process where the source knows none. Whose
   * target is whose is judged on what this gives.
   */
  resolve(state: ProfileState): Promise<ProfileState>;
  /**
   * One pass for one resolved profile: observe, decide, plan, apply, report.
   * @throws StaleWriteError: discard, and decide again on what there is now
   * @throws the reason of `signal` where that cut it short: nothing was decided
   * @throws what it cannot handle
   */
  reconcile(state: ProfileState, claimedBy: string | null, guards: PassGuards): Promise<Outcome>;
  /** Somebody else wrote since: the next pass reads status and memory again. */
  discard(key: string): void;
  /** The profile is gone; the tuning stays as it is. */
  forget(key: string): Promise<void>;
  /** Saves what passes left unsaved. What cannot be saved is logged. */
  flush(): Promise<void>;
  /** No pass follows: what is shown of its profiles would not be true for long. */
  end(): void;
}

/** Figures that are no news are written this often at most (10 min, divided by the time scale). */
const figuresSeconds = 600;

/** At the end whoever takes over waits for all of them. */
const savesAtOnce = 8;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { targets, delivery, store, finalizer, events, clock, logger, timing, timeScale } = deps;
  const sessions = createSessions(store, clock, timing, logger);

  function report(key: string, records: readonly DecisionRecord[]): void {
    for (const record of records) {
      const { sentence, ...fields } = record;
      logger.info({ profile: key, ...fields }, sentence);
      deps.onDecision(record);
    }
    for (const event of planDecisionEvents(records)) events.publish(key, event);
  }

  /** Saves where that is due, and tells what has flipped since the last pass. */
  async function settle(
    { key, guards }: Pass,
    before: Session,
    next: Session,
    isUrgent: boolean,
  ): Promise<Session> {
    const isSaved = isUrgent || isDue(next, clock.nowSeconds(), timeScale);
    if (isSaved) assertWritable(guards);
    const settled = isSaved ? await sessions.save(key, next) : next;
    sessions.set(key, settled);
    logFlips(logger, key, before.status, next.status);
    for (const event of planFlipEvents(before.status, next.status)) events.publish(key, event);
    return settled;
  }

  /** A deletion that nothing is left to do for. */
  async function release(
    { key, guards }: Pass,
    session: Session,
    restore: Restore | null,
  ): Promise<Outcome> {
    assertWritable(guards);
    await finalizer.release(key);
    sessions.set(key, { ...session, released: true });
    if (session.released || restore === null || restore.release === null) return "held";
    logger.info({ profile: key, release: restore.release }, `let go: ${restore.sentence}`);
    const event = planReleaseEvent(restore.release, restore.sentence);
    if (event !== null) events.publish(key, event);
    return "ok";
  }

  function statusOf(
    state: ProfileState,
    claimedBy: string | null,
    pass: { readonly look: Look | null; readonly memory: LoopMemory; readonly session: Session },
    refusal: string | null,
  ): ProfileStatus {
    const { look, memory, session } = pass;
    const profile = claimedBy === null ? state.profile : null;
    return planStatus({
      context: look?.context ?? null,
      objectives: profile === null ? { judged: [], queries: [] } : planObjectives(profile),
      memory,
      faults: state.faults,
      generation: state.generation ?? state.profile?.metadata.generation ?? memory.generation,
      claimedBy,
      refusal,
      previous: session.status,
      nowSeconds: look?.context.nowSeconds ?? clock.nowSeconds(),
    });
  }

  /** What to write, on its way: the deletion waits for it from now on, and it outlives a crash. */
  async function apply(
    { key, guards }: Pass,
    context: PassContext,
    write: NonNullable<Step["write"]>,
    adopted: PassContext["adopted"],
    saveFirst: () => Promise<void>,
  ): Promise<void> {
    assertWritable(guards);
    if (context.deleting === null) await finalizer.hold(key);
    await saveFirst();
    assertWritable(guards);
    await delivery.write(key, write, adopted);
  }

  return {
    async resolve(state) {
      if (state.profile !== null) return state;
      const { memory } = await sessions.open(state.key, state.uid);
      return { ...state, profile: remembered(memory) };
    },

    async reconcile(state, claimedBy, guards) {
      const { key } = state;
      const pass: Pass = { key, guards };
      const session = await untilStopped(sessions.open(key, state.uid), guards.signal);
      const profile = claimedBy === null ? state.profile : null;
      if (profile === null) {
        targets.close(key);
        deps.onForgotten(key);
      }
      if (state.deleting !== undefined && (profile === null || session.released))
        return release(pass, session, null);
      if (profile === null) {
        const status = statusOf(
          state,
          claimedBy,
          { look: null, memory: session.memory, session },
          null,
        );
        await settle(pass, session, { ...session, status, refusal: null }, false);
        return "held";
      }

      const look = await untilStopped(
        lookAround(deps, {
          key,
          profile,
          deleting: state.deleting ?? null,
          memory: session.memory,
          memoryOwner: session.foreignOwner,
        }),
        guards.signal,
      );
      const { context, memory: noted } = look;
      deps.onObservation(key, context.observation);
      const restore = context.deleting === null ? null : decideRestore(context, noted);
      if (restore !== null && restore.release !== null) return release(pass, session, restore);

      const { memory: decided, write, records } = restore ?? decidePass(context, noted);
      const adopted = write === null ? noted.adopted : planAdopted(context);
      const memory = { ...decided, adopted };
      const refusal = write === null ? null : session.refusal;
      const status = statusOf(state, claimedBy, { look, memory, session }, refusal);
      const next: Session = { ...session, memory, status, refusal };
      // What is concluded is told even when the write fails; what is applied only once it is.
      const [applied, concluded] = [
        records.filter(({ verdict }) => verdict === "Applied"),
        records.filter(({ verdict }) => verdict !== "Applied"),
      ];
      if (write === null) {
        await settle(pass, session, next, false);
        report(key, records);
        return context.observation.ok ? "ok" : "held";
      }

      let settled = session;
      try {
        // What is on its way is saved before it is written, so that a crash between the two loses nothing.
        await apply(pass, context, write, adopted, async () => {
          settled = await settle(pass, session, next, true);
        });
      } catch (error) {
        if (!(error instanceof NotPermittedError)) {
          if (settled !== session) report(key, concluded);
          throw error;
        }
        // Nothing was written, and the next pass decides it anew. A deletion goes on to its end.
        const kept = context.deleting === null ? noted : memory;
        const refused = statusOf(
          state,
          claimedBy,
          { look, memory: kept, session: settled },
          error.message,
        );
        await settle(
          pass,
          settled,
          { ...settled, memory: kept, status: refused, refusal: error.message },
          false,
        );
        throw error;
      }
      sessions.set(key, { ...settled, refusal: null });
      report(key, [...concluded, ...applied]);
      return context.observation.ok ? "ok" : "held";
    },

    discard: (key) => sessions.discard(key),

    async forget(key) {
      targets.close(key);
      deps.onForgotten(key);
      if (!(await sessions.remove(key))) return;
      logger.info({ profile: key }, "profile removed; the tuning in force stays as it is");
    },

    async flush() {
      const unsaved = sessions
        .entries()
        .filter(([, { released, saved, memory }]) => !released && saved?.memory !== memory);
      const work = async (): Promise<void> => {
        for (let next = unsaved.shift(); next !== undefined; next = unsaved.shift()) {
          const [key, session] = next;
          try {
            sessions.set(key, await sessions.save(key, session));
          } catch (error) {
            logger.error({ err: error, profile: key }, "what was last seen cannot be saved");
          }
        }
      };
      await Promise.all(Array.from({ length: savesAtOnce }, work));
    },

    end() {
      for (const [key] of sessions.entries()) deps.onForgotten(key);
    },
  };
}

interface Pass {
  readonly key: string;
  readonly guards: PassGuards;
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
