import { expect, test } from "bun:test";
import { cacheClasses } from "@mestore/contract/cache-classes";
import { serviceMetrics } from "@mestore/contract/metrics";
import { collectSamples } from "@mestore/contract/samples";
import { objectives } from "@mestore/contract/sla";
import { createTiming } from "@mestore/laws/timing";
import { noteTtlInForce } from "@mestore/laws/ttl";
import type { Slice } from "@mestore/laws/verify";
import { createWindowReuse } from "../metrics-source/window-reuse.ts";
import { createManualClock } from "./clock.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { observe } from "./observe.ts";
import type { MetricsSource } from "./ports.ts";

const timing = createTiming();
const passSeconds = timing.scrapeSeconds;
const hour = 3600;

/** TTLs that no two classes have in common, so that nothing but the grid makes them share windows. */
const ttls = Object.fromEntries(
  Object.entries(cacheClasses).map(([name, { initialTtlSeconds }], index) => [
    name,
    initialTtlSeconds * (1 + 0.07 * index),
  ]),
);

/**
 * A shop that nobody visits, or with so many look-ups a second in each class. What a Prometheus would be
 * asked for is counted behind the very reuse that its source has.
 */
function createShop(clock: ReturnType<typeof createManualClock>, lookupsPerSecond: number) {
  const reuse = createWindowReuse({ scrapeSeconds: timing.scrapeSeconds });
  const asked: number[] = [];
  const request = serviceMetrics.requestDuration.name;
  const source: MetricsSource = {
    window(seconds) {
      const toSeconds = clock.nowSeconds();
      return reuse.window(
        { text: String(Math.ceil(seconds)), seconds, atSeconds: toSeconds },
        () => {
          asked.push(seconds);
          const last = collectSamples([
            ...Object.entries(ttls).flatMap(([name, value]) => [
              { name: serviceMetrics.cacheTtl.name, labels: { class: name }, value },
              {
                name: serviceMetrics.cacheLookups.name,
                labels: { class: name, outcome: "hit" },
                value: lookupsPerSecond * seconds,
              },
            ]),
            ...["0.5", "+Inf"].map((le) => ({
              name: `${request}_bucket`,
              labels: { http_response_status_code: "200", le },
              value: lookupsPerSecond * seconds,
            })),
          ]);
          const window = { fromSeconds: toSeconds - seconds, toSeconds, first: new Map(), last };
          return Promise.resolve({ ok: true as const, pods: [], window });
        },
      );
    },
  };
  return { source, asked };
}

/** What `hours` of passes ask for, after a first hour; passes come a little late, as they do. */
async function watch(hours: number, lookupsPerSecond: number) {
  const clock = createManualClock(1_800_000_000);
  const { source, asked } = createShop(clock, lookupsPerSecond);
  const began = clock.nowSeconds() - 24 * hour;
  const slices: Slice[] = [];
  const memory: LoopMemory = {
    ...emptyLoopMemory,
    ttl: noteTtlInForce(emptyLoopMemory.ttl, ttls, began),
  };
  const passes: number[] = [];
  let most = 0;
  for (let pass = 0; pass < ((hours + 1) * hour) / passSeconds; pass += 1) {
    const before = asked.length;
    const seen = await observe(
      source,
      {
        classes: Object.keys(ttls),
        objectives,
        slowEdgeSeconds: 0.5,
        windowSeconds: 300,
        memory: { ...memory, slices },
        timing,
      },
      clock.nowSeconds(),
    );
    if (!seen.ok) throw new Error(seen.reason);
    if (seen.slice !== null) slices.push(seen.slice);
    if (pass >= hour / passSeconds) passes.push(asked.length - before);
    most = Math.max(most, asked.length - before);
    clock.advance(passSeconds + (pass % 5) / 100);
  }
  return { mean: passes.reduce((sum, one) => sum + one, 0) / passes.length, most, slices };
}

test("an idle shop with the standard classes and objectives costs under six queries a pass", async () => {
  const { mean, most } = await watch(12, 0);
  expect(mean).toBeLessThan(6);
  // The first pass, with nothing to use again.
  expect(most).toBeLessThan(24);
});

test.each([1, 20, 500])(
  "a busy one costs under seven, at %d look-ups a second in each class",
  async (rate) => {
    const { mean } = await watch(2, rate);
    expect(mean).toBeLessThan(7);
  },
);

test("slices neither overlap nor leave anything out, whatever is used again", async () => {
  const { slices } = await watch(1, 20);
  expect(slices.length).toBeGreaterThan(100);
  for (const [index, slice] of slices.entries()) {
    const before = slices[index - 1];
    if (before !== undefined)
      expect(slice.atSeconds - slice.seconds).toBeCloseTo(before.atSeconds, 6);
  }
});
