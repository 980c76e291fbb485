import type { Timing } from "@mestore/laws/timing";
import type { Logger } from "@mestore/telemetry/logger";
import { emptyStatus, type ProfileStatus } from "../profile/status.ts";
import type { Clock } from "./clock.ts";
import type { LoopMemory } from "./memory.ts";
import type { StatusStore } from "./ports.ts";
import { resumeMemory } from "./resume-change.ts";

/** What the loop holds of one profile between its passes. */
export interface Session {
  readonly memory: LoopMemory;
  /** As of the last pass, for the times of the conditions, the log and the events. */
  readonly status: ProfileStatus;
  readonly saved: Saved | null;
  /** What the platform refused at the last pass that wanted to write. */
  readonly refusal: string | null;
  /** A deletion has been let go; nothing is left to do but to see the profile go. */
  readonly released: boolean;
  /** Who else owns the place of the memory. */
  readonly foreignOwner: string | null;
}

interface Saved {
  readonly status: ProfileStatus;
  readonly memory: LoopMemory;
  readonly atSeconds: number;
}

export interface Sessions {
  /**
   * Of the profile with this `uid`: what another one of the same key has left is not gone on from. Where the
   * memory has a foreign owner each opening looks whether that has gone.
   */
  open(key: string, uid: string | undefined): Promise<Session>;
  set(key: string, session: Session): void;
  /** Saves status and memory; the session as saved. */
  save(key: string, session: Session): Promise<Session>;
  /**
   * Somebody else wrote: what is stored is read again at the next pass. Observations since the last
   * saving are kept where the stored memory is still the one saved here.
   */
  discard(key: string): void;
  /** False: it was not known. */
  remove(key: string): Promise<boolean>;
  /** A copy: the order is that of their opening. */
  entries(): (readonly [string, Session])[];
}

export function createSessions(
  store: StatusStore<ProfileStatus, LoopMemory>,
  clock: Clock,
  timing: Timing,
  logger: Logger,
): Sessions {
  const sessions = new Map<string, Session>();
  const discarded = new Map<string, Session>();

  async function load(key: string, uid: string | null): Promise<Session> {
    const found = await store.load(key);
    const { status, foreignOwner } = found;
    const memory = found.memory !== null && isOf(found.memory, uid) ? found.memory : null;
    const begun = memory ?? resumeMemory(status ?? emptyStatus, timing);
    const stored: Session = {
      memory: begun.uid === uid ? begun : { ...begun, uid },
      status: status ?? emptyStatus,
      saved:
        status === null || (memory === null && foreignOwner === null)
          ? null
          : { status, memory: memory ?? begun, atSeconds: clock.nowSeconds() },
      refusal: null,
      released: false,
      foreignOwner,
    };
    const mine = discarded.get(key);
    discarded.delete(key);
    const isMine = mine !== undefined && Bun.deepEquals(mine.saved?.memory, memory ?? undefined);
    return isMine && isOf(mine.memory, uid)
      ? { ...stored, memory: mine.memory, refusal: mine.refusal }
      : stored;
  }

  return {
    async open(key, given) {
      const uid = given ?? null;
      const known = sessions.get(key);
      if (known?.foreignOwner === null && isOf(known.memory, uid)) return known;
      const session = await load(key, uid);
      sessions.set(key, session);
      const { change } = session.memory;
      if (change !== null)
        logger.info(
          { profile: key, revision: change.inFlight.revision, change: change.origin },
          "resuming the change on its way",
        );
      return session;
    },

    set: (key, session) => {
      sessions.set(key, session);
    },

    async save(key, session) {
      const { status, memory } = session;
      await store.save(key, status, memory);
      return { ...session, saved: { status, memory, atSeconds: clock.nowSeconds() } };
    },

    discard(key) {
      const session = sessions.get(key);
      if (session !== undefined) discarded.set(key, session);
      sessions.delete(key);
    },

    async remove(key) {
      discarded.delete(key);
      if (!sessions.delete(key)) return false;
      await store.remove(key);
      return true;
    },

    entries: () => [...sessions],
  };
}

/** Memory of before the identity was remembered is that of whoever asks. */
function isOf(memory: LoopMemory, uid: string | null): boolean {
  return memory.uid === null || uid === null || memory.uid === uid;
}
