import { describe, expect, test } from "bun:test";
import { createLagMeter, observeEventLoop, observeProcess } from "./process-metrics.ts";
import { createRegistry, type Registry } from "./registry.ts";

function valueOf(registry: Registry, name: string): number {
  const [series] = registry.collect().get(name)?.values() ?? [];
  return series?.value ?? Number.NaN;
}

describe("process", () => {
  test("CPU seconds grow with work, memory and start time are those of this process", () => {
    const registry = createRegistry();
    observeProcess(registry, () => 1_800_000_000_000);
    const before = valueOf(registry, "process_cpu_seconds_total");
    const end = process.cpuUsage().user + 20_000;
    while (process.cpuUsage().user < end);
    const worked = valueOf(registry, "process_cpu_seconds_total") - before;
    expect(worked).toBeGreaterThanOrEqual(0.02);
    expect(worked).toBeLessThan(5);
    expect(valueOf(registry, "process_resident_memory_bytes")).toBeGreaterThan(10e6);
    const age = 1_800_000_000 - valueOf(registry, "process_start_time_seconds");
    expect(Math.abs(age - process.uptime())).toBeLessThan(5);
  });

  test("the time of reading is that of each collection", () => {
    const registry = createRegistry();
    let nowMs = 1000;
    observeProcess(registry, () => nowMs);
    expect(valueOf(registry, "mestore_metrics_collected_timestamp_seconds")).toBe(1);
    nowMs = 6500;
    expect(valueOf(registry, "mestore_metrics_collected_timestamp_seconds")).toBe(6.5);
  });
});

describe("event loop lag", () => {
  test("a tick in time is no lag; the largest of the ticks kept is shown", () => {
    const meter = createLagMeter(100, 3, 0);
    meter.tick(100);
    expect(meter.largestMs(150)).toBe(0);
    meter.tick(240);
    meter.tick(340);
    expect(meter.largestMs(400)).toBe(40);
    meter.tick(440);
    meter.tick(540);
    expect(meter.largestMs(600)).toBe(0);
  });

  test("a tick that is overdue counts before it fires", () => {
    expect(createLagMeter(100, 10, 0).largestMs(350)).toBe(250);
  });

  test("a clock that stands still or a timer that fires early is no negative lag", () => {
    const meter = createLagMeter(100, 10, 0);
    meter.tick(90);
    expect(meter.largestMs(90)).toBe(0);
  });

  test("a loop that was blocked is seen by the collection that follows", () => {
    const registry = createRegistry();
    const loop = observeEventLoop(registry, () => performance.now());
    const end = performance.now() + 200;
    while (performance.now() < end);
    expect(valueOf(registry, "mestore_event_loop_lag_seconds")).toBeGreaterThanOrEqual(0.09);
    loop.stop();
  });
});
