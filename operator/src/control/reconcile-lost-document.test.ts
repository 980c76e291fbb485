import { describe, expect, test } from "bun:test";
import { type FleetBench, createFleetBench } from "../../test/fleet-bench.ts";
import { profileText, withLoop } from "../../test/loop-bench.ts";
import { rm } from "node:fs/promises";

/** Goes on until the law has nothing to do. */
async function settle(bench: FleetBench) {
  await bench.runUntil(() => bench.written.length > 1 && bench.service.hitRate() >= 0.87, 600);
  await bench.runUntil(() => bench.condition("Progressing") === "False Settled", 300);
  const document = bench.written.at(-1);
  if (document === undefined) throw new Error("nothing was written");
  return document;
}

const lose = (bench: FleetBench) => Object.assign(bench.place, { document: null, adopted: null });

test("a document that is gone is written again in the next pass, with the values that are in force", async () => {
  const bench = createFleetBench();
  const document = await settle(bench);
  const writes = bench.written.length;
  const { guards, ttl } = bench.memory();
  bench.world.deaf.add("mestore-b");
  lose(bench);
  await bench.run(1);
  expect(bench.place.document).toMatchObject({
    revision: document.revision + 1,
    ttlSeconds: document.ttlSeconds,
  });
  expect(bench.place.adopted).toEqual({ product: 3600 });
  expect(bench.place.document?.reason).toStartWith("DocumentLost: ");
  expect(bench.status().decisions[0]).toMatchObject({ reason: "DocumentLost", verdict: "Applied" });
  expect(bench.status().inFlight).toMatchObject({ origin: "Restored" });
  expect(bench.memory().guards).toEqual(guards);
  expect(bench.memory().ttl).toEqual(ttl);
  const told = bench.events.filter(({ reason }) => reason === "DocumentLost");
  expect(told).toMatchObject([{ type: "Warning" }]);

  // It waits for its pods for as long as that takes, and is over then.
  await bench.run(2 * bench.timing.adoptionSeconds);
  expect(bench.condition("Progressing")).toBe("True AwaitingAdoption");
  bench.world.deaf.clear();
  await bench.run(1);
  expect(bench.condition("Progressing")).toBe("False Settled");
  await bench.run(60);
  expect(bench.written).toHaveLength(writes + 1);
  expect(bench.reasons()).not.toContain("RolledBack");
});

test("what is written again taints nothing, and the law moves on as if it had not been", async () => {
  const moveAfter = async (isLost: boolean) => {
    const bench = createFleetBench();
    await bench.runUntil(() => bench.written.length === 1, 60);
    await bench.run(2);
    const { changesAtSeconds } = bench.memory();
    if (isLost) lose(bench);
    await bench.run(2);
    expect(bench.memory().changesAtSeconds).toEqual(changesAtSeconds);
    await bench.runUntil(() => bench.place.document?.ttlSeconds["product"] === 10, 200);
    return bench.clock.nowSeconds();
  };
  expect(await moveAfter(true)).toBe(await moveAfter(false));
});

test("pods that started without the document meanwhile do not keep it from being written again", async () => {
  const bench = createFleetBench();
  const document = await settle(bench);
  lose(bench);
  bench.world.pods.push("mestore-d");
  await bench.run(1);
  expect(bench.place.document).toMatchObject({
    revision: document.revision + 1,
    ttlSeconds: document.ttlSeconds,
  });
});

describe("nothing is written again", () => {
  test("while the profile is paused or the place somebody else's; then it is", async () => {
    const bench = createFleetBench();
    const { revision } = await settle(bench);
    const writes = bench.written.length;
    bench.annotate({ "mestore.dev/paused": "true" });
    lose(bench);
    await bench.run(20);
    bench.world.foreignOwner = "kustomize-controller";
    bench.annotate({});
    await bench.run(20);
    expect(bench.written).toHaveLength(writes);
    bench.world.foreignOwner = null;
    await bench.run(1);
    expect(bench.place.document?.revision).toBe(revision + 1);
  });

  test.each([
    ["Recommend", { mode: "Recommend" }],
    ["Disabled", { cache: { mode: "Disabled", classes: [{ name: "product" }] } }],
    ["of a class that is not listed any more", { cache: { mode: "Auto", classes: [] } }],
  ])("where the mode is that: %s", async (_, spec) => {
    const bench = createFleetBench();
    await settle(bench);
    const writes = bench.written.length;
    bench.world.profile = { spec, metadata: {} };
    lose(bench);
    await bench.run(60);
    expect(bench.written).toHaveLength(writes);
  });

  test("while there are no metrics to see what runs", async () => {
    const bench = createFleetBench();
    await settle(bench);
    const writes = bench.written.length;
    bench.service.fault = "timeout";
    lose(bench);
    await bench.run(30);
    expect(bench.written).toHaveLength(writes);
    bench.service.fault = null;
    await bench.run(2);
    expect(bench.written).toHaveLength(writes + 1);
  });

  test("of a profile that is being deleted", async () => {
    const bench = createFleetBench();
    await settle(bench);
    const writes = bench.written.length;
    lose(bench);
    bench.remove();
    await bench.run(2);
    expect(bench.written).toHaveLength(writes);
  });
});

test("in a freeze window it is: no value moves", async () => {
  const bench = createFleetBench();
  const { revision } = await settle(bench);
  const always = { schedule: "* * * * *", durationMinutes: 60, timeZone: "Etc/UTC" };
  bench.world.profile = { spec: { guardrails: { freezeWindows: [always] } }, metadata: {} };
  lose(bench);
  await bench.run(1);
  expect(bench.place.document?.revision).toBe(revision + 1);
});

test("of a document that somebody else wrote, and pods obeyed, the values that they run stay", async () => {
  const bench = createFleetBench();
  const own = await settle(bench);
  bench.world.foreignOwner = "kubectl-edit";
  bench.place.document = { ...own, revision: 77, ttlSeconds: { product: 90 } };
  await bench.run(3);
  bench.world.foreignOwner = null;
  lose(bench);
  await bench.run(1);
  expect(bench.place.document).toMatchObject({ revision: 78, ttlSeconds: { product: 90 } });
});

test("a loss during a verification leaves the change its verdict, and is made good after it", async () => {
  const bench = createFleetBench();
  await bench.runUntil(() => bench.condition("Progressing") === "True Verifying", 300);
  const change = bench.written.at(-1);
  lose(bench);
  await bench.runUntil(() => bench.place.document !== null, 120);
  expect(bench.reasons()).toContain("Verified");
  expect(bench.place.document).toMatchObject({
    revision: (change?.revision ?? 0) + 1,
    ttlSeconds: change?.ttlSeconds,
  });
});

test("a write that fails is made good, also by the next process, and is one decision", async () => {
  const bench = createFleetBench();
  const { revision, ttlSeconds } = await settle(bench);
  bench.world.fails.write = new Error("ECONNRESET");
  lose(bench);
  await bench.run(3);
  bench.crash();
  await bench.run(1);
  delete bench.world.fails.write;
  // A pass that failed is tried again a while later.
  await bench.runUntil(() => bench.place.document !== null, 60);
  expect(bench.place.document).toMatchObject({ revision: revision + 1, ttlSeconds });
  await bench.run(2);
  const lost = bench.status().decisions.filter(({ reason }) => reason === "DocumentLost");
  expect(lost).toHaveLength(1);
});

describe.each([
  ["damaged", (path: string) => Bun.write(path, '{ "schemaVersion": 1')],
  ["removed", (path: string) => rm(path)],
])("a tuning file that is %s", (_, damage) => {
  test("is written again, with the TTL of a class that may not be tuned any more", () =>
    withLoop(async (bench) => {
      const classes = [
        { name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 },
      ];
      await bench.runUntil(() => bench.written.length === 1, 60);
      await bench.run(2);
      const own = bench.written.at(-1);
      if (own === undefined) throw new Error("nothing was written");
      const twoClasses = { ...own, revision: 2, ttlSeconds: { product: 5, search: 30 } };
      await Bun.write(bench.paths.tuning, JSON.stringify(twoClasses));
      await bench.runUntil(() => bench.written.length === 2, 200);
      await bench.runUntil(
        async () => (await bench.condition("Progressing")) === "False Settled",
        200,
      );
      await bench.setProfile(
        profileText({
          cache: { mode: "Auto", classes: [...classes, { name: "search", mode: "Recommend" }] },
        }),
      );
      const last = bench.written.at(-1);
      await damage(bench.paths.tuning);
      await bench.run(1);
      expect(bench.written.at(-1)).toMatchObject({
        revision: (last?.revision ?? 0) + 1,
        ttlSeconds: { ...last?.ttlSeconds, search: 30 },
      });
      expect(bench.decisions.at(-1)).toMatchObject({
        knob: "ttl/product",
        reason: "DocumentLost",
        verdict: "Applied",
      });
      expect(
        bench.decisions.some(
          ({ knob, reason }) => knob === "ttl/search" && reason === "DocumentLost",
        ),
      ).toBeFalse();
      await bench.run(2);
      expect(await bench.condition("Progressing")).not.toBe("True AwaitingAdoption");
    }));
});
