import { describe, expect, test } from "bun:test";
import type { FleetBatch } from "./fleet-batch.ts";
import { ClassShadow } from "./fleet-class.ts";
import { createSeconds, traceBeganMs } from "./fleet-replay.fixture.ts";
import { FleetState } from "./fleet-state.ts";
import type { ShadowScope } from "./shadow.ts";

/** Two processes on a stream that is an array: each folds all batches into a state of its own. */
function createPair() {
  const members = [1, 2].map((process) => {
    const state = new FleetState(traceBeganMs);
    const standing: { scope: ShadowScope } = { scope: "fleet" };
    const shadow = new ClassShadow("product", 0, 0, {
      scope: () => standing.scope,
      state: () => state,
    });
    return { process, state, standing, shadow };
  });
  const seconds = createSeconds({ keys: 4000, exponent: 0.7, rate: 60, processes: 2 });
  let second = 0;
  return {
    members,
    get ms() {
      return second * 1000;
    },
    pass(count: number, ttlSeconds: number | null = null) {
      for (let i = 0; i < count; i++) {
        const startMs = second * 1000;
        for (const { hash, ms, process } of seconds())
          members[process]?.shadow.reference(hash, 1000, ms / 1000);
        second++;
        const batches = members.map(({ process, shadow }): FleetBatch => {
          if (ttlSeconds !== null) shadow.renew(0, ttlSeconds);
          const section = shadow.seal(startMs, second * 1000);
          const sections = section === null ? [] : [section];
          const startsMs = traceBeganMs + startMs;
          return {
            kind: "batch",
            process,
            sequence: second,
            startMs: startsMs,
            spanMs: 1000,
            sections,
          };
        });
        for (const { process, state, shadow } of members)
          for (const batch of batches)
            state.fold(batch, batch.process === process ? () => shadow.totals : null);
        for (const { shadow } of members) shadow.lowerThreshold();
      }
    },
  };
}

describe("a class in a fleet", () => {
  test("samples are renewed by the time of the fleet, in all processes at once", () => {
    const pair = createPair();
    pair.pass(3600, 10);
    const samples = () =>
      pair.members.map(({ state }) => state.classes.get("product")?.samples ?? null);
    pair.pass(5, 10);
    expect(samples().map((one) => one?.next?.startedSeconds)).toEqual([
      traceBeganMs / 1000 + 3600,
      traceBeganMs / 1000 + 3600,
    ]);
    // At a TTL of 10 s a sample is valid after 160 s; one whose process knows no TTL orders nothing.
    pair.pass(100);
    expect(samples().every((one) => one?.next !== null)).toBe(true);
    pair.pass(60, 10);
    for (const { shadow } of pair.members)
      expect(shadow.observedSeconds(Number.NaN)).toBeLessThan(170);
    const [first, second] = samples();
    expect(first?.inUse.pack(pair.ms)).toEqual(second?.inUse.pack(pair.ms) ?? new Uint32Array());
    expect(first?.inUse.keys).toBeGreaterThan(1000);
  });

  test("a process that knows no TTL yet renews nothing", () => {
    const pair = createPair();
    pair.pass(3700);
    for (const { state } of pair.members)
      expect(state.classes.get("product")?.samples.next).toBeNull();
  });

  test("alone it counts what it saw, by a sample that has observed all the time", () => {
    const pair = createPair();
    pair.pass(100);
    const [one] = pair.members;
    if (one === undefined) throw new Error("no member");
    const before = { ...one.shadow.totals, misses: one.shadow.totals.misses.slice() };
    const hashes = [11, 12, 13];
    for (const hash of hashes) one.shadow.reference(hash, 1000, 100.1);
    one.standing.scope = "alone";
    one.shadow.missAtEveryTtl();
    const section = one.shadow.seal(100_000, 101_000);
    expect(section).toMatchObject({ lookups: 3, unkept: 1 });
    expect(one.shadow.totals.lookups - before.lookups).toBe(4);
    expect(one.shadow.totals.sampled - before.sampled).toBe(3);
    // Its sample follows the threshold of the fleet, and each miss stands for so many.
    const weight = 2 ** 32 / (section?.threshold ?? 0);
    expect((one.shadow.totals.misses[4] ?? 0) - (before.misses[4] ?? 0)).toBeCloseTo(
      1 + 3 * weight,
      6,
    );
    expect(one.shadow.observedSeconds(101)).toBe(101);
    expect(one.shadow.residentBytes(101)[0]).toBeGreaterThanOrEqual(3 * 1000);
  });
});
