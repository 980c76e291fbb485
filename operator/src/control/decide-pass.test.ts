import { expect, test } from "bun:test";
import { parseProfile } from "@mestore/contract/performance-profile";
import { shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import { createTiming } from "@mestore/laws/timing";
import { maxTtlRatio } from "@mestore/laws/ttl";
import fc from "fast-check";
import { createContext, decidePass } from "./decide-pass.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { noteObservation, noteTarget } from "./note-observation.ts";
import type { Observation } from "./observe.ts";
import type { TargetReading } from "./ports.ts";

const timing = createTiming();
const bounds = { min: 10, max: 900 };

const parsed = parseProfile({
  apiVersion: "mestore.dev/v1alpha1",
  kind: "PerformanceProfile",
  metadata: { name: "storefront", namespace: "shop" },
  spec: {
    targetRef: { name: "mestore" },
    mode: "Auto",
    guardrails: { cooldownSeconds: 0 },
    cache: {
      mode: "Auto",
      classes: ["product", "search"].map((name) => ({
        name,
        initialTTLSeconds: 60,
        minTTLSeconds: bounds.min,
        maxTTLSeconds: bounds.max,
      })),
    },
  },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
const profile = parsed.value;

const share = fc.double({ min: 0, max: 1, noNaN: true });
const pass = fc.record({
  seconds: fc.constantFrom(15, 60, 600, 3600, 6 * 3600),
  sees: fc.constantFrom("metrics", "metrics", "metrics", "nothing"),
  takesUp: fc.boolean(),
  hitRate: share,
  lowest: share,
  rise: fc.double({ min: 0, max: 0.2, noNaN: true }),
  changedRate: fc.constantFrom(0, 1e-6, 1e-4, 1e-2),
  slow: share,
  restarts: fc.constantFrom(0, 0, 0, 1),
  podHash: fc.constantFrom("r1", "r1", "r1", "r2"),
  memoryUsed: fc.constantFrom(0.5, 0.5, 0.83, 0.95),
});
type Pass = typeof pass extends fc.Arbitrary<infer P> ? P : never;

/** A platform that writes what it is told and a service that says whatever the sequence wants. */
function createWorld() {
  let nowSeconds = 1_800_000_000;
  let memory: LoopMemory = emptyLoopMemory;
  let document: TuningDocument | null = null;
  // Within a step of the profile's own initial TTLs, which are its author's word and no step.
  let inForce: Readonly<Record<string, number>> = { product: 100, search: 45 };
  let running = 0;
  const written: TuningDocument[] = [];

  function observe({
    sees,
    hitRate,
    lowest,
    rise,
    changedRate,
    slow,
    memoryUsed,
  }: Pass): Observation {
    if (sees === "nothing") return { ok: false, reason: "MetricsTimeout", detail: "" };
    const classes = Object.fromEntries(
      Object.entries(inForce).map(([name, ttlSeconds]) => [
        name,
        {
          ttlSeconds,
          measured: { lookups: 20_000, hits: 20_000 * hitRate, seconds: 3600 },
          curve: {
            lookups: 20_000,
            sampled: 8000,
            seconds: 3600,
            points: shadowTtlsSeconds.map((ttl, index) => ({
              ttlSeconds: ttl,
              hitRate: Math.min(1, lowest + rise * index),
              staleRate: 0,
              valid: true,
            })),
          },
          updates: {
            changedRefills: 4000,
            changedHits: changedRate * 1e6,
            ageHitsSeconds: 1e6,
            seconds: 6 * 3600,
          },
          bytesPerHit: name === "product" ? 900 : 300,
        },
      ]),
    );
    return {
      ok: true,
      ttlInForce: inForce,
      revision: running,
      newestRevision: running,
      pods: [{ name: "a", revision: running }],
      processStartSeconds: 1,
      restarted: false,
      ttl: {
        classes,
        store: {
          usedBytes: memoryUsed * 1e9,
          limitBytes: 1e9,
          evicts: false,
          evictions: 0,
          lookups: 20_000,
        },
      },
      judgements: [],
      slice: {
        atSeconds: nowSeconds,
        seconds: 60,
        requests: 6000,
        slow: 6000 * slow,
        errors: 0,
      },
    };
  }

  return {
    written,
    step(one: Pass) {
      nowSeconds += one.seconds;
      if (one.takesUp && document !== null) {
        running = document.revision;
        inForce = { ...inForce, ...document.ttlSeconds };
      }
      const target: TargetReading = {
        ok: true,
        state: {
          podHash: one.podHash,
          readyPods: ["a"],
          unavailable: 0,
          restarts: one.restarts,
          inTransition: false,
        },
      };
      const known = noteTarget(memory, { identity: "t", reading: target }, nowSeconds, timing);
      const context = createContext({
        key: "shop/storefront",
        profile,
        deleting: null,
        target,
        observation: observe(one),
        queried: null,
        document,
        adopted: null,
        foreignOwner: null,
        nowSeconds,
        timing,
        timeScale: 1,
      });
      const step = decidePass(context, noteObservation(context, known));
      ({ memory } = step);
      if (step.write === null) return;
      document = step.write;
      written.push(step.write);
    },
  };
}

test("behaviour 5: in 10,000 sequences every value written is inside its bounds and within a step of the last", () => {
  let moves = 0;
  fc.assert(
    fc.property(fc.array(pass, { minLength: 8, maxLength: 20 }), (passes) => {
      const world = createWorld();
      for (const one of passes) world.step(one);
      const steps = world.written.flatMap(({ ttlSeconds }, index) =>
        Object.entries(ttlSeconds).map(([name, ttl]) => ({
          ttl,
          before: world.written[index - 1]?.ttlSeconds[name] ?? ttl,
        })),
      );
      const isWrong = ({ ttl, before }: (typeof steps)[number]) =>
        !(ttl >= bounds.min && ttl <= bounds.max) ||
        !(Math.max(ttl / before, before / ttl) <= maxTtlRatio + 1e-9);
      expect(steps.filter(isWrong)).toEqual([]);
      expect(world.written.map(({ revision }) => revision)).toEqual(
        world.written.map((_, index) => index + 1),
      );
      moves += steps.filter(({ ttl, before }) => ttl !== before).length;
    }),
    { numRuns: 10_000 },
  );
  // The sequences are worth something only when the loop moves in them.
  expect(moves).toBeGreaterThan(10_000);
}, 120_000);
