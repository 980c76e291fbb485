import { expect, test } from "bun:test";
import { createFleetBench, runUntilVerifying } from "../../test/fleet-bench.ts";
import { sourceFaults, type SourceFault } from "../metrics-source/metrics-source.contract.ts";

/**
 * What the loop promises whatever it runs on, through its ports. Number 5 stands beside `decidePass`, 8,
 * 11 and 13 beside the events, 9 beside the fleet.
 */

const product = (bench: ReturnType<typeof createFleetBench>) =>
  bench.place.document?.ttlSeconds["product"];

test("behaviour 1: on metrics that cannot be trusted no knob moves, and each has its reason", async () => {
  for (const fault of Object.keys(sourceFaults) as SourceFault[]) {
    const bench = createFleetBench();
    // A move is due within seconds.
    await bench.run(30);
    const { written } = bench;
    const before = written.length;
    bench.service.fault = fault;
    await bench.run(60);
    expect(written).toHaveLength(before);
    expect(bench.condition("MetricsAvailable")).toBe(`False ${sourceFaults[fault]}`);
    bench.service.fault = null;
    await bench.runUntil(() => written.length > before, 100);
  }
});

test("behaviour 2: while the transport fails everything is held, and nothing is lowered", async () => {
  const bench = createFleetBench();
  await bench.runUntil(() => bench.reasons().includes("Verified"), 300);
  await bench.runUntil(() => bench.status().inFlight === undefined, 300);
  const held = product(bench);
  bench.service.fault = "unreachable";
  await bench.run(200);
  expect(product(bench)).toBe(held);
  expect(bench.condition("Degraded")).toBe("True MetricsLost");
});

test("behaviour 3: after metrics return nothing is economised until a full window is covered", async () => {
  const bench = createFleetBench();
  bench.world.profile = {
    spec: {
      metrics: { windowSeconds: 3600 },
      objectives: [
        { name: "hits", type: "HitRate", hitRate: { class: "product", targetPercent: "60" } },
      ],
      cache: {
        mode: "Auto",
        classes: [{ name: "product", initialTTLSeconds: 60, maxTTLSeconds: 600 }],
      },
    },
    metadata: {},
  };
  // A TTL far too long is shortened after the first six hours, not before.
  await bench.run(bench.timing.sixHoursSeconds - 5);
  expect(product(bench)).toBe(60);
  bench.service.fault = "timeout";
  await bench.run(5);
  bench.service.fault = null;
  await bench.run(235);
  expect(product(bench)).toBe(60);
  expect(bench.log.some(({ reason }) => reason === "MetricsJustReturned")).toBeTrue();
  await bench.runUntil(() => product(bench) === 30, 60);
}, 30_000);

test("behaviour 4: fewer than the minimum of samples move nothing forward, and take nothing back", async () => {
  const idle = createFleetBench();
  idle.service.rate = 0.05;
  await idle.run(200);
  expect(idle.written).toHaveLength(1);
  expect(idle.condition("ObjectivesMet")).toBe("Unknown TooFewSamples");

  const night = createFleetBench();
  const { revision } = await runUntilVerifying(night);
  night.service.rate = 0.5;
  night.service.slowShare = () => 0.5;
  await night.runUntil(() => night.status().decisions[0]?.verdict === "Unverified", 300);
  expect(night.place.document?.revision).toBe(revision);
});

test("behaviour 6: noise inside the dead band makes no change in an hour", async () => {
  const bench = createFleetBench();
  await bench.runUntil(() => bench.written.length > 1 && bench.service.hitRate() >= 0.87, 600);
  await bench.runUntil(() => bench.condition("Progressing") === "False Settled", 300);
  const before = bench.written.length;
  for (let second = 0; second < 3600 / 15; second += 1) {
    bench.service.rate = 400 * (1 + 0.05 * Math.sin(second * 1.7));
    await bench.run(1);
  }
  expect(bench.written).toHaveLength(before);
}, 30_000);

test("behaviour 7: one change in flight: a move follows only once the last one is concluded", async () => {
  const bench = createFleetBench();
  await bench.run(400);
  const [initial, ...moves] = bench
    .reasons()
    .filter((reason) => ["Applied", "Verified", "Unverified", "RolledBack"].includes(reason));
  expect(initial).toBe("Applied");
  expect(moves.length).toBeGreaterThan(4);
  moves.forEach((reason, index) => {
    if (index % 2 === 0) expect(reason).toBe("Applied");
    else expect(reason).not.toBe("Applied");
  });
});
