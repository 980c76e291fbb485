import { expect, test } from "bun:test";
import { type MetricDefinition, serviceMetrics } from "@mestore/contract/metrics";
import { createRegistry } from "@mestore/telemetry/registry";
import { createMemoryStore } from "./memory-store.ts";
import type { StoreFailure, StoreInfo } from "./store.ts";
import { watchStoreFigures } from "./store-figures.ts";

/** A store that is there, and whose figures are what the test says. */
function watchWith(first: StoreInfo | StoreFailure) {
  const told = { info: first };
  const registry = createRegistry();
  const store = { ...createMemoryStore(() => 0), info: async () => told.info };
  const figures = watchStoreFigures(store, registry);
  const read = ({ name }: MetricDefinition) => registry.collect().get(name)?.get("")?.value;
  return { told, figures, read };
}

const info: StoreInfo = {
  usedMemoryBytes: 1000,
  maxMemoryBytes: 5000,
  evicts: true,
  evictedKeys: 70_000,
};

test("until the layer told, its memory is absent, not zero", async () => {
  const { told, figures, read } = watchWith("timeout");
  await figures.read();
  expect(read(serviceMetrics.storeMemoryUsed)).toBeUndefined();
  expect(read(serviceMetrics.storeMemoryLimit)).toBeUndefined();
  told.info = info;
  await figures.read();
  expect(read(serviceMetrics.storeMemoryUsed)).toBe(1000);
  expect(read(serviceMetrics.storeMemoryLimit)).toBe(5000);
  expect(read(serviceMetrics.storeEvictionPolicy)).toBe(1);
  expect(read(serviceMetrics.storeUp)).toBe(1);
  figures.close();
});

test("evictions count from the first reading, and go on through a restart of the layer", async () => {
  const { told, figures, read } = watchWith(info);
  await figures.read();
  expect(read(serviceMetrics.storeEvictions)).toBe(0);
  told.info = { ...info, evictedKeys: 70_010 };
  await figures.read();
  expect(read(serviceMetrics.storeEvictions)).toBe(10);
  told.info = "unavailable";
  await figures.read();
  told.info = { ...info, evictedKeys: 4 };
  await figures.read();
  expect(read(serviceMetrics.storeEvictions)).toBe(14);
  figures.close();
});
