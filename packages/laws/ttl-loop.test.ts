import { expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { collectSamples, type MetricWindow, type Samples } from "@mestore/contract/samples";
import {
  shadowSampleKeys,
  shadowTtlLabels,
  shadowTtlsSeconds,
} from "@mestore/contract/shadow-curve";
import { admitMoves, emptyGuardMemory, noteMoves } from "./guards.ts";
import {
  curveSuffices,
  growingWindows,
  rateSuffices,
  readRateSample,
  readShadowWindow,
  readSlice,
  readTtlInForce,
  windowsUpTo,
} from "./observation.ts";
import { createTiming, type Timing } from "./timing.ts";
import {
  decideTtl,
  emptyTtlMemory,
  maxTtlRatio,
  noteTtlApplied,
  noteTtlInForce,
  type TtlClassSettings,
  type TtlMove,
  untaintedSeconds,
} from "./ttl.ts";
import {
  decideVerdict,
  type InFlight,
  noteAdopted,
  pickBaseline,
  startInFlight,
} from "./verify.ts";

/**
 * The law, the guards and the verification in one loop on an exact cache: every request of a
 * Zipf-distributed key stream, a fixed expiry per key, and the shadow counters kept as the service
 * keeps them, from a hash sample of bounded size.
 */

/** mulberry32: seeded, so that a failure can be looked at again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Workload {
  readonly keys: number;
  readonly zipf: number;
  readonly ratePerSecond: number;
}

/** One cache class under traffic, advanced request by request. */
function createCache(workload: Workload, initialTtlSeconds: number, seed: number) {
  const random = createRandom(seed);
  const { keys, ratePerSecond } = workload;
  const cumulative = new Float64Array(keys);
  let total = 0;
  for (let key = 0; key < keys; key++) cumulative[key] = total += (key + 1) ** -workload.zipf;
  const drawKey = () => {
    const point = random() * total;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < point) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const grid = shadowTtlsSeconds.length;
  const filledAt = new Float64Array(keys).fill(Number.NEGATIVE_INFINITY);
  const hashes = Float64Array.from({ length: keys }, random);
  const shadowFilledAt = new Float64Array(keys * grid).fill(Number.NEGATIVE_INFINITY);
  const sample = new Set<number>();
  let threshold = 1;
  const misses = new Float64Array(grid);
  let [hits, lookups, sampled, slow] = [0, 0, 0, 0];
  let [ttlSeconds, now, nextAt] = [initialTtlSeconds, 0, 0];

  const observe = (key: number) => {
    const hash = hashes[key] ?? 1;
    if (hash >= threshold) return;
    sample.add(key);
    if (sample.size > shadowSampleKeys) {
      let largest = key;
      for (const one of sample) if ((hashes[one] ?? 0) > (hashes[largest] ?? 0)) largest = one;
      threshold = hashes[largest] ?? 0;
      sample.delete(largest);
      if (largest === key) return;
    }
    sampled += 1;
    for (let point = 0; point < grid; point++) {
      const at = key * grid + point;
      if (now - (shadowFilledAt[at] ?? 0) <= (shadowTtlsSeconds[point] ?? 0)) continue;
      misses[point] = (misses[point] ?? 0) + 1 / threshold;
      shadowFilledAt[at] = now;
    }
  };

  return {
    get ttlSeconds() {
      return ttlSeconds;
    },
    applyTtl(seconds: number) {
      ttlSeconds = seconds;
    },
    advance(untilSeconds: number) {
      for (; nextAt <= untilSeconds; nextAt -= Math.log(1 - random()) / ratePerSecond) {
        now = nextAt;
        const key = drawKey();
        lookups += 1;
        const isHit = now - (filledAt[key] ?? 0) <= ttlSeconds;
        if (isHit) hits += 1;
        else filledAt[key] = now;
        // A miss is slow in one of fifty cases: enough for the verification to have noise to judge.
        if (!isHit && random() < 0.02) slow += 1;
        observe(key);
      }
      now = untilSeconds;
    },
    samples(): Samples {
      const ofClass = { class: "product" };
      const reading = (
        metric: { readonly name: string },
        value: number,
        labels: Record<string, string> = ofClass,
      ) => ({ name: metric.name, labels, value });
      const bucket = { name: `${serviceMetrics.requestDuration.name}_bucket` };
      return collectSamples([
        reading(serviceMetrics.cacheTtl, ttlSeconds),
        reading(serviceMetrics.cacheLookups, hits, { ...ofClass, outcome: "hit" }),
        reading(serviceMetrics.cacheLookups, lookups - hits, { ...ofClass, outcome: "miss" }),
        reading(serviceMetrics.shadowLookups, lookups),
        reading(serviceMetrics.shadowSampled, sampled),
        reading(serviceMetrics.shadowObserved, now),
        ...shadowTtlLabels.map((ttl, point) =>
          reading(serviceMetrics.shadowMisses, misses[point] ?? 0, {
            ...ofClass,
            ttl_seconds: ttl,
          }),
        ),
        reading(bucket, lookups - slow, { le: "0.5" }),
        reading(bucket, lookups, { le: "+Inf" }),
      ]);
    },
  };
}

interface LoopResult {
  readonly moves: readonly (TtlMove & { readonly atSeconds: number })[];
  readonly verdicts: readonly string[];
  /** First time at which a full window showed the target. */
  readonly reachedSeconds: number;
  readonly finalHitRate: number;
  readonly ttlSeconds: number;
}

/**
 * Runs the loop as the operator does: scrape, verify or look, guard, write; a second to adoption.
 */
function runLoop(
  workload: Workload,
  settings: TtlClassSettings,
  run: { initialTtlSeconds: number; seconds: number; seed: number; timing: Timing },
): LoopResult {
  const { timing } = run;
  const windowSeconds = 20 * timing.scrapeSeconds;
  const cache = createCache(workload, run.initialTtlSeconds, run.seed);
  const readings: { readonly at: number; readonly samples: Samples }[] = [];
  const slices = [];
  const moves: (TtlMove & { readonly atSeconds: number })[] = [];
  const verdicts: string[] = [];
  let memory = emptyTtlMemory;
  let guards = emptyGuardMemory;
  let inFlight: InFlight | null = null;
  let reachedSeconds = Number.POSITIVE_INFINITY;
  let finalHitRate = 0;

  const windowOf = (seconds: number): MetricWindow => {
    const last = readings.at(-1);
    const back = Math.min(readings.length - 1, Math.round(seconds / timing.scrapeSeconds));
    const first = readings.at(-1 - back);
    if (last === undefined || first === undefined) throw new Error("nothing was read yet");
    return { fromSeconds: first.at, toSeconds: last.at, first: first.samples, last: last.samples };
  };
  const grow = <T>(
    read: (window: MetricWindow) => T | null,
    suffices: (value: T) => boolean,
    windows: readonly number[],
  ) => {
    let value: T | null = null;
    for (const seconds of windows) {
      value = read(windowOf(seconds));
      if (value !== null && suffices(value)) break;
    }
    return value;
  };

  for (let pass = 1; pass * timing.scrapeSeconds <= run.seconds; pass++) {
    const now = pass * timing.scrapeSeconds;
    cache.advance(now);
    readings.push({ at: now, samples: cache.samples() });
    const perSlice = Math.round(timing.sliceSeconds / timing.scrapeSeconds);
    if (pass > perSlice && pass % perSlice === 0) {
      const slice = readSlice(windowOf(timing.sliceSeconds), 0.5);
      if (slice !== null) slices.push(slice);
    }
    if (inFlight !== null) {
      if (inFlight.adoptedSeconds === null) inFlight = noteAdopted(inFlight, now, timing);
      const verdict = decideVerdict(
        inFlight,
        { slices, history: [], metricsRejected: false },
        now,
        timing,
      );
      inFlight = verdict.outcome === "Waiting" ? verdict.inFlight : null;
      if (verdict.outcome !== "Waiting") verdicts.push(verdict.outcome);
    }

    const ttlSeconds = readTtlInForce(windowOf(0), "product") ?? 0;
    memory = noteTtlInForce(memory, { product: ttlSeconds }, now);
    const untainted = untaintedSeconds(memory, { name: "product", ttlSeconds }, now, timing);
    const measured = grow(
      (window) => readRateSample(window, "product"),
      (sample) => rateSuffices(sample, ttlSeconds, timing),
      windowsUpTo(Math.max(windowSeconds, ttlSeconds), untainted, timing),
    );
    const curve = grow(
      (window) => readShadowWindow(window, "product"),
      (one) => curveSuffices(one, ttlSeconds),
      growingWindows(windowSeconds, timing),
    );
    if (measured !== null && rateSuffices(measured, ttlSeconds, timing)) {
      finalHitRate = measured.hits / measured.lookups;
      if (finalHitRate >= settings.targetHitRate) reachedSeconds = Math.min(reachedSeconds, now);
    }
    const decision = decideTtl(
      [settings],
      {
        classes: {
          product: { ttlSeconds, measured, curve, updates: null, bytesPerHit: null },
        },
        store: null,
      },
      memory,
      now,
      timing,
    );
    // While a change is on its way the look of the law is not used up.
    if (inFlight === null) ({ memory } = decision);
    const { admitted } = admitMoves(
      decision.moves.map((move) => ({
        ...move,
        knob: `ttl/${move.name}`,
        from: move.fromSeconds,
        to: move.toSeconds,
        min: settings.minTtlSeconds,
        max: settings.maxTtlSeconds,
        maxRatio: maxTtlRatio,
      })),
      guards,
      {
        mode: "Auto",
        paused: false,
        foreign: false,
        frozen: false,
        changeInFlight: inFlight !== null,
        baselineSlices: pickBaseline(slices, now, timing).length,
        cooldownSeconds: windowSeconds,
        windowSeconds,
      },
      now,
    );
    for (const move of admitted) {
      inFlight = startInFlight(
        {
          knob: "ttl",
          from: { product: move.from },
          to: { product: move.to },
          revision: moves.length + 1,
          slices,
        },
        now,
        timing,
      );
      cache.applyTtl(move.to);
      memory = noteTtlApplied(memory, [move], now);
      guards = noteMoves(guards, [move], workload.ratePerSecond, now, timing);
      moves.push({ ...move, atSeconds: now });
    }
  }
  return { moves, verdicts, reachedSeconds, finalHitRate, ttlSeconds: cache.ttlSeconds };
}

const product: TtlClassSettings = {
  name: "product",
  targetHitRate: 0.85,
  minTtlSeconds: 5,
  maxTtlSeconds: 600,
  maxStaleShare: 0.01,
  mayLengthen: true,
};

const isWithinStep = ({ fromSeconds, toSeconds }: TtlMove) =>
  toSeconds <= fromSeconds * maxTtlRatio && toSeconds >= fromSeconds / maxTtlRatio;

test.each([1, 2, 3])(
  "400 requests a second from 5 s reach 0.85 within 10 minutes and rest (seed %d)",
  (seed) => {
    const timing = createTiming(15);
    const result = runLoop({ keys: 5000, zipf: 1, ratePerSecond: 400 }, product, {
      initialTtlSeconds: 5,
      seconds: 600,
      seed,
      timing,
    });
    expect(result.reachedSeconds).toBeLessThanOrEqual(600);
    expect(result.finalHitRate).toBeGreaterThanOrEqual(0.85);
    expect(result.moves.every(isWithinStep)).toBe(true);
    expect(result.verdicts.every((verdict) => verdict === "Verified")).toBe(true);
    const lastMove = result.moves.at(-1)?.atSeconds ?? 600;
    expect(600 - lastMove).toBeGreaterThanOrEqual(3 * timing.ttlPeriodSeconds);
    expect(result.ttlSeconds).toBeGreaterThan(40);
    expect(result.ttlSeconds).toBeLessThan(65);
  },
);

test("five requests a second settle on the target without a reversal", () => {
  const result = runLoop(
    { keys: 5000, zipf: 1, ratePerSecond: 5 },
    { ...product, maxTtlSeconds: 86_400 },
    { initialTtlSeconds: 600, seconds: 31 * 600, seed: 4, timing: createTiming() },
  );
  expect(result.finalHitRate).toBeGreaterThanOrEqual(0.85);
  expect(
    result.moves.every((move) => isWithinStep(move) && move.toSeconds > move.fromSeconds),
  ).toBe(true);
});

test("a TTL that is far too long comes down after the first 6 h, never below what was wanted", () => {
  const timing = createTiming(15);
  const result = runLoop({ keys: 5000, zipf: 1, ratePerSecond: 100 }, product, {
    initialTtlSeconds: 600,
    seconds: 4200,
    seed: 5,
    timing,
  });
  expect(result.moves[0]?.atSeconds).toBeGreaterThanOrEqual(timing.sixHoursSeconds);
  expect(result.moves.every((move) => isWithinStep(move) && move.kind === "economising")).toBe(
    true,
  );
  expect(result.finalHitRate).toBeGreaterThanOrEqual(0.85);
  // 0.87 needs about 200 s here (four times that of 400 a second).
  expect(result.ttlSeconds).toBeGreaterThan(160);
  expect(result.ttlSeconds).toBeLessThan(260);
});
