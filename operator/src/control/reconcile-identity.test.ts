import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createFleetBench, runUntilVerifying } from "../../test/fleet-bench.ts";

test("a profile that is deleted and created anew under the same key begins anew, and its tuning stays", async () => {
  for (const restarts of [false, true]) {
    const bench = createFleetBench();
    const document = await runUntilVerifying(bench);
    const since = bench.clock.nowSeconds();
    bench.world.uid = "second";
    if (restarts) bench.crash();
    // Its status went with the other one.
    const calls = bench.calls.length;
    bench.dropStatus();
    await bench.run(1);
    expect(bench.calls.slice(calls)).toEqual(["save"]);
    expect(bench.status().inFlight).toBeUndefined();
    expect(bench.status().decisions).toEqual([]);
    expect(bench.memory()).toMatchObject({ uid: "second", change: null, lapsed: [] });
    expect(bench.memory().slices.every(({ atSeconds }) => atSeconds >= since)).toBeTrue();
    expect(bench.place.document).toEqual(document);
    expect(bench.condition("Conflict")).toBe("False NoConflict");
  }
});

test("a pause that arrives in the middle of a pass: nothing is written after it, whatever was decided", async () => {
  for (const moment of ["read", "hold", "save"] as const) {
    const bench = createFleetBench();
    let isOn = true;
    const pause = () => {
      if (isOn) bench.annotate({ "mestore.dev/paused": "true" });
      isOn = false;
    };
    if (moment === "read") bench.world.gate = async () => pause();
    bench.onCall((call) => {
      if (call === moment) pause();
    });
    await bench.run(30);
    expect(bench.calls).not.toContain("write");
    expect(bench.condition("Progressing")).toBe("False Paused");
  }
});

test("a spec that changes in the middle of a pass is what is decided on", async () => {
  const bench = createFleetBench();
  let isOn = true;
  bench.world.gate = async () => {
    if (isOn) bench.world.profile = { spec: { mode: "Recommend" }, metadata: {} };
    isOn = false;
  };
  await bench.run(5);
  expect(bench.calls).not.toContain("write");
  expect(bench.log).toContainEqual(
    expect.objectContaining({ msg: "somebody else wrote; looking again" }),
  );
});

test("a stop does not wait for what a pass is reading, and tells of no failure", async () => {
  const bench = createFleetBench();
  let reads = 0;
  bench.world.gate = () => {
    reads += 1;
    return new Promise(() => undefined);
  };
  const stop = new AbortController();
  const running = bench.runLoop(stop.signal);
  await waitFor(() => reads === 1);
  stop.abort();
  await running;
  expect(bench.log.filter(({ level }) => level === "error")).toEqual([]);
  const failed = bench.registry.collect().get(operatorMetrics.reconciles.name);
  expect(failed?.get('outcome="failed"')?.value).toBe(0);
});

test("what was not trusted in one term of leadership is not shown in the next", async () => {
  const bench = createFleetBench();
  bench.service.fault = "unreachable";
  const available = () =>
    bench.registry.collect().get(operatorMetrics.metricsAvailable.name)?.get("")?.value;
  const stop = new AbortController();
  const running = bench.runLoop(stop.signal);
  await waitFor(() => available() === 0);
  stop.abort();
  await running;
  expect(available()).toBe(1);
});

test("a refused text is what the status is about: observedGeneration is that of what was looked at", async () => {
  const bench = createFleetBench();
  bench.world.profile = { spec: {}, metadata: { generation: 3 } };
  await bench.run(1);
  expect(bench.status().observedGeneration).toBe(3);
  bench.world.profile = { spec: { mode: "Off" }, metadata: { generation: 4 } };
  await bench.run(1);
  expect(bench.condition("Ready")).toBe("False ProfileInvalid");
  expect(bench.status().observedGeneration).toBe(4);
  const ready = bench.status().conditions.find(({ type }) => type === "Ready");
  expect(ready?.observedGeneration).toBe(4);
});
