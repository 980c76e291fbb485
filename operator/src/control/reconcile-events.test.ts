import { expect, test } from "bun:test";
import { createFleetBench } from "../../test/fleet-bench.ts";

const count = (bench: ReturnType<typeof createFleetBench>, reason: string) =>
  bench.reasons().filter((one) => one === reason).length;

test("each decision is one event: applied, verified", async () => {
  const bench = createFleetBench();
  await bench.runUntil(() => count(bench, "Verified") === 1, 300);
  expect(count(bench, "Applied")).toBe(bench.written.length);
  const verified = bench.events.find(({ reason }) => reason === "Verified");
  expect(verified?.type).toBe("Normal");
  expect(verified?.message).toStartWith(
    "ttl/product 5 s -> 10 s (revision 2). NoRegression: Slow requests",
  );
});

test("behaviour 8: a regression restores the exact previous values, is one RolledBack event, and bars that direction", async () => {
  const bench = createFleetBench();
  await bench.run(200);
  const product = bench.written.at(-1)?.ttlSeconds["product"];
  bench.service.slowShare = (ttl) => (ttl > (product ?? 0) ? 0.4 : 0.01);
  bench.world.profile = {
    spec: {
      objectives: [
        { name: "hits", type: "HitRate", hitRate: { class: "product", targetPercent: "97" } },
        { name: "p95", type: "Latency", latency: { thresholdMilliseconds: 500, percentile: "95" } },
      ],
    },
    metadata: {},
  };
  await bench.runUntil(() => count(bench, "RolledBack") === 1, 300);
  expect(bench.place.document?.ttlSeconds["product"]).toBe(product);
  expect(bench.events.find(({ reason }) => reason === "RolledBack")?.type).toBe("Warning");
  // Barred: the same move does not come again while the bar lasts.
  const moves = bench.written.length;
  await bench.run(100);
  expect(bench.written).toHaveLength(moves);
  expect(count(bench, "RolledBack")).toBe(1);
});

test("a recommendation is told once, and anew when it is another", async () => {
  const bench = createFleetBench();
  bench.world.profile = {
    spec: {
      mode: "Recommend",
      cache: { mode: "Auto", classes: [{ name: "product", maxTTLSeconds: 600 }] },
    },
    metadata: {},
  };
  await bench.run(100);
  const recommended = count(bench, "Recommended");
  expect(recommended).toBe(1);
  bench.crash();
  await bench.run(20);
  expect(count(bench, "Recommended")).toBe(recommended);
});

test("metrics that go and come back are one event each, whatever their reason becomes meanwhile", async () => {
  const bench = createFleetBench();
  await bench.run(5);
  expect(bench.reasons()).not.toContain("MetricsAvailable");
  bench.service.fault = "timeout";
  await bench.run(5);
  bench.service.fault = "stale";
  await bench.run(5);
  bench.crash();
  await bench.run(5);
  bench.service.fault = null;
  await bench.run(5);
  expect([count(bench, "MetricsLost"), count(bench, "MetricsAvailable")]).toEqual([1, 1]);
  expect(bench.events.find(({ reason }) => reason === "MetricsLost")?.message).toStartWith(
    "MetricsTimeout: ",
  );
});

test("a text that is refused is told once", async () => {
  const bench = createFleetBench();
  await bench.run(5);
  bench.world.profile = { spec: { mode: "Off" }, metadata: {} };
  await bench.run(10);
  expect(count(bench, "ProfileInvalid")).toBe(1);
});

test("behaviour 11: Recommend and pause write nothing to the target while status goes on; unpausing acts within one pass", async () => {
  const bench = createFleetBench();
  bench.annotate({ "mestore.dev/paused": "true" });
  await bench.run(60);
  expect(bench.condition("Progressing")).toBe("False Paused");
  expect(new Set(bench.calls)).toEqual(new Set(["save"]));
  bench.annotate({});
  await bench.run(1);
  expect(bench.written).toHaveLength(1);
});

test("behaviour 13: steady state writes no status over 10 passes; observedGeneration is the platform's", async () => {
  const bench = createFleetBench();
  bench.world.profile = { spec: { mode: "Recommend" }, metadata: { generation: 7 } };
  await bench.run(60);
  expect(bench.status().observedGeneration).toBe(7);
  // Begins right after a writing of figures, which come every ten minutes of the loop.
  const saves = () => bench.calls.filter((call) => call === "save").length;
  const before = saves();
  await bench.runUntil(() => saves() > before, 60);
  const written = saves();
  await bench.run(10 * bench.timing.scrapeSeconds);
  expect(saves()).toBe(written);
  bench.world.profile.metadata = { generation: 8 };
  await bench.run(1);
  expect(bench.status().observedGeneration).toBe(8);
  expect(bench.status().conditions.every((one) => one.observedGeneration === 8)).toBeTrue();
});

test("the line of kubectl get: objectives met, knob and last action", async () => {
  const bench = createFleetBench();
  await bench.runUntil(() => count(bench, "Verified") === 1, 300);
  const { summary } = bench.status();
  expect(summary).toMatchObject({ knob: "ttl/product" });
  expect(summary?.sla).toMatch(/^[0-3]\/3$/);
  expect(summary?.lastAction).toMatch(/^(Applied|Verified) \d+ -> \d+$/);
});
