import { describe, expect, test } from "bun:test";
import { createFleetBench, runUntilVerifying } from "../../test/fleet-bench.ts";
import { profileKey } from "../../test/loop-bench.ts";
import { NotPermittedError } from "./ports.ts";
import { restoreSeconds } from "./restore.ts";

const ttls = (bench: ReturnType<typeof createFleetBench>) =>
  bench.written.map(({ ttlSeconds }) => ttlSeconds["product"]);

describe("the finalizer", () => {
  test("comes before the first write, together with the values that were found", async () => {
    const bench = createFleetBench();
    await bench.run(1);
    expect(bench.calls).toEqual(["hold", "save", "write"]);
    expect(bench.place.adopted).toEqual({ product: 3600 });
  });

  test("stays with the values that were found first, whatever is written later", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    expect(bench.place.adopted).toEqual({ product: 3600 });
    expect(bench.calls.filter((call) => call === "hold")).toHaveLength(1);
  });

  test("finds the values in its memory where somebody has removed the document and the note of them", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    const before = bench.written.length;
    Object.assign(bench.place, { document: null, adopted: null });
    await bench.runUntil(() => bench.written.length > before, 300);
    expect(bench.place.adopted).toEqual({ product: 3600 });
  });

  test("does not come where nothing is written, and such a profile is gone at once", async () => {
    for (const profile of [
      { spec: { mode: "Recommend" }, metadata: {} },
      { spec: {}, metadata: { annotations: { "mestore.dev/paused": "true" } } },
    ]) {
      const bench = createFleetBench();
      bench.world.profile = profile;
      await bench.run(60);
      expect(bench.finalizers.size).toBe(0);
      bench.remove();
      await bench.run(1);
      expect(bench.written).toEqual([]);
      expect(bench.calls.filter((call) => call !== "save")).toEqual([]);
    }
  });
});

describe("a deletion", () => {
  test("puts back what was found in one document, waits until the pods run it, and lets go", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    const before = bench.written.length;
    bench.world.deaf.add("mestore-a");
    bench.remove();
    await bench.run(2);
    expect(ttls(bench).slice(before)).toEqual([3600]);
    expect(bench.written.at(-1)?.reason).toStartWith("Restoring: ");
    expect(bench.condition("Progressing")).toBe("True Restoring");
    expect(bench.message("Progressing")).toContain("is not run yet by 1 of 3 pods: mestore-a");
    expect(bench.finalizers.size).toBe(1);
    bench.world.deaf.clear();
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
    await bench.run(1);
    expect(bench.written).toHaveLength(before + 1);
    expect(bench.reasons().filter((reason) => reason === "Restored")).toHaveLength(1);
  });

  test("in the middle of a change ends the change, and no roll-back follows", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    bench.world.deaf = new Set(bench.world.pods);
    bench.remove();
    await bench.run(1);
    expect(bench.status().inFlight).toBeUndefined();
    expect(bench.status().decisions.map(({ verdict }) => verdict)).toContain("Withdrawn");
    bench.world.restarts = 3;
    await bench.run(2);
    expect(ttls(bench).at(-1)).toBe(3600);
  });

  test("is given up after the time of a slow kubelet, with an event that names who lags", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    bench.world.deaf.add("mestore-c");
    bench.remove();
    // Real seconds: the bench's scale divides the periods of the loop and makes no kubelet faster.
    await bench.run(restoreSeconds);
    expect(bench.finalizers.size).toBe(1);
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
    const given = bench.events.filter(({ reason }) => reason === "RestoreGivenUp");
    expect(given).toHaveLength(1);
    expect(given[0]).toMatchObject({ type: "Warning" });
    expect(given[0]?.message).toContain("is not run by 1 of 3 pods: mestore-c");
  });

  test("that is older than the operator gives the pods their whole time all the same", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    bench.world.deaf = new Set(bench.world.pods);
    bench.remove();
    bench.clock.advance(600);
    bench.crash();
    await bench.run(restoreSeconds);
    expect(bench.finalizers.size).toBe(1);
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
    expect(ttls(bench).at(-1)).toBe(3600);
  });

  test("goes on after a crash, also one between saving and writing", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    const before = bench.written.length;
    bench.remove();
    bench.world.fails.write = new Error("ECONNRESET");
    await bench.run(1);
    bench.crash();
    delete bench.world.fails.write;
    await bench.run(1);
    expect(ttls(bench).slice(before)).toEqual([3600]);
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
    expect(bench.written).toHaveLength(before + 1);
  });

  test("of a profile that wrote before it became Recommend puts back all the same", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    bench.world.profile = { spec: { mode: "Recommend" }, metadata: {} };
    await bench.run(1);
    bench.remove();
    await bench.run(2);
    expect(ttls(bench).at(-1)).toBe(3600);
    expect(bench.finalizers.size).toBe(0);
  });

  test("of a paused profile writes nothing: it is let go with the values in force", async () => {
    const bench = createFleetBench();
    const { ttlSeconds } = await runUntilVerifying(bench);
    bench.annotate({ "mestore.dev/paused": "true" });
    bench.remove();
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
    expect(bench.place.document?.ttlSeconds).toEqual(ttlSeconds);
  });

  test("lets go at once where the target is gone, or the document with its namespace", async () => {
    const gone = createFleetBench();
    await runUntilVerifying(gone);
    gone.world.targetFault = { ok: false, reason: "TargetNotFound", detail: "not found" };
    gone.remove();
    await gone.run(1);
    expect(gone.finalizers.size).toBe(0);

    const cleared = createFleetBench();
    await runUntilVerifying(cleared);
    cleared.place.document = null;
    cleared.remove();
    await cleared.run(1);
    expect(cleared.finalizers.size).toBe(0);
  });

  test("that may not write back is given up as well", async () => {
    const bench = createFleetBench();
    await runUntilVerifying(bench);
    bench.world.fails.write = new NotPermittedError(
      'patch configmaps "storefront-tuning": forbidden',
    );
    bench.remove();
    await bench.run(1);
    expect(bench.condition("Ready")).toBe("False NotPermitted");
    await bench.run(restoreSeconds);
    expect(bench.finalizers.size).toBe(0);
    expect(bench.reasons()).toContain("RestoreGivenUp");
  });

  test("of a text that was never accepted is let go", async () => {
    const bench = createFleetBench();
    bench.world.profile = { spec: { mode: "Off" }, metadata: {} };
    bench.finalizers.add(profileKey);
    bench.remove();
    await bench.run(1);
    expect(bench.finalizers.size).toBe(0);
  });
});
