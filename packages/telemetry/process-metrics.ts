import { serviceMetrics } from "@mestore/contract/metrics";
import type { Registry } from "./registry.ts";

/**
 * CPU time, resident memory, start time and the time of reading, taken at every collection.
 * @param now wall clock in milliseconds
 */
export function observeProcess(registry: Registry, now: () => number): void {
  const cpu = registry.cell(serviceMetrics.processCpu, {});
  const memory = registry.cell(serviceMetrics.processMemory, {});
  const collectedAt = registry.cell(serviceMetrics.collectedAt, {});
  registry.cell(serviceMetrics.processStart, {}).set(now() / 1000 - process.uptime());
  registry.beforeCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1e6);
    memory.set(process.memoryUsage.rss());
    collectedAt.set(now() / 1000);
  });
}

const tickMs = 100;
/** The metric is the largest lag of the last second. */
const ticksKept = 1000 / tickMs;

/**
 * Measures how late a timer fires, ten times a second. The timer keeps no process alive.
 * @param monotonic milliseconds that never go back
 */
export function observeEventLoop(registry: Registry, monotonic: () => number): { stop(): void } {
  const lag = registry.cell(serviceMetrics.eventLoopLag, {});
  const meter = createLagMeter(tickMs, ticksKept, monotonic());
  const timer = setInterval(() => meter.tick(monotonic()), tickMs);
  timer.unref();
  registry.beforeCollect(() => lag.set(meter.largestMs(monotonic()) / 1000));
  return { stop: () => clearInterval(timer) };
}

export interface LagMeter {
  tick(nowMs: number): void;
  /** Of the last `kept` ticks; a tick that is overdue at `nowMs` counts with what it is late already. */
  largestMs(nowMs: number): number;
}

/** The arithmetic of `observeEventLoop`, for a timer that should tick every `periodMs`. */
export function createLagMeter(periodMs: number, kept: number, startMs: number): LagMeter {
  const lags = new Float64Array(kept);
  let ticks = 0;
  let lastMs = startMs;
  const lateness = (nowMs: number) => Math.max(0, nowMs - lastMs - periodMs);
  return {
    tick(nowMs) {
      lags[ticks++ % kept] = lateness(nowMs);
      lastMs = nowMs;
    },
    largestMs: (nowMs) => Math.max(lateness(nowMs), ...lags),
  };
}
