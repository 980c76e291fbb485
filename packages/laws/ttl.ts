import { finiteInputs, formatDuration, formatSeconds } from "./figures.ts";
import { judgeStore, reliefFactor, reliefTtls, type StorePressure } from "./store-pressure.ts";
import type { Timing } from "./timing.ts";
import { type Look, lookAtClass } from "./ttl-look.ts";
import { seeTtl } from "./ttl-memory.ts";
import type { LookInput, LookResult } from "./ttl-steps.ts";
import type {
  TtlClassMemory,
  TtlClassObservation,
  TtlClassSettings,
  TtlDecision,
  TtlHold,
  TtlHoldReason,
  TtlMemory,
  TtlMove,
  TtlObservation,
} from "./ttl-types.ts";

export type * from "./ttl-types.ts";
export { maxTtlRatio } from "./ttl-steps.ts";
export { emptyTtlMemory, noteTtlApplied, noteTtlInForce, untaintedSeconds } from "./ttl-memory.ts";

/** Reasons of holds that wait for something: the class is looked at again on the next pass. */
const waitingReasons: ReadonlySet<TtlHoldReason> = new Set<TtlHoldReason>([
  "TooFewLookups",
  "SettlingAfterMove",
  "ObservationInvalid",
  "ClassNotReported",
]);

/**
 * The TTL law (docs/tuning.md, "TTL, per cache class"). Call it on every pass: it knows its own
 * periods (a class that is not due holds with `PeriodNotOver`), while memory relief and bounds act
 * at once. Its moves are one change. Keep `decision.memory` in any case, and after a write also what
 * `noteTtlApplied` makes of it. Total: an observation that makes no sense leads to holds.
 */
export function decideTtl(
  settings: readonly TtlClassSettings[],
  observation: TtlObservation,
  memory: TtlMemory,
  nowSeconds: number,
  timing: Timing,
): TtlDecision {
  const pressure = judgeStore(observation.store);
  const classes: Record<string, TtlClassMemory> = { ...memory.classes };
  const valid = new Map<string, TtlClassObservation>();
  const moves: TtlMove[] = [];
  const holds: TtlHold[] = [];
  const holdAt = (one: TtlClassSettings, ttlSeconds: number, hold: Hold) =>
    holds.push({ name: one.name, ttlSeconds, ...hold });

  for (const one of settings) {
    const seen = observation.classes[one.name];
    if (seen === undefined) continue;
    if (!isValid(one, seen, nowSeconds)) continue;
    valid.set(one.name, seen);
    classes[one.name] = seeTtl(classes[one.name], seen.ttlSeconds, nowSeconds);
  }
  const relieved = pressure.relieve
    ? chooseRelief(settings, valid, classes, pressure, nowSeconds, timing)
    : null;

  for (const one of settings) {
    const seen = valid.get(one.name);
    const known = classes[one.name];
    if (seen === undefined || known === undefined) {
      const reported = observation.classes[one.name];
      const ttlSeconds = reported?.ttlSeconds ?? Number.NaN;
      holdAt(
        one,
        Number.isFinite(ttlSeconds) ? ttlSeconds : 0,
        reported === undefined ? notReported : invalid,
      );
      continue;
    }
    const input = { settings: one, seen, memory: known, pressure, nowSeconds, timing };
    const look = enforceBounds(input) ?? relieve(input, relieved) ?? lookWhenDue(input);
    const isWaiting = look.result.outcome === "hold" && waitingReasons.has(look.result.reason);
    const isLook = !isWaiting && !isPassing(look.result);
    classes[one.name] = isLook ? { ...look.memory, lastLookSeconds: nowSeconds } : look.memory;
    if (look.result.outcome === "hold") {
      const { reason, because } = look.result;
      holdAt(one, seen.ttlSeconds, { reason, sentence: because, inputs: look.inputs });
      continue;
    }
    const { toSeconds, kind, reason, because } = look.result;
    moves.push({
      name: one.name,
      fromSeconds: seen.ttlSeconds,
      toSeconds,
      kind,
      reason,
      sentence: `${because} ${formatSeconds(seen.ttlSeconds)} -> ${formatSeconds(toSeconds)}.`,
      inputs: look.inputs,
    });
  }
  return { moves, holds, memory: { ...memory, classes } };
}

type Hold = Pick<TtlHold, "reason" | "sentence" | "inputs">;

const notReported: Hold = {
  reason: "ClassNotReported",
  sentence: "The service reports no TTL in force for this class.",
  inputs: {},
};
const invalid: Hold = {
  reason: "ObservationInvalid",
  sentence: "A figure of this class is not a number, negative, or not possible.",
  inputs: {},
};

/** Results that are not looks of the law: they neither start nor use up a period. */
function isPassing(result: LookResult): boolean {
  return result.outcome === "hold" ? result.reason === "PeriodNotOver" : result.kind === "safety";
}

function isValid(
  settings: TtlClassSettings,
  seen: TtlClassObservation,
  nowSeconds: number,
): boolean {
  const { targetHitRate, minTtlSeconds, maxTtlSeconds, maxStaleShare } = settings;
  const figures = [
    nowSeconds,
    seen.ttlSeconds,
    targetHitRate,
    minTtlSeconds,
    maxTtlSeconds,
    maxStaleShare,
    ...Object.values(seen.measured ?? {}),
    ...Object.values(seen.updates ?? {}),
    ...(seen.curve === null ? [] : [seen.curve.lookups, seen.curve.sampled, seen.curve.seconds]),
    ...(seen.curve?.points ?? []).flatMap((point) => [point.ttlSeconds, point.hitRate]),
  ];
  return (
    figures.every((figure) => Number.isFinite(figure) && figure >= 0) &&
    seen.ttlSeconds > 0 &&
    minTtlSeconds > 0 &&
    minTtlSeconds <= maxTtlSeconds &&
    (seen.measured === null || seen.measured.hits <= seen.measured.lookups)
  );
}

/**
 * Step 2. The bounds are the profile's author's own word: a TTL outside them goes to the bound at
 * once, not in steps, and not again before the service can have taken it up.
 */
function enforceBounds(input: LookInput): Look | null {
  const { settings, seen, memory, nowSeconds, timing } = input;
  const { minTtlSeconds, maxTtlSeconds } = settings;
  const { ttlSeconds } = seen;
  if (ttlSeconds >= minTtlSeconds && ttlSeconds <= maxTtlSeconds) return null;
  const inputs = { ttlSeconds, minTtlSeconds, maxTtlSeconds };
  const because = `The TTL lies outside ${formatSeconds(minTtlSeconds)} to ${formatSeconds(maxTtlSeconds)}.`;
  const hold = (reason: TtlHoldReason): Look => ({
    result: { outcome: "hold", reason, because },
    inputs,
    memory,
  });
  if (ttlSeconds < minTtlSeconds && !settings.mayLengthen) return hold("NeverLengthened");
  const { lastMoveSeconds } = memory;
  if (lastMoveSeconds !== null && nowSeconds - lastMoveSeconds < timing.adoptionSeconds)
    return hold("SettlingAfterMove");
  const toSeconds = Math.min(maxTtlSeconds, Math.max(minTtlSeconds, ttlSeconds));
  return {
    result: { outcome: "move", toSeconds, kind: "safety", reason: "OutOfBounds", because },
    inputs,
    memory,
  };
}

/**
 * Which class gives memory back: the one that holds the most bytes for each hit it serves, at most
 * one a period, since memory follows only as entries expire, and each at most once per two of its
 * TTLs. Null: none may.
 */
function chooseRelief(
  settings: readonly TtlClassSettings[],
  seen: ReadonlyMap<string, TtlClassObservation>,
  memory: Readonly<Record<string, TtlClassMemory>>,
  pressure: StorePressure,
  nowSeconds: number,
  timing: Timing,
): string | null {
  const sinceRelief = (name: string) =>
    nowSeconds - (memory[name]?.lastReliefSeconds ?? Number.NEGATIVE_INFINITY);
  if (settings.some(({ name }) => sinceRelief(name) < timing.ttlPeriodSeconds)) return null;
  const candidates = settings.flatMap((one) => {
    const own = seen.get(one.name);
    if (own === undefined || own.ttlSeconds * reliefFactor < one.minTtlSeconds) return [];
    if (own.ttlSeconds > one.maxTtlSeconds) return [];
    if (sinceRelief(one.name) < reliefTtls * own.ttlSeconds) return [];
    const { measured } = own;
    const misses =
      measured !== null &&
      measured.lookups > 0 &&
      measured.hits / measured.lookups < one.targetHitRate;
    if (pressure.sparesMissing && misses) return [];
    return [
      {
        name: one.name,
        bytesPerHit: Number.isFinite(own.bytesPerHit) ? (own.bytesPerHit ?? 0) : 0,
      },
    ];
  });
  const [first] = candidates.sort((a, b) => b.bytesPerHit - a.bytesPerHit);
  return first?.name ?? null;
}

function relieve(input: LookInput, relieved: string | null): Look | null {
  const { settings, seen, memory, pressure } = input;
  if (settings.name !== relieved) return null;
  return {
    result: {
      outcome: "move",
      toSeconds: Math.max(
        settings.minTtlSeconds,
        Number((seen.ttlSeconds * reliefFactor).toPrecision(3)),
      ),
      kind: "safety",
      reason: "MemoryPressure",
      because: `${pressure.sentence} This class gives the least for its bytes.`,
    },
    inputs: finiteInputs({
      ...pressure.inputs,
      ttlSeconds: seen.ttlSeconds,
      bytesPerHit: seen.bytesPerHit,
    }),
    memory,
  };
}

/** A look every period, at any pass after it; while it has to wait for evidence, on every pass. */
function lookWhenDue(input: LookInput): Look {
  const { memory, nowSeconds, timing } = input;
  const { lastLookSeconds } = memory;
  if (lastLookSeconds === null || nowSeconds - lastLookSeconds >= timing.ttlPeriodSeconds)
    return lookAtClass(input);
  return {
    result: {
      outcome: "hold",
      reason: "PeriodNotOver",
      because: `Looked at ${formatDuration(nowSeconds - lastLookSeconds)} ago.`,
    },
    inputs: {},
    memory,
  };
}
