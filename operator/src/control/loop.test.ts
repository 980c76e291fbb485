import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createTiming } from "@mestore/laws/timing";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createManualClock } from "./clock.ts";
import { createLoop } from "./loop.ts";
import type { ProfileState } from "./ports.ts";

/** A loop around a reconciler that fails as told: only the loop itself is looked at here. */
function createBench() {
  const clock = createManualClock(1_800_000_000);
  const registry = createRegistry();
  const log: Record<string, unknown>[] = [];
  const passes: { atSeconds: number; key: string }[] = [];
  const forgotten: string[] = [];
  let flushes = 0;
  const world = {
    keys: ["shop/a"],
    fails: (_key: string): boolean => false,
    listFails: false,
  };
  const loop = createLoop({
    profiles: {
      async list() {
        if (world.listFails) throw new Error("ENOENT: no such directory");
        return world.keys.map((key): ProfileState => ({
          key,
          profile: null,
          faults: [] as const as never,
        }));
      },
    },
    reconciler: {
      resolve: (state) => Promise.resolve(state),
      async reconcile({ key }) {
        passes.push({ atSeconds: clock.nowSeconds(), key });
        if (world.fails(key)) throw new Error("EIO", { cause: new Error("the disk") });
        return "ok";
      },
      async forget(key) {
        forgotten.push(key);
      },
      async flush() {
        flushes += 1;
      },
    },
    targetOf: () => "target",
    clock,
    timing: createTiming(),
    registry,
    logger: createLogger({
      name: "operator",
      level: "info",
      write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    }),
  });
  const count = (outcome: string) =>
    registry.collect().get(operatorMetrics.reconciles.name)?.get(`outcome="${outcome}"`)?.value;
  return { clock, log, passes, forgotten, world, loop, count, flushes: () => flushes };
}

test("an exception in one pass is logged and counted, and the other profiles go on", async () => {
  const { loop, world, passes, count, log } = createBench();
  world.keys = ["shop/a", "shop/b"];
  world.fails = (key) => key === "shop/a";
  expect(await loop.pass()).toBeFalse();
  expect(passes.map(({ key }) => key)).toEqual(["shop/a", "shop/b"]);
  expect([count("failed"), count("ok")]).toEqual([1, 1]);
  expect(log).toMatchObject([
    { level: "error", profile: "shop/a", err: { message: "EIO", cause: { message: "the disk" } } },
  ]);
});

test("profiles that cannot be listed are a failed pass, not the end, and none is forgotten", async () => {
  const { loop, world, forgotten, count } = createBench();
  await loop.pass();
  world.listFails = true;
  expect(await loop.pass()).toBeFalse();
  world.listFails = false;
  expect(await loop.pass()).toBeTrue();
  expect(count("failed")).toBe(1);
  expect(forgotten).toEqual([]);
});

test("a profile that is gone is forgotten", async () => {
  const { loop, world, forgotten } = createBench();
  await loop.pass();
  world.keys = [];
  await loop.pass();
  expect(forgotten).toEqual(["shop/a"]);
});

test("one pass a scrape interval; failing ones back off up to a minute, and the end saves", async () => {
  const { loop, clock, passes, world, flushes } = createBench();
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const next = async (seconds: number) => {
    await waitFor(() => clock.sleeping() === 1);
    const before = passes.length;
    clock.advance(seconds - 0.5);
    expect(passes).toHaveLength(before);
    clock.advance(0.5);
    await waitFor(() => passes.length === before + 1);
  };
  await next(15);
  await next(15);
  world.fails = () => true;
  await next(15);
  await next(30);
  await next(60);
  await next(60);
  world.fails = () => false;
  await next(60);
  await next(15);
  await waitFor(() => clock.sleeping() === 1);
  stop.abort();
  await running;
  expect(flushes()).toBe(1);
});
