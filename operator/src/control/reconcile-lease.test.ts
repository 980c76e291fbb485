import { expect, test } from "bun:test";
import { createFleetBench } from "../../test/fleet-bench.ts";
import { LeaseLostError } from "./ports.ts";

test("once the lease is lost a pass that runs writes nothing more, and nothing is saved at the end", async () => {
  for (const moment of ["hold", "save"] as const) {
    const bench = createFleetBench();
    const lost = new AbortController();
    bench.onCall((call) => {
      if (call === moment) lost.abort(new LeaseLostError("another process leads"));
    });
    await bench.runLoop(lost.signal);
    expect(bench.calls).toEqual(moment === "hold" ? ["hold"] : ["hold", "save"]);
    expect(bench.reasons()).not.toContain("Applied");
  }
});
