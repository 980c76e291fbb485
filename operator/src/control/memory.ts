import { parseWith } from "@mestore/contract/fault";
import {
  emptyGuardMemory,
  type GuardMemory,
  type KnobMemory,
  type MadeMove,
} from "@mestore/laws/guards";
import { emptyTtlMemory, type TtlMemory } from "@mestore/laws/ttl";
import type { InFlight, Slice } from "@mestore/laws/verify";
import { z } from "zod";
import type { ProfileDecision } from "../profile/status.ts";

/** Why a document was written; only a move of the law is verified afterwards. */
export type ChangeOrigin =
  /** A move of the law: verified, then kept or rolled back. */
  | "Law"
  /** A safety move: kept once taken up. */
  | "Safety"
  /** The TTLs that the profile begins with: kept once taken up. */
  | "Initial"
  /** Previous values put back: nothing is left to fall back on, so it waits for as long as it takes. */
  | "Restored";

export interface ChangeOnItsWay {
  readonly origin: ChangeOrigin;
  readonly inFlight: InFlight;
  /** Its moves as the guards count them: `ttl/product`, from, to. */
  readonly moves: readonly MadeMove[];
  /** Times of the entries in `decisions` that its verdict completes. */
  readonly decidedAt: string;
  /**
   * What the guards knew of its knobs before it, null: nothing. Put back where the change turns out never
   * to have been made; absent where the guards do not count it.
   */
  readonly knobsBefore?: Readonly<Record<string, KnobMemory | null>>;
}

/**
 * A change that was decided and is not seen to have been written. A write that is late, or whose answer
 * was lost, may still put it in force; then it is on its way again (`lapsed-change.ts`).
 */
export interface LapsedChange {
  readonly change: ChangeOnItsWay;
  /** All TTLs of its document. */
  readonly ttlSeconds: Readonly<Record<string, number>>;
  readonly lapsedSeconds: number;
}

export interface Recommendation {
  readonly toSeconds: number;
  readonly reason: string;
}

/**
 * What the loop remembers of one profile from pass to pass and over a restart. Plain JSON; times are
 * Unix seconds.
 */
export interface LoopMemory {
  readonly version: typeof memoryVersion;
  /** Of the profile that this is about; null where the platform has none. */
  readonly uid: string | null;
  /** The spec in force as text, and how often it has changed. */
  readonly spec: string;
  readonly generation: number;
  readonly ttl: TtlMemory;
  readonly guards: GuardMemory;
  /** Every slice of the last 24 h, oldest first. */
  readonly slices: readonly Slice[];
  /** When something changed what is measured: writes taken up and restarts of the service. */
  readonly changesAtSeconds: readonly number[];
  readonly change: ChangeOnItsWay | null;
  /** Oldest first; their revisions are never used again. */
  readonly lapsed: readonly LapsedChange[];
  /** What was last written here, to tell a file that somebody else wrote. */
  readonly written: {
    readonly revision: number;
    readonly ttlSeconds: Readonly<Record<string, number>>;
  } | null;
  /** What was found before the first write, should whoever removes the document remove the note of it as well. */
  readonly adopted: Readonly<Record<string, number>> | null;
  /** Start of the service's process. */
  readonly processStartSeconds: number | null;
  /** What is tuned, as `Targets.identify` names it; null before the first pass. */
  readonly target: string | null;
  /** Release of the target's pods as last seen; null where the platform has none. */
  readonly podHash: string | null;
  /** Whether the target was in transition when last seen. */
  readonly inTransition: boolean;
  /** The document that puts back what was found, while a deletion waits for it. */
  readonly restoring: { readonly revision: number; readonly sinceSeconds: number } | null;
  /** The last conclusive verdict of each objective. */
  readonly verdicts: Readonly<Record<string, "Met" | "Violated">>;
  /** By class, what a loop that may not write would write. */
  readonly recommended: Readonly<Record<string, Recommendation>>;
  /** By class, why it last held. */
  readonly holds: Readonly<Record<string, string>>;
  /** Value of the annotation that was last obeyed. */
  readonly acknowledged: string | null;
  /** Newest first, as the status shows them. */
  readonly decisions: readonly ProfileDecision[];
  /** The last good profile as parsed, defaults filled in, so that a refused text does not outlive a restart. */
  readonly profile: unknown;
}

/** Memory of another version is forgotten. */
export const memoryVersion = 1;

export const emptyLoopMemory: LoopMemory = {
  version: memoryVersion,
  uid: null,
  spec: "",
  generation: 0,
  ttl: emptyTtlMemory,
  guards: emptyGuardMemory,
  slices: [],
  changesAtSeconds: [],
  change: null,
  lapsed: [],
  written: null,
  adopted: null,
  processStartSeconds: null,
  target: null,
  podHash: null,
  inTransition: false,
  restoring: null,
  verdicts: {},
  recommended: {},
  holds: {},
  acknowledged: null,
  decisions: [],
  profile: null,
};

const finite = z.number();
const byName = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

const sliceSchema = z.strictObject({
  atSeconds: finite,
  seconds: finite,
  requests: finite,
  slow: finite,
  errors: finite,
});

const ttlSchema = z.object({
  classes: byName(
    z.looseObject({
      firstSeenSeconds: finite,
      ttlSeconds: finite,
      sinceSeconds: finite,
      lastLookSeconds: finite.nullable(),
      lastMoveSeconds: finite.nullable(),
      lastStalenessCutSeconds: finite.nullable(),
      lastReliefSeconds: finite.nullable(),
      anchor: finite.nullable(),
      wanted: z.array(z.object({ atSeconds: finite, ttlSeconds: finite })),
    }),
  ),
});

const knobSchema = z.looseObject({
  lastMoveSeconds: finite,
  lastDirection: z.enum(["up", "down"]),
  requestRate: finite.nullable(),
  reversalSeconds: z.array(finite),
  latchedSinceSeconds: finite.nullable(),
});

const guardsSchema = z.looseObject({
  bars: byName(z.object({ untilSeconds: finite, strikes: finite })),
  rests: byName(finite),
  knobs: byName(knobSchema),
  metricsLostSinceSeconds: finite.nullable(),
  metricsReturnedSeconds: finite.nullable(),
});

const changeSchema = z.strictObject({
  origin: z.enum(["Law", "Safety", "Initial", "Restored"]),
  inFlight: z.looseObject({
    knob: z.string(),
    from: byName(finite),
    to: byName(finite),
    revision: z.int(),
    sinceSeconds: finite,
    adoptedSeconds: finite.nullable(),
    verifyUntilSeconds: finite.nullable(),
    baseline: z.array(sliceSchema),
    podHash: z.string().exactOptional(),
    health: z
      .strictObject({
        restarts: finite,
        unavailable: finite,
        unavailableSinceSeconds: finite.nullable(),
      })
      .exactOptional(),
  }),
  moves: z.array(z.object({ knob: z.string(), from: finite, to: finite })),
  decidedAt: z.string(),
  knobsBefore: byName(knobSchema.nullable()).exactOptional(),
});

const memorySchema = z.strictObject({
  version: z.literal(memoryVersion),
  spec: z.string(),
  generation: z.int(),
  ttl: ttlSchema,
  guards: guardsSchema,
  slices: z.array(sliceSchema),
  changesAtSeconds: z.array(finite),
  change: changeSchema.nullable(),
  written: z.strictObject({ revision: z.int(), ttlSeconds: byName(finite) }).nullable(),
  processStartSeconds: finite.nullable(),
  // Memory of before these were remembered is still memory.
  uid: z.string().nullable().default(null),
  lapsed: z
    .array(
      z.strictObject({
        change: changeSchema,
        ttlSeconds: byName(finite),
        lapsedSeconds: finite,
      }),
    )
    .default([]),
  adopted: byName(z.number().positive()).nullable().default(null),
  target: z.string().nullable().default(null),
  podHash: z.string().nullable().default(null),
  inTransition: z.boolean().default(false),
  restoring: z.strictObject({ revision: z.int(), sinceSeconds: finite }).nullable().default(null),
  verdicts: byName(z.enum(["Met", "Violated"])),
  recommended: byName(z.strictObject({ toSeconds: finite, reason: z.string() })),
  holds: byName(z.string()),
  acknowledged: z.string().nullable(),
  decisions: z.array(z.custom<ProfileDecision>((value) => typeof value === "object")),
  profile: z.unknown(),
});

/** Memory as it was saved. Null: it is none of this version, and the loop starts afresh. */
export function parseLoopMemory(input: unknown): LoopMemory | null {
  const parsed = parseWith(memorySchema, input);
  return parsed.ok ? parsed.value : null;
}
