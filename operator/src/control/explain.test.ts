import { expect, test } from "bun:test";
import { createTiming } from "@mestore/laws/timing";
import { parseProfile } from "@mestore/contract/performance-profile";
import { profileText } from "../../test/loop-bench.ts";
import { createModelService } from "../../test/model-service.ts";
import { createPageSource } from "../metrics-source/page-source.ts";
import type { Clock } from "./clock.ts";
import { explainProfile } from "./explain.ts";

/** Every sleep passes at once. */
function createHurriedClock(): Clock {
  let now = 1_800_000_000;
  return {
    nowSeconds: () => now,
    sleep: (seconds) => {
      now += seconds;
      return Promise.resolve();
    },
  };
}

async function explain(
  spec: Record<string, unknown>,
  disturb: (service: ReturnType<typeof createModelService>) => void = () => undefined,
) {
  const clock = createHurriedClock();
  const timeScale = 15;
  const timing = createTiming(timeScale);
  const service = createModelService({
    now: clock.nowSeconds,
    readTuning: () => Promise.resolve(null),
    keys: 5000,
    rate: 400,
    initialTtlSeconds: 20,
  });
  // The service has run for an hour when somebody asks.
  await clock.sleep(3600, new AbortController().signal);
  disturb(service);
  const parsed = parseProfile(JSON.parse(profileText(spec)));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const shares: number[] = [];
  const explanation = await explainProfile({
    key: "shop/storefront",
    profile: parsed.value,
    source: createPageSource({
      readPage: service.readPage,
      scrapeSeconds: timing.scrapeSeconds,
      longestWindowSeconds: timing.longestWindowSeconds,
      now: clock.nowSeconds,
    }),
    clock,
    seconds: 60,
    timing,
    timeScale,
    signal: new AbortController().signal,
    onProgress: (share) => shares.push(share),
  });
  return { ...explanation, shares };
}

test("says what would be done and from which figures, whatever the mode", async () => {
  for (const mode of ["Auto", "Disabled", "Recommend"]) {
    const { decisions, objectives, text } = await explain({
      mode,
      cache: { mode: "Auto", classes: [{ name: "product" }] },
    });
    if (mode === "Disabled") {
      expect(decisions).toEqual([]);
      continue;
    }
    expect(decisions).toMatchObject([
      { knob: "ttl/product", from: 20, to: 40, reason: "CurveBelowGoal", verdict: "Recommended" },
    ]);
    expect(objectives[0]).toMatchObject({ name: "product-hits", met: "False" });
    expect(text).toContain("ttl/product: 20 s -> 40 s, CurveBelowGoal");
    expect(text).toContain("product-hits: 79.12 %, target 85 %: missed");
    expect(text).toMatch(/wantedTtlSeconds = 50\.\d+/);
  }
});

test("tells its progress", async () => {
  const { shares } = await explain({});
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBe(1);
  expect(shares).toHaveLength(61);
});

test("metrics that are not trusted: no move, and why", async () => {
  const { decisions, text } = await explain({}, (service) => {
    service.fault = "stale";
  });
  expect(decisions).toEqual([]);
  expect(text).toContain("No move: MetricsStale. figures are 61 s old, allowed are 60 s");
});
