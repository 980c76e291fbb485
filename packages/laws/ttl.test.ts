import { describe, expect, test } from "bun:test";
import { type ShadowCurve, shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import { createTiming } from "./timing.ts";
import {
  decideTtl,
  emptyTtlMemory,
  noteTtlApplied,
  noteTtlInForce,
  type StoreMemory,
  type TtlClassMemory,
  type TtlClassObservation,
  type TtlClassSettings,
  type TtlMemory,
  untaintedSeconds,
} from "./ttl.ts";

const timing = createTiming();
const minute = 60;
const hour = 3600;

const product: TtlClassSettings = {
  name: "product",
  targetHitRate: 0.85,
  minTtlSeconds: 5,
  maxTtlSeconds: 3600,
  maxStaleShare: 0.01,
  mayLengthen: true,
};

const rate = (hitRate: number, seconds = 4 * hour) => ({
  lookups: 10_000,
  hits: Math.round(10_000 * hitRate),
  seconds,
});

/** A curve that rises by `slope` with each doubling and is `at60` at 60 s. */
const curve = (at60: number, slope: number, validUpTo = Infinity): ShadowCurve => ({
  lookups: 10_000,
  sampled: 5000,
  seconds: 12 * hour,
  points: shadowTtlsSeconds.map((ttlSeconds) => ({
    ttlSeconds,
    hitRate: Math.min(1, Math.max(0, at60 + slope * Math.log2(ttlSeconds / 60))),
    staleRate: 0,
    valid: ttlSeconds <= validUpTo,
  })),
});

const observed = (over: Partial<TtlClassObservation> = {}): TtlClassObservation => ({
  ttlSeconds: 60,
  measured: rate(0.8),
  curve: null,
  updates: null,
  bytesPerHit: null,
  ...over,
});

/** A class that has stood at 60 s for ten hours; `over` says what else is remembered. */
const stood = (over: Partial<TtlClassMemory> = {}): TtlMemory => ({
  classes: {
    product: {
      firstSeenSeconds: 0,
      ttlSeconds: 60,
      sinceSeconds: 0,
      lastLookSeconds: null,
      lastMoveSeconds: null,
      lastStalenessCutSeconds: null,
      lastReliefSeconds: null,
      anchor: null,
      wanted: [],
      ...over,
    },
  },
});
const now = 10 * hour;

function decide(
  over: Partial<TtlClassObservation>,
  memory: TtlMemory = stood(),
  settings: Partial<TtlClassSettings> = {},
  store: StoreMemory | null = null,
) {
  const decision = decideTtl(
    [{ ...product, ...settings }],
    { classes: { product: observed(over) }, store },
    memory,
    now,
    timing,
  );
  const [move] = decision.moves;
  const [hold] = decision.holds;
  return {
    to: move?.toSeconds ?? null,
    reason: move?.reason ?? hold?.reason,
    kind: move?.kind,
    said: move ?? hold,
    memory: decision.memory,
  };
}

const updates = (changedHits: number, ageHitsSeconds: number, changedRefills = 4000) => ({
  changedRefills,
  changedHits,
  ageHitsSeconds,
  seconds: hour,
});

describe("step 1, staleness", () => {
  // T_stale = 0.8 x 2 x 0.01 / mu: mu = 4e-4 allows 40 s.
  test("a TTL above 1.1 of the bound is cut to it", () => {
    const result = decide({ updates: updates(40, 100_000) });
    expect(result).toMatchObject({ to: 40, reason: "StalenessBound", kind: "corrective" });
    expect(result.said?.inputs).toMatchObject({ stalenessBoundSeconds: 40 });
  });

  test("a cut goes at most to a half, never below the minimum, and not over an unfull window", () => {
    expect(decide({ updates: updates(400, 100_000) }).to).toBe(30);
    expect(decide({ updates: updates(400, 100_000) }, stood(), { minTtlSeconds: 50 }).to).toBe(50);
    // What may not cut yet already holds a raise back.
    expect(decide({ updates: updates(400, 100_000, 3999) })).toMatchObject({
      to: null,
      reason: "StalenessBound",
    });
    expect(decide({ updates: updates(400, 100_000, 399) }).reason).toBe("MeasuredBelowGoal");
    expect(
      decide({ updates: updates(400, 100_000) }, stood(), { minTtlSeconds: 60 }),
    ).toMatchObject({ to: null, reason: "AtMinimum" });
  });

  test("within 1.1 of the bound nothing is cut", () => {
    // mu = 2.85e-4 allows 56.1 s; 60 s is 1.07 of it.
    expect(decide({ updates: updates(28.5, 100_000), measured: rate(0.87) })).toMatchObject({
      to: null,
      reason: "OnTarget",
    });
  });

  test("a raise needs a bound above 1.25 TTL, goes no further than it, and waits 6 h after a cut", () => {
    const wants120 = { measured: rate(0.77), curve: curve(0.77, 0.1) };
    // mu = 2.2e-4: 72.7 s, under 75. mu = 2e-4: 80 s.
    expect(decide({ ...wants120, updates: updates(22, 100_000) })).toMatchObject({
      to: null,
      reason: "StalenessBound",
    });
    expect(decide({ ...wants120, updates: updates(20, 100_000) }).to).toBe(80);
    expect(decide({ ...wants120, updates: updates(20, 100_000, 399) }).to).toBe(120);
    const cutAt = (hours: number) => stood({ lastStalenessCutSeconds: now - hours * hour });
    expect(decide(wants120, cutAt(5)).reason).toBe("StalenessBound");
    expect(decide(wants120, cutAt(6)).to).toBe(120);
  });

  test("nothing that changes allows any TTL", () => {
    expect(
      decide({ measured: rate(0.77), curve: curve(0.77, 0.1), updates: updates(0, 100_000) }).to,
    ).toBe(120);
  });
});

describe("step 2, bounds", () => {
  test("a TTL outside its bounds goes to the bound at once", () => {
    expect(decide({}, stood(), { maxTtlSeconds: 10 })).toMatchObject({
      to: 10,
      reason: "OutOfBounds",
      kind: "safety",
    });
    expect(decide({}, stood(), { minTtlSeconds: 300 }).to).toBe(300);
    const justWritten = stood({ lastMoveSeconds: now - minute });
    expect(decide({}, justWritten, { maxTtlSeconds: 10 }).reason).toBe("SettlingAfterMove");
  });

  test("a class that is never lengthened is not, not even by its minimum", () => {
    const auth = { mayLengthen: false };
    expect(decide({ measured: rate(0.5), curve: curve(0.5, 0.1) }, stood(), auth)).toMatchObject({
      to: null,
      reason: "NeverLengthened",
    });
    expect(decide({ measured: rate(0.5) }, stood(), auth).reason).toBe("NeverLengthened");
    expect(decide({}, stood(), { ...auth, minTtlSeconds: 300 }).reason).toBe("NeverLengthened");
    expect(decide({ measured: rate(0.95) }, stood(), auth).to).toBeLessThan(60);
  });

  test("at a maximum that misses the target, it holds there and says so", () => {
    const low = { measured: rate(0.8), curve: curve(0.8, 0.1) };
    expect(decide(low, stood(), { maxTtlSeconds: 60 }).reason).toBe("TargetUnreachable");
    expect(decide({ measured: rate(0.8) }, stood(), { maxTtlSeconds: 60 }).reason).toBe(
      "TargetUnreachable",
    );
    const met = { measured: rate(0.855), curve: curve(0.855, 0.1) };
    expect(decide(met, stood(), { maxTtlSeconds: 60 }).reason).toBe("AtMaximum");
    expect(decide(low, stood(), { maxTtlSeconds: 70 }).to).toBe(70);
  });
});

describe("step 3, the curve", () => {
  test("T* is the smallest T that reaches target + 2 points; here one doubling, 120 s", () => {
    const result = decide({ measured: rate(0.77), curve: curve(0.77, 0.1) });
    expect(result).toMatchObject({ to: 120, reason: "CurveBelowGoal", kind: "corrective" });
    expect(result.said?.inputs["wantedTtlSeconds"]).toBeCloseTo(120, 9);
    expect(result.said?.sentence).toBe(
      "Fresh hits 77.0 %, by the curve 77.0 %; the curve reaches 87.0 % at 120 s. 60 s -> 120 s.",
    );
  });

  test("the anchor moves the curve to what was measured, once the TTL has stood", () => {
    // The curve says 0.80, measured are 0.77: with d = -0.03 the goal is one doubling off, not 0.7.
    const result = decide({ measured: rate(0.77), curve: curve(0.8, 0.1) });
    expect(result.to).toBe(120);
    expect(result.memory.classes["product"]?.anchor).toBeCloseTo(-0.03, 9);
  });

  test("until the TTL has stood for max(10 min, TTL), the old anchor serves", () => {
    const memory = stood({ sinceSeconds: now - 9 * minute, anchor: 0.02 });
    const result = decide({ measured: rate(0.8), curve: curve(0.8, 0.1) }, memory);
    // 0.80 + 0.02 is half a doubling short of 0.87.
    expect(result.to).toBeCloseTo(60 * Math.SQRT2, 0);
    expect(result.memory.classes["product"]?.anchor).toBe(0.02);
    const slow = stood({ ttlSeconds: 3000, sinceSeconds: now - 2900, anchor: 0.02 });
    const looked = decide(
      { ttlSeconds: 3000, measured: rate(0.8, 2900), curve: curve(0.4, 0.07) },
      slow,
    );
    expect(looked.memory.classes["product"]?.anchor).toBe(0.02);
  });

  test("a window of less than a TTL renews no anchor", () => {
    const memory = stood({ ttlSeconds: 1200, anchor: 0.02 });
    const over = { ttlSeconds: 1200, curve: curve(0.4, 0.1) };
    const half = decide({ ...over, measured: rate(0.8, 600) }, memory);
    expect(half.memory.classes["product"]?.anchor).toBe(0.02);
    const whole = decide({ ...over, measured: rate(0.8, 1200) }, memory);
    expect(whole.memory.classes["product"]?.anchor).not.toBe(0.02);
  });

  test("a curve of processes by themselves serves only as this look anchors it, and leaves no anchor", () => {
    const alone = { ...curve(0.7, 0.1), aloneProcesses: 3 };
    const anchored = decide({ measured: rate(0.77), curve: alone }, stood({ anchor: 0.02 }));
    expect(anchored).toMatchObject({ to: 120, reason: "CurveBelowGoal" });
    expect(anchored.memory.classes["product"]?.anchor).toBe(0.02);
    const young = stood({ sinceSeconds: now - 9 * minute, anchor: 0.02 });
    expect(decide({ measured: rate(0.77), curve: alone }, young).reason).not.toBe("CurveBelowGoal");
  });

  test("nothing is done within 1 point by the curve and 2 points as measured", () => {
    const memory = (anchor: number) => stood({ sinceSeconds: now - 5 * minute, anchor });
    const within = { measured: rate(0.852), curve: curve(0.861, 0.02) };
    expect(decide(within, memory(0)).reason).toBe("OnTarget");
    expect(decide({ ...within, curve: curve(0.859, 0.02) }, memory(0)).reason).toBe(
      "SettlingAfterMove",
    );
    expect(decide({ ...within, measured: rate(0.849) }, memory(0)).to).not.toBeNull();
  });

  test("where no valid point reaches the goal: the longest valid one, else x 1.22", () => {
    const far = { measured: rate(0.6), curve: curve(0.6, 0.01, 64) };
    expect(decide(far)).toMatchObject({ to: null, reason: "StepTooSmall" });
    expect(decide({ ...far, curve: curve(0.6, 0.01, 128) })).toMatchObject({
      to: 120,
      reason: "CurveEndsBelowGoal",
    });
    const at64 = { ...far, ttlSeconds: 64, curve: curve(0.6, 0.01, 64) };
    expect(decide(at64, stood({ ttlSeconds: 64 })).to).toBe(78.1);
  });

  test("points further than three grid steps away are not trusted", () => {
    // From 4 s the grid is trusted up to 32 s; the goal would be reached at 64 s.
    const result = decide(
      { ttlSeconds: 4, measured: rate(0.8), curve: curve(0.865, 0.0175) },
      stood({ ttlSeconds: 4 }),
      { minTtlSeconds: 1 },
    );
    expect(result.reason).toBe("CurveEndsBelowGoal");
    expect(result.said?.inputs["wantedTtlSeconds"]).toBe(32);
  });
});

describe("step 4, steps and gates", () => {
  const low = { measured: rate(0.8), curve: curve(0.8, 0.1) };

  test("a move at most doubles or halves", () => {
    expect(decide({ measured: rate(0.6), curve: curve(0.6, 0.1) }).to).toBe(120);
    expect(decide({ measured: rate(0.99), curve: curve(0.99, 0.02) }).to).toBe(30);
  });

  test("no move under 10 %", () => {
    // 1.2 points at 0.1 a doubling: a factor of 1.087.
    expect(decide({ measured: rate(0.858), curve: curve(0.858, 0.1) }).reason).toBe("StepTooSmall");
    expect(decide({ measured: rate(0.882), curve: curve(0.882, 0.1) }).reason).toBe("StepTooSmall");
  });

  test("a lengthening by the curve below target waits for a period only", () => {
    const memory = stood({
      sinceSeconds: now - 10 * minute,
      lastMoveSeconds: now - 10 * minute,
      lastLookSeconds: now - 10 * minute,
    });
    expect(decide(low, memory).to).not.toBeNull();
    const slow = { ...low, ttlSeconds: 960, curve: curve(0.4, 0.1) };
    const slowMemory = stood({ ...memory.classes["product"], ttlSeconds: 960 });
    expect(decide(slow, slowMemory).to).not.toBeNull();
    // The same at 0.855: above target, so that it waits for a TTL to pass.
    const met = { ...slow, measured: rate(0.855), curve: curve(0.455, 0.1) };
    expect(decide(met, slowMemory).reason).toBe("SettlingAfterMove");
  });

  test("a class is looked at once a period", () => {
    const lookedAt = (minutes: number) => stood({ lastLookSeconds: now - minutes * minute });
    expect(decide(low, lookedAt(9)).reason).toBe("PeriodNotOver");
    expect(decide(low, lookedAt(10)).to).not.toBeNull();
    expect(decide(low, lookedAt(10)).memory.classes["product"]?.lastLookSeconds).toBe(now);
  });

  test("waiting for evidence uses up no period", () => {
    const scarce = decide({ measured: { lookups: 4999, hits: 1000, seconds: hour } });
    expect(scarce.reason).toBe("TooFewLookups");
    expect(scarce.memory.classes["product"]?.lastLookSeconds).toBeNull();
    expect(decide({ measured: null }).reason).toBe("TooFewLookups");
    expect(decide({ measured: rate(0.8, 29) }).reason).toBe("TooFewLookups");
  });

  describe("shortening", () => {
    const high = { measured: rate(0.92), curve: curve(0.92, 0.05) };

    test("goes to T*, as an economising move", () => {
      expect(decide(high)).toMatchObject({ to: 30, reason: "CurveAboveGoal", kind: "economising" });
    });

    test("not in the first 6 h", () => {
      const seen = (hours: number) => stood({ firstSeenSeconds: now - hours * hour });
      expect(decide(high, seen(5.9)).reason).toBe("TooEarlyToShorten");
      expect(decide(high, seen(6)).to).toBe(30);
    });

    test("never below the largest T* of the last 6 h", () => {
      const wanted = (ttlSeconds: number, hours: number) =>
        stood({ wanted: [{ atSeconds: now - hours * hour, ttlSeconds }] });
      expect(decide(high, wanted(45, 5)).to).toBe(45);
      expect(decide(high, wanted(58, 5)).reason).toBe("WantedRecently");
      expect(decide(high, wanted(58, 6)).to).toBe(30);
    });

    test("not within max(10 min, TTL) of the last move, and not below the minimum", () => {
      const moved = stood({ lastMoveSeconds: now - 9 * minute, lastLookSeconds: null });
      const result = decide(high, moved);
      expect(result.reason).toBe("SettlingAfterMove");
      expect(result.memory.classes["product"]?.lastLookSeconds).toBeNull();
      expect(decide(high, stood(), { minTtlSeconds: 60 }).reason).toBe("AtMinimum");
      expect(decide(high, stood(), { minTtlSeconds: 40 }).to).toBe(40);
    });

    test("not while what was measured says otherwise", () => {
      const memory = stood({ sinceSeconds: now - 5 * minute, anchor: 0 });
      expect(decide({ ...high, measured: rate(0.84) }, memory).reason).toBe("EvidenceDisagrees");
    });
  });

  test("T* of a look is remembered, and only what no later one exceeds", () => {
    let memory = stood();
    const look = (measured: number, at: number) => {
      ({ memory } = decideTtl(
        [product],
        {
          classes: {
            product: observed({ measured: rate(measured), curve: curve(measured, 0.1) }),
          },
          store: null,
        },
        memory,
        at,
        timing,
      ));
      return memory.classes["product"]?.wanted.map(({ ttlSeconds }) => Math.round(ttlSeconds));
    };
    expect(look(0.77, now)).toEqual([120]);
    expect(look(0.87, now + hour)).toEqual([120, 60]);
    expect(look(0.82, now + 2 * hour)).toEqual([120, 85]);
    expect(look(0.87, now + 6 * hour)).toEqual([85, 60]);
    expect(look(0.72, now + 7 * hour)).toEqual([170]);
  });
});

describe("without a usable curve", () => {
  test("the step is four times the error in ln T, at most 0.22", () => {
    expect(decide({ measured: rate(0.84) })).toMatchObject({
      to: Number((60 * Math.exp(0.12)).toPrecision(3)),
      reason: "MeasuredBelowGoal",
      kind: "corrective",
    });
    const largest = Number((60 * Math.exp(0.22)).toPrecision(3));
    expect(decide({ measured: rate(0.3) }).to).toBe(largest);
    expect(decide({ measured: rate(1) }).to).toBe(Number((60 * Math.exp(-0.22)).toPrecision(3)));
  });

  test("it acts beyond 1 point, and then also by less than 10 %", () => {
    expect(decide({ measured: rate(0.861) }).reason).toBe("OnTarget");
    expect(decide({ measured: rate(0.859) }).to).toBe(62.7);
  });

  test("every max(10 min, 2 TTL)", () => {
    const memory = (minutes: number) =>
      stood({ ttlSeconds: 600, lastMoveSeconds: now - minutes * minute });
    const low = { ttlSeconds: 600, measured: rate(0.8) };
    expect(decide(low, memory(19)).reason).toBe("SettlingAfterMove");
    expect(decide(low, memory(20)).to).not.toBeNull();
  });

  test("a curve that is too short, too thin or not valid at the TTL is none", () => {
    const usable = curve(0.77, 0.1);
    for (const one of [
      { ...usable, seconds: 59 },
      { ...usable, lookups: 4999 },
      { ...usable, sampled: 1999 },
      curve(0.77, 0.1, 32),
    ])
      expect(decide({ measured: rate(0.77), curve: one }).reason).toBe("MeasuredBelowGoal");
  });

  test("it shortens no more than the curve may", () => {
    const young = stood({ firstSeenSeconds: now - hour });
    expect(decide({ measured: rate(0.95) }, young).reason).toBe("TooEarlyToShorten");
    const wanted = stood({ wanted: [{ atSeconds: now - hour, ttlSeconds: 60 }] });
    expect(decide({ measured: rate(0.95) }, wanted).reason).toBe("WantedRecently");
  });
});

describe("memory of the shared layer", () => {
  const low = { measured: rate(0.77), curve: curve(0.77, 0.1) };
  const store = (over: Partial<StoreMemory>): StoreMemory => ({
    usedBytes: 50,
    limitBytes: 100,
    evicts: false,
    evictions: 0,
    lookups: 10_000,
    ...over,
  });
  const withStore = (over: Partial<StoreMemory>, memory = stood()) =>
    decide(low, memory, {}, store(over));

  test("an unknown limit freezes raises, and only raises", () => {
    expect(withStore({ limitBytes: null }).reason).toBe("MemoryLimitUnknown");
    expect(withStore({ limitBytes: 0 }).reason).toBe("MemoryLimitUnknown");
    expect(withStore({ usedBytes: Number.NaN }).reason).toBe("MemoryLimitUnknown");
    const high = { measured: rate(0.95), curve: curve(0.95, 0.05) };
    expect(decide(high, stood(), {}, store({ limitBytes: null })).to).toBe(30);
  });

  test("noeviction: above 80 % raises are frozen, above 85 % TTLs are cut by a fifth", () => {
    expect(withStore({ usedBytes: 80 }).to).toBe(120);
    expect(withStore({ usedBytes: 81 }).reason).toBe("MemoryAlmostFull");
    expect(withStore({ usedBytes: 85 }).reason).toBe("MemoryAlmostFull");
    expect(withStore({ usedBytes: 86 })).toMatchObject({
      to: 48,
      reason: "MemoryPressure",
      kind: "safety",
    });
  });

  test("relief waits for no period and for no evidence", () => {
    const memory = stood({ lastLookSeconds: now - 1, lastMoveSeconds: now - 1 });
    expect(decide({ measured: null }, memory, {}, store({ usedBytes: 90 })).to).toBe(48);
  });

  test("an evicting store is judged by its evictions, not by fullness", () => {
    expect(withStore({ evicts: true, usedBytes: 100 }).to).toBe(120);
    expect(withStore({ evicts: true, evictions: 100 }).to).toBe(120);
    expect(withStore({ evicts: true, evictions: 101 }).reason).toBe("MemoryEvicting");
    const met = decide(
      { measured: rate(0.87) },
      stood(),
      {},
      store({ evicts: true, evictions: 500 }),
    );
    expect(met).toMatchObject({ to: 48, reason: "MemoryPressure" });
  });

  test("the least value per byte first, one class a period, each once per two of its TTLs", () => {
    const settings = ["product", "search", "catalog"].map((name) => ({ ...product, name }));
    const classes = {
      product: observed({ ttlSeconds: 1200, bytesPerHit: 10 }),
      search: observed({ ttlSeconds: 1200, bytesPerHit: 500 }),
      catalog: observed({ ttlSeconds: 6, bytesPerHit: 9000 }),
    };
    let memory = emptyTtlMemory;
    const relieve = (at: number) => {
      const decision = decideTtl(
        settings,
        { classes, store: store({ usedBytes: 90 }) },
        memory,
        at,
        timing,
      );
      const cuts = decision.moves.filter(({ reason }) => reason === "MemoryPressure");
      memory = noteTtlApplied(decision.memory, cuts, at);
      return cuts.map(({ name }) => name);
    };
    // Cutting `catalog` by a fifth would go below its minimum.
    expect(relieve(now)).toEqual(["search"]);
    expect(relieve(now + 1)).toEqual([]);
    expect(relieve(now + 10 * minute)).toEqual(["product"]);
    expect(relieve(now + 20 * minute)).toEqual([]);
    expect(relieve(now + 40 * minute)).toEqual(["search"]);
  });
});

describe("what is remembered", () => {
  const low = { measured: rate(0.77), curve: curve(0.77, 0.1) };

  test("a move that is only recommended is recommended again each period", () => {
    const first = decide(low);
    const again = decideTtl(
      [product],
      { classes: { product: observed(low) }, store: null },
      first.memory,
      now + 10 * minute,
      timing,
    );
    expect(again.moves[0]?.toSeconds).toBe(120);
    expect(again.memory.classes["product"]?.lastMoveSeconds).toBeNull();
  });

  test("an applied move, and a TTL that someone else changed, start the gate", () => {
    const high = { measured: rate(0.92), curve: curve(0.92, 0.05) };
    const applied = noteTtlApplied(
      stood(),
      [{ name: "product", fromSeconds: 60, reason: "CurveAboveGoal" }],
      now - minute,
    );
    expect(decide(high, applied).reason).toBe("SettlingAfterMove");
    const changed = noteTtlInForce(stood({ ttlSeconds: 90 }), { product: 60 }, now - minute);
    expect(decide(high, changed).reason).toBe("SettlingAfterMove");
    const at = { name: "product", ttlSeconds: 60 };
    expect(untaintedSeconds(changed, at, now + 4 * minute, timing)).toBe(2 * minute);
    expect(untaintedSeconds(changed, at, now, timing)).toBe(0);
    expect(untaintedSeconds(changed, { ...at, ttlSeconds: 90 }, now, timing)).toBe(0);
    expect(untaintedSeconds(changed, { ...at, name: "search" }, now, timing)).toBe(0);
    expect(untaintedSeconds(stood(), at, now, timing)).toBe(now);
  });

  test("the memory survives JSON", () => {
    const { memory } = decide(low);
    expect(JSON.parse(JSON.stringify(memory))).toEqual(memory);
  });
});

test("the vector: classes are decided together, each with a move or a hold", () => {
  const settings = ["product", "search", "catalog"].map((name) => ({ ...product, name }));
  const low = observed({ measured: rate(0.77), curve: curve(0.77, 0.1) });
  const decision = decideTtl(
    settings,
    { classes: { product: low, search: { ...low, ttlSeconds: 30 } }, store: null },
    emptyTtlMemory,
    now,
    timing,
  );
  expect(decision.moves.map(({ name, toSeconds }) => [name, toSeconds])).toEqual([
    ["product", 120],
    ["search", 60],
  ]);
  expect(decision.holds).toMatchObject([{ name: "catalog", reason: "ClassNotReported" }]);
});
