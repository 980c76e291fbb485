import type { Timing } from "./timing.ts";
import type { TtlClassMemory, TtlMemory, TtlMove } from "./ttl-types.ts";

/** What the TTL law remembers before it has seen anything. */
export const emptyTtlMemory: TtlMemory = { classes: {} };

/** The memory of one class after seeing its TTL in force: a TTL that changed stands since now. */
export function seeTtl(
  known: TtlClassMemory | undefined,
  ttlSeconds: number,
  nowSeconds: number,
): TtlClassMemory {
  if (known === undefined)
    return {
      firstSeenSeconds: nowSeconds,
      ttlSeconds,
      sinceSeconds: nowSeconds,
      lastLookSeconds: null,
      lastMoveSeconds: null,
      lastStalenessCutSeconds: null,
      lastReliefSeconds: null,
      anchor: null,
      wanted: [],
    };
  return known.ttlSeconds === ttlSeconds
    ? known
    : { ...known, ttlSeconds, sinceSeconds: nowSeconds };
}

/**
 * Notes the TTLs that the service exports, by class. `decideTtl` does it too; call it on passes
 * that do not decide, so that `sinceSeconds` (where the window of the measured rate begins, less
 * the taint) is exact.
 */
export function noteTtlInForce(
  memory: TtlMemory,
  ttlSeconds: Readonly<Record<string, number>>,
  nowSeconds: number,
): TtlMemory {
  const classes: Record<string, TtlClassMemory> = { ...memory.classes };
  for (const [name, ttl] of Object.entries(ttlSeconds)) {
    if (Number.isFinite(ttl) && ttl > 0) classes[name] = seeTtl(classes[name], ttl, nowSeconds);
  }
  return { ...memory, classes };
}

/**
 * Notes that moves were written. Only these start a cooldown, so that a loop that may not write
 * goes on recommending.
 */
export function noteTtlApplied(
  memory: TtlMemory,
  moves: readonly Pick<TtlMove, "name" | "fromSeconds" | "reason">[],
  nowSeconds: number,
): TtlMemory {
  const classes: Record<string, TtlClassMemory> = { ...memory.classes };
  for (const { name, fromSeconds, reason } of moves) {
    const known = seeTtl(classes[name], fromSeconds, nowSeconds);
    classes[name] = {
      ...known,
      lastMoveSeconds: nowSeconds,
      lastReliefSeconds: reason === "MemoryPressure" ? nowSeconds : known.lastReliefSeconds,
      lastStalenessCutSeconds:
        reason === "StalenessBound" ? nowSeconds : known.lastStalenessCutSeconds,
    };
  }
  return { ...memory, classes };
}

/**
 * How long a window of look-ups under the TTL in force may be, in seconds: what lies behind the taint
 * of its beginning and of the last move. A TTL that was there when it was first seen has no taint; one
 * that was not seen before begins now.
 */
export function untaintedSeconds(
  memory: TtlMemory,
  of: { readonly name: string; readonly ttlSeconds: number },
  nowSeconds: number,
  timing: Timing,
): number {
  const known = memory.classes[of.name];
  if (known === undefined || known.ttlSeconds !== of.ttlSeconds) return 0;
  const changed = lastChangeSeconds(known);
  return changed === null
    ? nowSeconds - known.firstSeenSeconds
    : Math.max(0, nowSeconds - changed - timing.taintSeconds);
}

/**
 * When the TTL in force last changed, whoever changed it. Null: it stands since it was first seen.
 */
export function lastChangeSeconds(memory: TtlClassMemory): number | null {
  const seen = memory.sinceSeconds > memory.firstSeenSeconds ? memory.sinceSeconds : null;
  const moved = memory.lastMoveSeconds;
  return seen === null || moved === null ? (seen ?? moved) : Math.max(seen, moved);
}

/**
 * Adds the T* of one look and forgets those older than 6 h, those that a later one exceeds, and all
 * but the largest within one period, so that the list stays short.
 */
export function rememberWanted(
  memory: TtlClassMemory,
  ttlSeconds: number,
  nowSeconds: number,
  timing: Timing,
): TtlClassMemory {
  const kept = memory.wanted.filter(
    (one) => nowSeconds - one.atSeconds < timing.sixHoursSeconds && one.ttlSeconds > ttlSeconds,
  );
  const latest = kept.at(-1);
  if (latest !== undefined && nowSeconds - latest.atSeconds < timing.ttlPeriodSeconds)
    return { ...memory, wanted: kept };
  return { ...memory, wanted: [...kept, { atSeconds: nowSeconds, ttlSeconds }] };
}

/** The largest T* of the last 6 h; 0 when there was none. */
export function largestWanted(memory: TtlClassMemory, nowSeconds: number, timing: Timing): number {
  return memory.wanted.reduce(
    (largest, one) =>
      nowSeconds - one.atSeconds < timing.sixHoursSeconds
        ? Math.max(largest, one.ttlSeconds)
        : largest,
    0,
  );
}
