import { expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { createTiming } from "@mestore/laws/timing";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createManualClock } from "./clock.ts";
import { createLoop } from "./loop.ts";
import { LeaseLostError, type ProfileState, StaleWriteError } from "./ports.ts";

/** A loop around a reconciler that fails as told: only the loop itself is looked at here. */
function createBench() {
  const clock = createManualClock(1_800_000_000);
  const registry = createRegistry();
  const log: Record<string, unknown>[] = [];
  const passes: { atSeconds: number; key: string }[] = [];
  const forgotten: string[] = [];
  let flushes = 0;
  let readers = 0;
  const discarded: string[] = [];
  const world = {
    keys: ["shop/a"],
    fails: (_key: string): boolean => false,
    stale: (_key: string): boolean => false,
    listFails: false,
    lists: 0,
    /** What a pass waits for. */
    gate: (_key: string): Promise<void> => Promise.resolve(),
    tell: (_key: string): void => undefined,
  };
  const loop = createLoop({
    profiles: {
      async list() {
        world.lists += 1;
        if (world.listFails) throw new Error("ENOENT: no such directory");
        return world.keys.map((key): ProfileState => ({
          key,
          profile: null,
          faults: [] as const as never,
        }));
      },
      onChange(listener) {
        world.tell = listener;
      },
    },
    reconciler: {
      resolve: (state) => Promise.resolve(state),
      async reconcile({ key }) {
        passes.push({ atSeconds: clock.nowSeconds(), key });
        await world.gate(key);
        if (world.stale(key)) throw new StaleWriteError("another version");
        if (world.fails(key)) throw new Error("EIO", { cause: new Error("the disk") });
        return "ok";
      },
      discard: (key) => void discarded.push(key),
      async forget(key) {
        forgotten.push(key);
      },
      async flush() {
        flushes += 1;
      },
      end: () => undefined,
    },
    targets: { identify: () => "target" },
    clock,
    timing: createTiming(),
    registry: {
      ...registry,
      beforeCollect(read) {
        const end = registry.beforeCollect(read);
        readers += 1;
        return () => {
          readers -= 1;
          end();
        };
      },
    },
    logger: createLogger({
      name: "operator",
      level: "info",
      write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    }),
  });
  const count = (outcome: string) =>
    registry.collect().get(operatorMetrics.reconciles.name)?.get(`outcome="${outcome}"`)?.value;
  return {
    clock,
    log,
    passes,
    forgotten,
    discarded,
    world,
    loop,
    count,
    registry,
    flushes: () => flushes,
    readers: () => readers,
  };
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

test("a profile that changed is looked at at once, with a fresh list, and then an interval later", async () => {
  const { loop, clock, passes, world } = createBench();
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await waitFor(() => passes.length === 1 && clock.sleeping() === 1);
  clock.advance(5);
  await waitFor(() => clock.sleeping() === 1);
  const lists = world.lists;
  world.tell("shop/a");
  await waitFor(() => passes.length === 2 && clock.sleeping() === 1);
  expect(passes.map(({ atSeconds }) => atSeconds - 1_800_000_000)).toEqual([0, 5]);
  expect(world.lists).toBe(lists + 1);
  clock.advance(15);
  await waitFor(() => passes.length === 3);
  stop.abort();
  await running;
});

test("four workers: never more passes at once, never two of one key, and one that hangs holds up nobody", async () => {
  const { loop, clock, passes, world, registry } = createBench();
  world.keys = ["a", "b", "c", "d", "e", "f"];
  const gates = new Map<string, () => void>();
  world.gate = (key) => new Promise((resolve) => gates.set(key, resolve));
  const depth = () =>
    registry.collect().get(operatorMetrics.queueDepth.name)?.get("")?.value ?? Number.NaN;
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await waitFor(() => gates.size === 4);
  expect(depth()).toBe(2);
  gates.get("b")?.();
  await waitFor(() => gates.size === 5);
  for (const key of ["c", "d", "e"]) gates.get(key)?.();
  await waitFor(() => gates.size === 6);
  gates.get("f")?.();
  await waitFor(() => depth() === 0);
  // "a" still hangs: told of changes it is not started anew, while the others go on.
  world.gate = () => Promise.resolve();
  world.tell("a");
  await waitFor(() => clock.sleeping() === 1);
  clock.advance(15);
  await waitFor(() => passes.length === 11);
  expect(passes.filter(({ key }) => key === "a")).toHaveLength(1);
  gates.get("a")?.();
  await waitFor(() => passes.filter(({ key }) => key === "a").length === 2);
  stop.abort();
  await running;
});

test("somebody else wrote: the session is dropped, the list is read anew, and the pass is repeated twice at most", async () => {
  const { loop, passes, world, discarded, count } = createBench();
  let conflicts = 1;
  world.stale = () => conflicts-- > 0;
  expect(await loop.pass()).toBeTrue();
  expect([passes.length, discarded.length, world.lists]).toEqual([2, 1, 2]);
  conflicts = Infinity;
  expect(await loop.pass()).toBeFalse();
  expect(passes).toHaveLength(5);
  expect([count("ok"), count("failed")]).toEqual([1, 1]);
});

test("the end waits for running passes and saves; with the lease lost it saves nothing", async () => {
  for (const reason of [undefined, new LeaseLostError("another process leads")]) {
    const { loop, passes, world, flushes, clock } = createBench();
    let open = (): void => undefined;
    world.gate = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    const stop = new AbortController();
    let hasEnded = false;
    const running = loop.run(stop.signal).finally(() => {
      hasEnded = true;
    });
    await waitFor(() => passes.length === 1 && clock.sleeping() === 1);
    stop.abort(reason);
    await waitFor(() => clock.sleeping() === 0);
    expect(hasEnded).toBeFalse();
    open();
    await running;
    expect(flushes()).toBe(reason === undefined ? 1 : 0);
  }
});

test("a profile that goes and comes back while its pass runs never has two passes at once", async () => {
  const { loop, passes, world, forgotten, clock } = createBench();
  let open = (): void => undefined;
  world.gate = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await waitFor(() => passes.length === 1);
  for (const keys of [[], ["shop/a"]]) {
    const lists = world.lists;
    world.keys = keys;
    world.tell("shop/a");
    await waitFor(() => world.lists > lists && clock.sleeping() === 1);
  }
  clock.advance(30);
  await waitFor(() => clock.sleeping() === 1);
  expect(passes).toHaveLength(1);
  world.gate = () => Promise.resolve();
  open();
  await waitFor(() => passes.length === 2);
  expect(forgotten).toEqual([]);
  stop.abort();
  await running;
});

test("a loop that has ended leaves nothing behind with the registry", async () => {
  const { loop, readers } = createBench();
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  expect(readers()).toBe(1);
  stop.abort();
  await running;
  expect(readers()).toBe(0);
});

test("a profile that goes while its pass runs is forgotten when that has ended", async () => {
  const { loop, passes, world, forgotten, clock } = createBench();
  let open = (): void => undefined;
  world.gate = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await waitFor(() => passes.length === 1);
  const lists = world.lists;
  world.keys = [];
  world.tell("shop/a");
  await waitFor(() => world.lists > lists && clock.sleeping() === 1);
  expect(forgotten).toEqual([]);
  open();
  await waitFor(() => forgotten.length === 1);
  stop.abort();
  await running;
});
