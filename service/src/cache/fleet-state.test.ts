import { describe, expect, test } from "bun:test";
import { type ClassSection, decodeBatch, encodeBatch, type FleetBatch } from "./fleet-batch.ts";
import { decodeSnapshot, encodeSnapshot } from "./fleet-snapshot.ts";
import {
  beginEveryMs,
  FleetState,
  fleetReferencesPerSecond,
  memberSilentMs,
  startOf,
} from "./fleet-state.ts";
import { createSeconds, traceBeganMs } from "./fleet-replay.fixture.ts";
import { ReferenceBuffer } from "./reference-buffer.ts";
import { createShadowTotals, hashRange } from "./shadow-sample.ts";
import { contractSizes } from "./shadow.ts";

const columns = contractSizes.ttlsSeconds.length;
const at = traceBeganMs;

/** A section of class `product`; `references` are hash and ms since the batch began. */
function sectionOf(
  references: readonly (readonly [hash: number, ms: number])[],
  over: Partial<ClassSection> = {},
): ClassSection {
  const buffer = new ReferenceBuffer(0);
  for (const [hash, ms] of references) buffer.reference(hash, 640, ms);
  const sealed = buffer.seal(1000);
  return {
    cacheClass: "product",
    lookups: references.length,
    unkept: 0,
    threshold: hashRange,
    newestSampleMs: 0,
    renewal: null,
    words: sealed?.words ?? new Uint32Array(),
    ...over,
  };
}

const batchOf = (over: Partial<FleetBatch> = {}): FleetBatch => ({
  kind: "batch",
  process: 1,
  sequence: 1,
  startMs: at,
  spanMs: 1000,
  sections: [],
  ...over,
});

const samplesOf = (state: FleetState) => {
  const samples = state.classes.get("product")?.samples;
  if (samples === undefined) throw new Error("no sample");
  return samples;
};

describe("a batch as bytes", () => {
  const full = batchOf({
    kind: "last",
    process: 2 ** 52 - 1,
    sequence: 4_000_000_000,
    sections: [
      sectionOf([
        [5, 0],
        [0xffff_ffff, 999],
      ]),
      sectionOf([], {
        cacheClass: "suggestion",
        lookups: 7,
        unkept: 2,
        threshold: 12_345,
        newestSampleMs: at,
        renewal: { kind: "swap", sampleMs: at },
      }),
    ],
  });

  test("is read back as it was", () => {
    expect(decodeBatch(encodeBatch(full))).toEqual(full);
    expect(decodeBatch(encodeBatch(batchOf({ kind: "begin" })))).toEqual(
      batchOf({ kind: "begin" }),
    );
  });

  test("that is cut short, too long, of another version or nonsense is none", () => {
    const bytes = encodeBatch(full);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeBatch(bytes.subarray(0, length))).toBeNull();
    expect(decodeBatch(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull();
    expect(decodeBatch(Buffer.concat([Buffer.of(99), bytes.subarray(1)]))).toBeNull();
    expect(decodeBatch(Buffer.from("b".repeat(200)))).toBeNull();
  });
});

describe("folding", () => {
  test("what three processes count of their own adds up to what one counts of all", () => {
    const seconds = createSeconds({ keys: 3000, exponent: 0.9, rate: 300, processes: 3 });
    const state = new FleetState(at);
    const whole = new FleetState(at);
    const all = createShadowTotals(columns);
    const own = [0, 1, 2].map(() => createShadowTotals(columns));
    for (let second = 0; second < 300; second++) {
      const references = seconds();
      const startMs = at + second * 1000;
      const part = (process: number | null) =>
        sectionOf(
          references
            .filter((one) => process === null || one.process === process)
            .map(({ hash, ms }) => [hash, ms - second * 1000] as const),
        );
      const sequence = second + 1;
      whole.fold(batchOf({ sequence, startMs, sections: [part(null)] }), () => all);
      own.forEach((totals, process) => {
        const batch = batchOf({ process, sequence, startMs, sections: [part(process)] });
        state.fold(batch, () => totals);
        // What arrives twice counts once.
        state.fold(batch, () => totals);
      });
    }
    expect(own.reduce((sum, { lookups }) => sum + lookups, 0)).toBe(all.lookups);
    for (const [i, ttl] of contractSizes.ttlsSeconds.entries()) {
      const misses = own.reduce((sum, totals) => sum + (totals.misses[i] ?? 0), 0);
      const error = Math.abs(misses - (all.misses[i] ?? 0)) / all.lookups;
      // Within a second the processes' references are not in the order of time.
      expect(error).toBeLessThan(ttl < 8 ? 0.01 : 0.0005);
    }
    expect(state.processes).toBe(3);
  });

  test("a batch of a process that kept fewer references makes the sample as small for all", () => {
    const state = new FleetState(at);
    const totals = createShadowTotals(columns);
    const [low, high] = [100, 2 ** 31];
    state.fold(
      batchOf({
        sections: [
          sectionOf([
            [low, 0],
            [high, 0],
          ]),
        ],
      }),
      () => totals,
    );
    expect(totals).toMatchObject({ lookups: 2, sampled: 2 });
    const section = sectionOf([[low, 0]], {
      lookups: 5,
      threshold: 2 ** 30,
      newestSampleMs: startOf(samplesOf(state).inUse),
    });
    state.fold(
      batchOf({ process: 2, startMs: at + 40_000_000, sections: [section] }),
      () => totals,
    );
    expect(state.thresholdOf("product")).toBe(2 ** 30);
    expect(samplesOf(state).inUse.keys).toBe(1);
    expect(totals).toMatchObject({ lookups: 7, sampled: 3 });
    // The miss counts for the four keys that it stands for.
    expect(totals.misses[0]).toBe(6);
  });

  test("the fleet's budget lowers the threshold, and a backlog does not", () => {
    const state = new FleetState(at);
    const many = Array.from(
      { length: 2048 },
      (_, i) => [Bun.hash.xxHash32(String(i % 1500)), 0] as const,
    );
    const fold = (process: number, second: number) =>
      state.fold(
        batchOf({
          process,
          sequence: second + 1,
          startMs: at + second * 1000,
          sections: [sectionOf(many)],
        }),
        null,
      );
    fold(1, 0);
    fold(1, 1);
    for (let second = 0; second < 2; second++)
      for (const process of [2, 3, 4]) fold(process, second);
    expect(state.thresholdOf("product")).toBe(hashRange);
    for (const process of [1, 2, 3, 4]) fold(process, 2);
    for (const process of [1, 2, 3, 4]) fold(process, 3);
    // What was sent before its process knew does not lower it again.
    const share = state.thresholdOf("product") / hashRange;
    expect(Math.abs(share - fleetReferencesPerSecond / (4 * 2048))).toBeLessThan(0.03);
  });

  test("a member that is silent, or said that it leaves, is none", () => {
    const state = new FleetState(at);
    for (const process of [1, 2, 3]) state.fold(batchOf({ process }), null);
    expect(state.processes).toBe(3);
    state.fold(batchOf({ process: 3, sequence: 2, kind: "last" }), null);
    expect(state.processes).toBe(2);
    state.fold(batchOf({ sequence: 2, startMs: at + memberSilentMs + 1 }), null);
    expect([state.processes, state.writers]).toEqual([1, 3]);
    state.fold(batchOf({ sequence: 3, startMs: at + 3_600_000 }), null);
    state.fold(batchOf({ process: 4, startMs: at + 3_600_000 }), null);
    expect(state.writers).toBe(2);
  });

  test("a begin empties the state, unless one was just before", () => {
    const state = new FleetState(at);
    state.fold(batchOf({ sections: [sectionOf([[1, 0]])] }), null);
    state.fold(batchOf({ kind: "begin", startMs: at + beginEveryMs }), null);
    expect(state.classes.size).toBe(1);
    state.fold(batchOf({ kind: "begin", startMs: at + beginEveryMs + 1 }), null);
    expect([state.classes.size, state.processes, state.newestMs]).toEqual([
      0,
      0,
      at + beginEveryMs + 1,
    ]);
    // A clock that was set back.
    state.fold(batchOf({ kind: "begin", startMs: at - beginEveryMs }), null);
    expect(state.newestMs).toBe(at - beginEveryMs);
  });
});

describe("renewal by order", () => {
  const order = (kind: "start" | "swap", sampleMs: number, sequence: number, process = 1) =>
    // Its process samples by the threshold of the sample that it names.
    batchOf({
      process,
      sequence,
      startMs: at + sequence * 1000,
      sections: [
        sectionOf([[sequence, 0]], {
          renewal: { kind, sampleMs },
          threshold: kind === "start" ? 2 ** 28 : 2 ** 31,
          newestSampleMs: sampleMs,
        }),
      ],
    });

  test("is obeyed once, however many give it", () => {
    const state = new FleetState(at);
    state.fold(batchOf({ sections: [sectionOf([[1, 0]])] }), null);
    const { inUse } = samplesOf(state);
    for (const process of [1, 2, 3]) state.fold(order("start", startOf(inUse), 5, process), null);
    const { next } = samplesOf(state);
    expect(next?.startedSeconds).toBe((at + 5000) / 1000);
    // Eight times as far as the one before it had come down to.
    expect(next?.threshold).toBe(2 ** 31);
    if (next === null) throw new Error("no sample was started");
    for (const process of [1, 2, 3]) state.fold(order("swap", startOf(next), 9, process), null);
    expect(samplesOf(state)).toMatchObject({ inUse: next, next: null });
    state.fold(order("start", startOf(inUse), 10), null);
    expect(samplesOf(state).next).toBeNull();
  });

  test("what comes of a process that has not heard of the new sample goes into the old one alone", () => {
    const state = new FleetState(at);
    const totals = createShadowTotals(columns);
    state.fold(batchOf({ sections: [sectionOf([[1, 0]])] }), null);
    const began = startOf(samplesOf(state).inUse);
    state.fold(order("start", began, 5), null);
    const late = sectionOf([[77, 0]], { threshold: 2 ** 28, newestSampleMs: began });
    state.fold(batchOf({ process: 2, startMs: at + 6000, sections: [late] }), () => totals);
    expect(totals.sampled).toBe(1);
    const { inUse, next } = samplesOf(state);
    expect(next?.threshold).toBe(2 ** 31);
    expect(inUse.pack(at)).toContain(77);
    expect(next?.pack(at)).not.toContain(77);
    // After the swap it is of no use to anybody, and is not counted.
    state.fold(order("swap", startOf(next ?? inUse), 9), null);
    state.fold(
      batchOf({ process: 2, sequence: 2, startMs: at + 10_000, sections: [late] }),
      () => totals,
    );
    expect(totals).toMatchObject({ lookups: 1, sampled: 1 });
    expect(state.thresholdOf("product")).toBe(2 ** 31);
  });
});

describe("a snapshot", () => {
  function createHistory(seconds: number, state: FleetState, fromSecond = 0) {
    const trace = createSeconds({ keys: 5000, exponent: 0.8, rate: 500, processes: 1 });
    for (let second = 0; second < seconds; second++) {
      const references = trace();
      if (second < fromSecond) continue;
      const section = sectionOf(
        references.map(({ hash, ms }) => [hash, ms - second * 1000] as const),
        second === 40 ? { renewal: { kind: "start", sampleMs: at } } : {},
      );
      const changed = new ReferenceBuffer(0);
      changed.noteChange(references[0]?.hash ?? 0, 500);
      const words = Uint32Array.from([...section.words, ...(changed.seal(1000)?.words ?? [])]);
      state.fold(
        batchOf({
          sequence: second + 1,
          startMs: at + second * 1000,
          sections: [{ ...section, words }],
        }),
        null,
      );
    }
    return state;
  }

  test("read back and continued comes to the same as the state that was never written", () => {
    const straight = createHistory(120, new FleetState(at));
    const half = createHistory(60, new FleetState(at));
    const bytes = encodeSnapshot({ lastId: "1-2", state: half });
    expect(bytes.length).toBeLessThan(2 * 2048 * 76 + 200);
    const read = decodeSnapshot(bytes);
    expect(read?.lastId).toBe("1-2");
    if (read === null) throw new Error("no snapshot");
    expect(encodeSnapshot(read)).toEqual(bytes);
    const continued = createHistory(120, read.state, 60);
    const told = (state: FleetState) => ({
      times: [state.beganMs, state.newestMs],
      members: [...state.members],
      samples: [samplesOf(state).inUse, samplesOf(state).next].map((sample) => ({
        threshold: sample?.threshold,
        started: sample?.startedSeconds,
        // In the order of their rows, which is no part of what a sample knows.
        keys: [...(sample?.pack(state.newestMs) ?? [])].sort((a, b) => a - b),
      })),
    });
    expect(samplesOf(straight).next).not.toBeNull();
    expect(told(continued)).toEqual(told(straight));
  });

  test("that is cut short or damaged is none", () => {
    const bytes = encodeSnapshot({ lastId: "1-2", state: createHistory(3, new FleetState(at)) });
    for (const length of [0, 3, 20, bytes.length - 1])
      expect(decodeSnapshot(bytes.subarray(0, length))).toBeNull();
    const damaged = Buffer.from(bytes);
    damaged[bytes.length >> 1] = (damaged[bytes.length >> 1] ?? 0) ^ 1;
    expect(decodeSnapshot(damaged)).toBeNull();
  });
});
