import { expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { collectSamples } from "@mestore/contract/samples";
import { createTiming } from "@mestore/laws/timing";
import { noteTtlInForce } from "@mestore/laws/ttl";
import { createModelService } from "../../test/model-service.ts";
import { createPageSource } from "../metrics-source/page-source.ts";
import { createManualClock } from "./clock.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { observe } from "./observe.ts";

const timing = createTiming();

/** An hour of a service at a steady rate, and then one look with the given memory. */
async function lookAfterAnHour(
  remember: (nowSeconds: number) => Partial<LoopMemory>,
  disturb: (service: ReturnType<typeof createModelService>) => void = () => undefined,
  rate = 100,
) {
  const clock = createManualClock(1_800_000_000);
  const service = createModelService({
    now: clock.nowSeconds,
    readTuning: () => Promise.resolve(null),
    keys: 500,
    rate,
    initialTtlSeconds: 60,
  });
  const asked: number[] = [];
  const pages = createPageSource({
    readPage: service.readPage,
    scrapeSeconds: timing.scrapeSeconds,
    longestWindowSeconds: timing.longestWindowSeconds,
    now: clock.nowSeconds,
  });
  const began = clock.nowSeconds();
  for (let at = 0; at < 3600; at += timing.scrapeSeconds) {
    await pages.window(timing.scrapeSeconds);
    clock.advance(timing.scrapeSeconds);
  }
  disturb(service);
  const now = clock.nowSeconds();
  const observation = await observe(
    {
      window(seconds) {
        asked.push(seconds);
        return pages.window(seconds);
      },
    },
    {
      classes: ["product"],
      objectives: [],
      slowEdgeSeconds: 0.5,
      windowSeconds: 300,
      memory: {
        ...emptyLoopMemory,
        processStartSeconds: began,
        ttl: noteTtlInForce(emptyLoopMemory.ttl, { product: 60 }, began),
        ...remember(now),
      },
      timing,
    },
    now,
  );
  if (!observation.ok) throw new Error(observation.reason);
  return { ...observation, product: observation.ttl.classes["product"], asked };
}

test("windows grow to the minimum of samples and no further", async () => {
  const { product } = await lookAfterAnHour(() => ({}));
  // 5,000 look-ups at 100 a second are 50 s; 2,000 sampled at 40 % too. No window is shorter than the TTL.
  expect(product?.measured?.seconds).toBe(75);
  expect(product?.curve?.seconds).toBe(75);
});

test("no law sees what lies before the end of the taint", async () => {
  const { product } = await lookAfterAnHour((now) => ({ changesAtSeconds: [now - 210] }));
  expect(product?.measured?.seconds).toBe(30);
  expect(product?.curve?.seconds).toBe(30);
  const tainted = await lookAfterAnHour((now) => ({ changesAtSeconds: [now - 170] }));
  expect(tainted.product?.measured).toBeNull();
  expect(tainted.product?.curve).toBeNull();
});

test("the measured rate sees nothing of before the TTL in force", async () => {
  const { product } = await lookAfterAnHour((now) => ({
    ttl: noteTtlInForce(
      noteTtlInForce(emptyLoopMemory.ttl, { product: 30 }, now - 3000),
      { product: 60 },
      now - 225,
    ),
  }));
  expect(product?.measured?.seconds).toBe(45);
  expect(product?.curve?.seconds).toBe(75);
  const unknown = await lookAfterAnHour((now) => ({
    ttl: noteTtlInForce(emptyLoopMemory.ttl, { product: 30 }, now - 3000),
  }));
  expect(unknown.product?.measured).toBeNull();
});

test("another process of the service taints everything up to now", async () => {
  const { product, restarted } = await lookAfterAnHour(
    () => ({}),
    (service) => service.restart(),
  );
  expect(restarted).toBeTrue();
  expect(product?.measured).toBeNull();
});

test("a slice ends with the pass that is due, as long as the time since the last one", async () => {
  const sliceAt = (atSeconds: number) => ({
    slices: [{ atSeconds, seconds: 60, requests: 1, slow: 0, errors: 0 }],
  });
  const due = await lookAfterAnHour((now) => sliceAt(now - 60));
  expect(due.slice).toMatchObject({ seconds: 60 });
  expect(due.slice?.requests).toBeCloseTo(6000);
  expect(due.slice?.slow).toBeCloseTo(60);
  const early = await lookAfterAnHour((now) => sliceAt(now - 45));
  expect(early.slice).toBeNull();
  const afterGap = await lookAfterAnHour((now) => sliceAt(now - 900));
  expect(afterGap.slice?.seconds).toBe(60);
});

test("a limit is rounded down, never up", async () => {
  // 120 s since the end of the taint, and a TTL that asks for more than there is.
  const { product, asked } = await lookAfterAnHour((now) => ({
    changesAtSeconds: [now - timing.taintSeconds - 120],
  }));
  expect(product?.measured?.seconds).toBe(75);
  const limit = await lookAfterAnHour(
    (now) => ({ changesAtSeconds: [now - timing.taintSeconds - 120] }),
    undefined,
    20,
  );
  // On a grid of 106 s, of which readings of 15 s show seven.
  expect(limit.product?.measured?.seconds).toBe(105);
  expect(limit.asked.filter((seconds) => seconds > 107 && seconds < 150)).toEqual([]);
  expect(asked).not.toContain(120);
});

test("a slice that is longer than was asked for counts what the one before has counted: it is none", async () => {
  const window = (seconds: number) => {
    const toSeconds = 10_000;
    const bucket = serviceMetrics.requestDuration.name;
    const last = collectSamples(
      ["0.5", "+Inf"].map((le) => ({ name: `${bucket}_bucket`, labels: { le }, value: seconds })),
    );
    return { fromSeconds: toSeconds - seconds, toSeconds, first: new Map(), last };
  };
  const sliceOf = async (leastSeconds: number) => {
    const observation = await observe(
      {
        window: (seconds) =>
          Promise.resolve({ ok: true, pods: [], window: window(Math.max(seconds, leastSeconds)) }),
      },
      {
        ...{ classes: [], objectives: [], slowEdgeSeconds: 0.5, windowSeconds: 300, timing },
        memory: {
          ...emptyLoopMemory,
          slices: [{ atSeconds: 9940, seconds: 60, requests: 1, slow: 0, errors: 0 }],
        },
      },
      10_000,
    );
    return observation.ok ? observation.slice : observation.reason;
  };
  expect(await sliceOf(60)).toMatchObject({ seconds: 60, requests: 60 });
  expect(await sliceOf(120)).toBeNull();
});

test("each window is asked for once", async () => {
  const { asked } = await lookAfterAnHour(() => ({}));
  expect(new Set(asked).size).toBe(asked.length);
});
