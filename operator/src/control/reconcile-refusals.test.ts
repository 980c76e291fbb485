import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createFleetBench, runUntilVerifying } from "../../test/fleet-bench.ts";
import { NotPermittedError, StaleWriteError } from "./ports.ts";

test("a write that is not permitted: Ready names verb and resource, told once, and it goes on once permitted", async () => {
  for (const call of ["hold", "write"] as const) {
    const bench = createFleetBench();
    bench.world.fails[call] = new NotPermittedError(`patch configmaps (${call}): forbidden`);
    await bench.run(10);
    expect(bench.written).toEqual([]);
    expect(bench.condition("Ready")).toBe("False NotPermitted");
    expect(bench.message("Ready")).toBe(`patch configmaps (${call}): forbidden`);
    expect(bench.reasons().filter((reason) => reason === "NotPermitted")).toHaveLength(1);
    expect(bench.reasons()).not.toContain("Applied");
    delete bench.world.fails[call];
    await bench.run(2);
    expect(bench.condition("Ready")).toBe("True Accepted");
    expect(bench.written).toHaveLength(1);
    expect(bench.reasons().filter((reason) => reason === "Applied")).toHaveLength(1);
  }
});

test("a roll-back that is not permitted stays armed and is told when it is written", async () => {
  const bench = createFleetBench();
  const { revision } = await runUntilVerifying(bench);
  bench.world.fails.write = new NotPermittedError("patch configmaps: forbidden");
  bench.world.restarts = 1;
  await bench.run(4);
  expect(bench.reasons()).not.toContain("RolledBack");
  delete bench.world.fails.write;
  await bench.run(1);
  expect(bench.written.at(-1)?.revision).toBe(revision + 1);
  expect(bench.reasons().filter((reason) => reason === "RolledBack")).toHaveLength(1);
});

test("a status that is not permitted to be saved fails the pass: nothing is written before it", async () => {
  const bench = createFleetBench();
  bench.world.fails.save = new NotPermittedError("patch performanceprofiles/status: forbidden");
  await bench.run(3);
  expect(bench.written).toEqual([]);
  expect(bench.log.find(({ level }) => level === "error")).toMatchObject({
    err: { message: "patch performanceprofiles/status: forbidden" },
  });
});

test("somebody else wrote: looked at and decided again at once, a few times at most", async () => {
  const bench = createFleetBench();
  const failed = () =>
    bench.registry.collect().get(operatorMetrics.reconciles.name)?.get('outcome="failed"')?.value;
  bench.world.fails.write = new StaleWriteError("configmaps: another version");
  await bench.run(1);
  expect(bench.calls.filter((call) => call === "save").length).toBeGreaterThan(1);
  expect(failed()).toBe(1);
  delete bench.world.fails.write;
  await bench.run(3);
  expect(bench.written).toHaveLength(1);
  expect(bench.reasons().filter((reason) => reason === "Applied")).toHaveLength(1);
});

test("a conflict over the status loses nothing that was seen since the last saving", async () => {
  const bench = createFleetBench();
  bench.world.profile = { spec: { mode: "Recommend" }, metadata: {} };
  await bench.run(75);
  const saved = bench.memory().slices.length;
  bench.world.fails.save = new StaleWriteError("performanceprofiles: another version");
  bench.service.fault = "timeout";
  await bench.run(1);
  delete bench.world.fails.save;
  await bench.run(1);
  expect(bench.condition("MetricsAvailable")).toBe("False MetricsTimeout");
  expect(bench.memory().slices.length).toBeGreaterThan(saved + 3);
});

test("a memory that another process has saved since is the one to go on from", async () => {
  const bench = createFleetBench();
  await bench.run(5);
  const other = { ...bench.memory(), acknowledged: "by the other one" };
  bench.world.fails.save = new StaleWriteError("performanceprofiles: another version");
  bench.service.fault = "timeout";
  await bench.run(1);
  delete bench.world.fails.save;
  bench.storeMemory(other);
  await bench.run(1);
  expect(bench.memory().acknowledged).toBe("by the other one");
});
