import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  acknowledge,
  admitMoves,
  emptyGuardMemory,
  type GuardContext,
  type GuardedMove,
  type GuardMemory,
  isDegraded,
  noteMetrics,
  noteMoves,
  noteRolledBack,
  noteUnverified,
  noteVerified,
  refuseWrite,
} from "./guards.ts";
import { createTiming } from "./timing.ts";

const timing = createTiming();
const minute = 60;
const hour = 3600;
const now = 1_000_000;

const up: GuardedMove = {
  knob: "ttl/product",
  from: 60,
  to: 120,
  kind: "corrective",
  min: 5,
  max: 600,
  maxRatio: 2,
};
const down: GuardedMove = { ...up, from: 120, to: 60, kind: "economising" };
const relief: GuardedMove = { ...up, from: 100, to: 80, kind: "safety" };

const free: GuardContext = {
  mode: "Auto",
  paused: false,
  foreign: false,
  frozen: false,
  changeInFlight: false,
  baselineSlices: 10,
  cooldownSeconds: 300,
  windowSeconds: 300,
};

/** `admitted`, or why not. */
function ask(
  move: GuardedMove,
  memory: GuardMemory = emptyGuardMemory,
  context: Partial<GuardContext> = {},
  at = now,
): string {
  const { admitted, refused } = admitMoves([move], memory, { ...free, ...context }, at);
  expect(admitted.length + refused.length).toBe(1);
  return refused[0]?.reason ?? "admitted";
}

describe("inputs", () => {
  test("mode, pause and freeze", () => {
    expect(ask(up)).toBe("admitted");
    expect(ask(up, emptyGuardMemory, { mode: "Recommend" })).toBe("ModeRecommend");
    expect(ask(up, emptyGuardMemory, { mode: "Disabled" })).toBe("ModeDisabled");
    expect(ask(up, emptyGuardMemory, { paused: true })).toBe("Paused");
    expect(ask(up, emptyGuardMemory, { frozen: true })).toBe("FreezeWindow");
  });

  test("a safety move passes a freeze, a change in flight and a cooldown, but not mode and pause", () => {
    const moved = noteMoves(emptyGuardMemory, [up], 400, now, timing);
    const busy = { frozen: true, changeInFlight: true, baselineSlices: 0 };
    expect(ask(relief, moved, busy)).toBe("admitted");
    expect(ask(relief, moved, { paused: true })).toBe("Paused");
    expect(ask(relief, moved, { mode: "Recommend" })).toBe("ModeRecommend");
    expect(refuseWrite("safety", { ...free, frozen: true })).toBeNull();
    expect(refuseWrite("safety", { ...free, paused: true })).toBe("Paused");
    expect(refuseWrite("corrective", { ...free, frozen: true })).toBe("FreezeWindow");
  });

  test("one change in flight, and none without ten slices to compare with", () => {
    expect(ask(up, emptyGuardMemory, { changeInFlight: true })).toBe("ChangeInFlight");
    expect(ask(up, emptyGuardMemory, { baselineSlices: 9 })).toBe("BaselineTooShort");
  });

  test("the cooldown runs from the last move that was written", () => {
    const moved = noteMoves(emptyGuardMemory, [up], 400, now, timing);
    expect(ask(up, moved, {}, now + 299)).toBe("CoolingDown");
    expect(ask(up, moved, {}, now + 300)).toBe("admitted");
    expect(ask({ ...up, knob: "ttl/search" }, moved, {}, now + 1)).toBe("admitted");
  });
});

describe("the last gate", () => {
  test("bounds, step and what is no number", () => {
    expect(ask({ ...up, to: 121 })).toBe("StepTooLarge");
    expect(ask({ ...up, to: 29.9 })).toBe("StepTooLarge");
    expect(ask({ ...up, max: 100 })).toBe("OutOfBounds");
    expect(ask({ ...down, min: 61 })).toBe("OutOfBounds");
    for (const to of [Number.NaN, Number.POSITIVE_INFINITY, 0, -5])
      expect(ask({ ...up, to })).toBe("NotANumber");
  });

  test("a value outside its bounds may return to the bound in one step, as a safety move", () => {
    const back: GuardedMove = { ...up, from: 3600, to: 600, kind: "safety" };
    expect(ask(back)).toBe("admitted");
    expect(ask({ ...back, to: 500 })).toBe("StepTooLarge");
    expect(ask({ ...back, kind: "corrective" })).toBe("StepTooLarge");
  });

  test("whatever is asked, what is admitted lies within bounds and step", () => {
    const figure = fc.oneof(
      fc.double(),
      fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY),
    );
    const anyMove = fc.record({
      knob: fc.constant("ttl/product"),
      from: figure,
      to: figure,
      kind: fc.constantFrom<GuardedMove["kind"]>("corrective", "economising"),
      min: figure,
      max: figure,
      maxRatio: fc.constant(2),
    });
    fc.assert(
      fc.property(anyMove, (move) => {
        if (ask(move) !== "admitted") return;
        const ratio = move.to / move.from;
        expect(move.to).toBeGreaterThanOrEqual(move.min);
        expect(move.to).toBeLessThanOrEqual(move.max);
        expect(ratio).toBeGreaterThan(0.499);
        expect(ratio).toBeLessThan(2.001);
      }),
      { numRuns: 10_000, seed: 3 },
    );
  });
});

describe("bars and rests", () => {
  test("a rolled-back direction is barred 30 min, then 1 h, 2 h, … at most 24 h", () => {
    let memory = emptyGuardMemory;
    let at = now;
    for (const bar of [30, 60, 120, 240, 480, 960, 1440, 1440]) {
      memory = noteRolledBack(memory, [up], at, timing);
      expect(ask(up, memory, {}, at + bar * minute - 1)).toBe("DirectionBarred");
      expect(ask(down, memory, {}, at + 1)).toBe("admitted");
      at += bar * minute;
      expect(ask(up, memory, {}, at)).toBe("admitted");
    }
  });

  test("a verified move that way starts the count again", () => {
    let memory = noteRolledBack(emptyGuardMemory, [up], now, timing);
    memory = noteRolledBack(memory, [up], now + hour, timing);
    memory = noteVerified(memory, [down]);
    expect(ask(up, memory, {}, now + hour + 59 * minute)).toBe("DirectionBarred");
    memory = noteVerified(memory, [up]);
    memory = noteRolledBack(memory, [up], now + 3 * hour, timing);
    expect(ask(up, memory, {}, now + 3 * hour + 30 * minute)).toBe("admitted");
  });

  test("what could not be verified rests for 1 h that way", () => {
    const memory = noteUnverified(emptyGuardMemory, [up], now, timing);
    expect(ask(up, memory, {}, now + hour - 1)).toBe("DirectionResting");
    expect(ask(up, memory, {}, now + hour)).toBe("admitted");
    expect(ask(down, memory, {}, now + 1)).toBe("admitted");
  });
});

describe("reversals", () => {
  const moveAll = (
    moves: readonly GuardedMove[],
    rates: readonly number[],
    everySeconds = hour,
  ): GuardMemory =>
    moves.reduce(
      (memory, move, i) =>
        noteMoves(memory, [move], rates[i] ?? 400, now + i * everySeconds, timing),
      emptyGuardMemory,
    );

  test("three within 6 h latch the knob until it is acknowledged", () => {
    const memory = moveAll([up, down, up, down], []);
    const later = now + 20 * hour;
    expect(ask(up, moveAll([up, down, up], []), {}, later)).toBe("admitted");
    expect(ask(up, memory, {}, later)).toBe("Latched");
    expect(ask(down, memory, {}, later)).toBe("Latched");
    expect(ask(relief, memory, {}, later)).toBe("admitted");
    expect(ask({ ...up, knob: "ttl/search" }, memory, {}, later)).toBe("admitted");
    expect(ask(up, acknowledge(memory), {}, later)).toBe("admitted");
  });

  test("spread over more than 6 h they do not", () => {
    expect(ask(up, moveAll([up, down, up, down], [], 3 * hour), {}, now + 20 * hour)).toBe(
      "admitted",
    );
  });

  test("a reversal after the request rate moved by over 20 % is not counted", () => {
    const later = now + 20 * hour;
    expect(ask(up, moveAll([up, down, up, down], [400, 400, 400, 485]), {}, later)).toBe(
      "admitted",
    );
    expect(ask(up, moveAll([up, down, up, down], [400, 400, 400, 475]), {}, later)).toBe("Latched");
  });
});

describe("metrics lost and back", () => {
  const lost = noteMetrics(emptyGuardMemory, false, now);
  const back = noteMetrics(lost, true, now + 20 * minute);

  test("after more than 15 min the loop is degraded", () => {
    expect(isDegraded(emptyGuardMemory, now, timing)).toBe(false);
    expect(isDegraded(lost, now + 15 * minute, timing)).toBe(false);
    expect(isDegraded(noteMetrics(lost, false, now + 10 * minute), now + 901, timing)).toBe(true);
    expect(isDegraded(back, now + hour, timing)).toBe(false);
  });

  test("no economising move until a full window is covered; a corrective one goes on", () => {
    const returned = now + 20 * minute;
    expect(ask(down, lost)).toBe("MetricsJustReturned");
    expect(ask(down, back, {}, returned + 299)).toBe("MetricsJustReturned");
    expect(ask(up, back, {}, returned + 1)).toBe("admitted");
    expect(ask(down, back, {}, returned + 300)).toBe("admitted");
    expect(noteMetrics(back, true, returned + 900)).toEqual(back);
  });
});

test("what the guards remember survives JSON", () => {
  let memory = noteMoves(emptyGuardMemory, [up, relief], null, now, timing);
  memory = noteMetrics(
    noteUnverified(noteRolledBack(memory, [up], now, timing), [down], now, timing),
    false,
    now,
  );
  expect(JSON.parse(JSON.stringify(memory))).toEqual(memory);
});
