import { expect, test } from "bun:test";
import { type FleetBench, createFleetBench } from "../../test/fleet-bench.ts";
import { emptyLoopMemory, parseLoopMemory } from "./memory.ts";

/** A leader that saves a move of the law and whose write does not arrive; the next one takes over. */
async function runUntilLapsed(bench: FleetBench) {
  await bench.runUntil(
    () => bench.written.length === 1 && bench.condition("Progressing") === "False Settled",
    60,
  );
  const { guards } = bench.memory();
  bench.world.fails.write = new Error("ETIMEDOUT");
  await bench.runUntil(() => bench.memory().change !== null, 300);
  bench.crash();
  bench.world.fails.write = new Error("403 while it lasts");
  bench.world.profile = { spec: {}, metadata: { annotations: { "mestore.dev/paused": "true" } } };
  await bench.run(1);
  const [lapsed] = bench.memory().lapsed;
  if (lapsed === undefined) throw new Error("nothing lapsed");
  return { guards, lapsed };
}

function arrive(
  bench: FleetBench,
  { revision, ttlSeconds }: { revision: number; ttlSeconds: Readonly<Record<string, number>> },
): void {
  if (bench.place.document === null) throw new Error("there is no document");
  bench.place.document = { ...bench.place.document, revision, ttlSeconds };
  bench.world.profile = { spec: {}, metadata: {} };
  bench.world.fails = {};
}

test("a stale leader's write that arrives after its change was withdrawn is on its way again, and is rolled back where it does harm", async () => {
  const bench = createFleetBench();
  const { lapsed } = await runUntilLapsed(bench);
  const { revision } = lapsed.change.inFlight;
  expect(bench.condition("Progressing")).toBe("False Paused");
  expect(bench.status().decisions[0]).toMatchObject({ to: "10", verdict: "Withdrawn" });
  bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
  arrive(bench, { revision, ttlSeconds: lapsed.ttlSeconds });
  await bench.run(1);
  expect(bench.condition("Conflict")).toBe("False NoConflict");
  expect(bench.status().inFlight).toMatchObject({ revision });
  expect(bench.status().decisions[0]).toMatchObject({ to: "10", verdict: "Applied" });
  expect(bench.log).toContainEqual(
    expect.objectContaining({ reason: "WrittenLate", verdict: "Applied", revision }),
  );
  await bench.runUntil(() => bench.reasons().includes("RolledBack"), 120);
  expect(bench.written.at(-1)).toMatchObject({
    revision: revision + 1,
    ttlSeconds: { product: 5 },
  });
});

test("a late write that does good is verified, and its move counts for the guards from then on", async () => {
  const bench = createFleetBench();
  const { lapsed } = await runUntilLapsed(bench);
  arrive(bench, { revision: lapsed.change.inFlight.revision, ttlSeconds: lapsed.ttlSeconds });
  await bench.run(1);
  expect(bench.memory().lapsed).toEqual([]);
  expect(Object.keys(bench.memory().guards.knobs)).toEqual(["ttl/product"]);
  await bench.runUntil(() => bench.reasons().includes("Verified"), 120);
});

test("a document of that revision with other values is somebody else's", async () => {
  const bench = createFleetBench();
  const { lapsed } = await runUntilLapsed(bench);
  arrive(bench, { revision: lapsed.change.inFlight.revision, ttlSeconds: { product: 77 } });
  await bench.run(1);
  expect(bench.condition("Conflict")).toBe("True WrittenByAnother");
});

test("a move that was not made counts for no cool-down and no reversal, and its revision is not used again", async () => {
  const bench = createFleetBench();
  const { guards, lapsed } = await runUntilLapsed(bench);
  expect(bench.memory().guards.knobs).toEqual(guards.knobs);
  bench.world.profile = { spec: {}, metadata: {} };
  bench.world.fails = {};
  await bench.runUntil(() => bench.written.length === 2, bench.timing.ttlPeriodSeconds);
  expect(bench.written.at(-1)).toMatchObject({
    revision: lapsed.change.inFlight.revision + 1,
    ttlSeconds: { product: 10 },
  });
});

test("memory of before lapsed changes were remembered is still memory", () => {
  const { lapsed: _, uid: __, ...older } = emptyLoopMemory;
  expect(parseLoopMemory(structuredClone(older))).toEqual(emptyLoopMemory);
});
