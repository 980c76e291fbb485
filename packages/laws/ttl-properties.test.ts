import { expect, test } from "bun:test";
import { type ShadowCurve, shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import fc from "fast-check";
import { createTiming } from "./timing.ts";
import {
  decideTtl,
  emptyTtlMemory,
  maxTtlRatio,
  noteTtlApplied,
  type StoreMemory,
  type TtlClassObservation,
  type TtlClassSettings,
  type TtlMemory,
  type TtlObservation,
} from "./ttl.ts";

const timing = createTiming();
const hour = 3600;

/** One pass of a sequence: what is seen, whether the moves are applied, and how long it lasts. */
interface Pass {
  readonly hitRate: number;
  readonly lookups: number;
  readonly windowSeconds: number;
  readonly lowest: number;
  readonly rise: number;
  readonly observedSeconds: number;
  readonly changedShare: number;
  readonly store: StoreMemory | null;
  readonly applied: boolean;
  readonly seconds: number;
}

const passes: fc.Arbitrary<readonly Pass[]> = fc.array(
  fc.record({
    hitRate: fc.double({ min: 0, max: 1, noNaN: true }),
    lookups: fc.constantFrom(0, 4999, 5000, 100_000),
    windowSeconds: fc.constantFrom(60, hour, 12 * hour),
    lowest: fc.double({ min: -1, max: 1, noNaN: true }),
    rise: fc.double({ min: 0, max: 0.2, noNaN: true }),
    observedSeconds: fc.constantFrom(0, hour, 100 * hour),
    changedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    store: fc.option(
      fc.record({
        usedBytes: fc.nat(100),
        limitBytes: fc.option(fc.constant(100)),
        evicts: fc.boolean(),
        evictions: fc.nat(1000),
        lookups: fc.nat(10_000),
      }),
    ),
    applied: fc.boolean(),
    seconds: fc.constantFrom(15, 600, 7 * hour),
  }),
  { minLength: 1, maxLength: 8 },
);

const bounded: fc.Arbitrary<TtlClassSettings> = fc
  .tuple(
    fc.integer({ min: 1, max: 5000 }),
    fc.integer({ min: 1, max: 86_400 }),
    fc.double({ min: 0.5, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 0.1, noNaN: true }),
    fc.boolean(),
  )
  .map(([minTtlSeconds, span, targetHitRate, maxStaleShare, mayLengthen]) => ({
    name: "product",
    minTtlSeconds,
    maxTtlSeconds: minTtlSeconds + span,
    targetHitRate,
    maxStaleShare,
    mayLengthen,
  }));

function curveOf(pass: Pass): ShadowCurve {
  return {
    lookups: pass.lookups,
    sampled: pass.lookups,
    seconds: pass.windowSeconds,
    points: shadowTtlsSeconds.map((ttlSeconds, i) => ({
      ttlSeconds,
      hitRate: Math.min(1, Math.max(0, pass.lowest + pass.rise * i)),
      staleRate: 0,
      valid: pass.observedSeconds >= 2 * ttlSeconds,
    })),
  };
}

function observe(pass: Pass, ttlSeconds: number): TtlObservation {
  return {
    classes: {
      product: {
        ttlSeconds,
        measured: {
          lookups: pass.lookups,
          hits: pass.hitRate * pass.lookups,
          seconds: pass.windowSeconds,
        },
        curve: curveOf(pass),
        updates: {
          changedRefills: 4000,
          changedHits: pass.changedShare * 100,
          ageHitsSeconds: 1e6,
          seconds: hour,
        },
        bytesPerHit: 100,
      },
    },
    store: pass.store,
  };
}

test("every value lies within its bounds and within the step of the last one, in 10,000 sequences", () => {
  fc.assert(
    fc.property(
      bounded,
      fc.double({ min: 0, max: 1, noNaN: true }),
      passes,
      (settings, start, sequence) => {
        const { minTtlSeconds, maxTtlSeconds } = settings;
        let ttlSeconds = minTtlSeconds + start * (maxTtlSeconds - minTtlSeconds);
        let memory: TtlMemory = emptyTtlMemory;
        let now = 0;
        for (const pass of sequence) {
          now += pass.seconds;
          const decision = decideTtl([settings], observe(pass, ttlSeconds), memory, now, timing);
          ({ memory } = decision);
          if (decision.moves.length + decision.holds.length !== 1) return false;
          for (const move of decision.moves) {
            const ratio = move.toSeconds / ttlSeconds;
            const isPermitted =
              move.fromSeconds === ttlSeconds &&
              move.toSeconds >= minTtlSeconds &&
              move.toSeconds <= maxTtlSeconds &&
              ratio >= 1 / maxTtlRatio &&
              ratio <= maxTtlRatio &&
              (settings.mayLengthen || ratio <= 1) &&
              Object.values(move.inputs).every(Number.isFinite);
            if (!isPermitted) return false;
            if (!pass.applied) continue;
            memory = noteTtlApplied(memory, [move], now);
            ttlSeconds = move.toSeconds;
          }
        }
        return true;
      },
    ),
    { numRuns: 10_000, seed: 20_261_124 },
  );
});

test("a figure that is no number, infinite or negative never makes a move", () => {
  const broken = fc.constantFrom(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -1,
  );
  const spoil: readonly ((seen: TtlClassObservation, value: number) => TtlClassObservation)[] = [
    (seen, ttlSeconds) => ({ ...seen, ttlSeconds }),
    (seen, value) => ({ ...seen, measured: { lookups: value, hits: 1, seconds: hour } }),
    (seen, value) => ({ ...seen, measured: { lookups: 9000, hits: value, seconds: hour } }),
    (seen, value) => ({ ...seen, measured: { lookups: 9000, hits: 1, seconds: value } }),
    (seen, value) => ({
      ...seen,
      updates: { changedRefills: 4000, changedHits: value, ageHitsSeconds: 1, seconds: hour },
    }),
    (seen, value) => ({
      ...seen,
      updates: { changedRefills: 4000, changedHits: 1, ageHitsSeconds: value, seconds: hour },
    }),
    (seen, value) => ({
      ...seen,
      curve: {
        lookups: 9000,
        sampled: 9000,
        seconds: hour,
        points: [{ ttlSeconds: 64, hitRate: value, staleRate: 0, valid: true }],
      },
    }),
  ];
  const settings = {
    name: "product",
    targetHitRate: 0.85,
    minTtlSeconds: 5,
    maxTtlSeconds: 3600,
    maxStaleShare: 0.01,
    mayLengthen: true,
  };
  const sound: TtlClassObservation = {
    ttlSeconds: 60,
    measured: { lookups: 9000, hits: 1000, seconds: hour },
    curve: null,
    updates: null,
    bytesPerHit: null,
  };
  const movesOf = (seen: TtlClassObservation, now = 1000) =>
    decideTtl([settings], { classes: { product: seen }, store: null }, emptyTtlMemory, now, timing)
      .moves.length;
  expect(movesOf(sound)).toBe(1);
  expect(movesOf(sound, Number.NaN)).toBe(0);
  fc.assert(
    fc.property(fc.constantFrom(...spoil), broken, (how, value) => {
      expect(movesOf(how(sound, value))).toBe(0);
    }),
  );
});

/** Runs the law for some hours on a measured rate that is given for each pass; a curve of slope 0.1. */
function runOn(hitRateAt: (pass: number, ttlSeconds: number) => number, hours: number) {
  const settings = {
    name: "product",
    targetHitRate: 0.85,
    minTtlSeconds: 5,
    maxTtlSeconds: 3600,
    maxStaleShare: 0.01,
    mayLengthen: true,
  };
  let memory: TtlMemory = emptyTtlMemory;
  let ttlSeconds = 60;
  const moves: { readonly at: number; readonly up: boolean }[] = [];
  for (let pass = 0; pass * timing.scrapeSeconds < hours * hour; pass++) {
    const now = pass * timing.scrapeSeconds;
    const hitRate = hitRateAt(pass, ttlSeconds);
    const seen: TtlClassObservation = {
      ttlSeconds,
      measured: { lookups: 10_000, hits: 10_000 * hitRate, seconds: hour },
      curve: {
        lookups: 10_000,
        sampled: 10_000,
        seconds: hour,
        points: shadowTtlsSeconds.map((one) => ({
          ttlSeconds: one,
          hitRate: Math.min(1, Math.max(0, hitRate + 0.1 * Math.log2(one / ttlSeconds))),
          staleRate: 0,
          valid: true,
        })),
      },
      updates: null,
      bytesPerHit: null,
    };
    const observation = { classes: { product: seen }, store: null };
    const decision = decideTtl([settings], observation, memory, now, timing);
    memory = noteTtlApplied(decision.memory, decision.moves, now);
    for (const move of decision.moves) {
      moves.push({ at: now, up: move.toSeconds > move.fromSeconds });
      ttlSeconds = move.toSeconds;
    }
  }
  return moves;
}

test("noise inside the dead band makes no move in an hour", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: -0.01, max: 0.01, noNaN: true })), (noise) => {
      const draw = () => noise.next().value as number;
      expect(runOn(() => 0.87 + draw(), 1)).toEqual([]);
    }),
    { numRuns: 100, seed: 7 },
  );
});

test("a square wave makes at most one reversal a cooldown", () => {
  // Load that halves and doubles the hit rate's distance to 1, every 5 to 60 minutes, for a day.
  for (const periodMinutes of [5, 10, 15, 30, 60]) {
    const half = (periodMinutes * 60) / timing.scrapeSeconds / 2;
    const moves = runOn((pass, ttlSeconds) => {
      const base = Math.floor(pass / half) % 2 === 0 ? 0.8 : 0.93;
      return Math.min(0.999, Math.max(0, base + 0.1 * Math.log2(ttlSeconds / 60)));
    }, 24);
    const reversals = moves.filter((move, i) => i > 0 && moves[i - 1]?.up !== move.up);
    for (const [i, reversal] of reversals.entries()) {
      const last = reversals[i - 1];
      if (last !== undefined)
        expect(reversal.at - last.at).toBeGreaterThanOrEqual(timing.ttlPeriodSeconds);
    }
    // The largest T* of the last 6 h holds the TTL at what the worse half needs.
    expect(reversals.length).toBeLessThanOrEqual(1);
  }
});
