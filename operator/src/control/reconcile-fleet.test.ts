import { describe, expect, test } from "bun:test";
import { createFleetBench, runUntilVerifying } from "../../test/fleet-bench.ts";

describe("adoption by pods", () => {
  test("a change counts from when every ready pod runs it, and laggards are named until then", async () => {
    const bench = createFleetBench();
    await bench.runUntil(() => bench.place.document !== null, 60);
    await bench.run(2);
    bench.world.deaf.add("mestore-b");
    await bench.runUntil(() => bench.written.length === 2, 200);
    await bench.run(3);
    expect(bench.condition("Progressing")).toBe("True AwaitingAdoption");
    expect(bench.message("Progressing")).toBe(
      "Revision 2 (product 10 s) is not run yet by 1 of 3 pods: mestore-b.",
    );
    expect(bench.status().tuning).toMatchObject({ pods: 3, podsCurrent: 2 });
    bench.world.deaf.clear();
    await bench.run(1);
    expect(bench.condition("Progressing")).toBe("True Verifying");
    expect(bench.status().tuning).toMatchObject({ revision: 2, pods: 3, podsCurrent: 3 });
  });

  test("of many laggards five are named", async () => {
    const bench = createFleetBench();
    bench.world.pods = Array.from({ length: 9 }, (_, index) => `mestore-${index}`);
    await bench.runUntil(() => bench.place.document !== null, 60);
    await bench.run(2);
    bench.world.deaf = new Set(bench.world.pods.slice(1));
    await bench.runUntil(() => bench.condition("Progressing") === "True AwaitingAdoption", 200);
    await bench.run(2);
    expect(bench.message("Progressing")).toEndWith(
      "8 of 9 pods: mestore-1, mestore-2, mestore-3, mestore-4, mestore-5 and 3 more.",
    );
  });

  test("a ready pod that reports nothing has not taken it up; one that goes is not waited for", async () => {
    const bench = createFleetBench();
    await bench.runUntil(() => bench.place.document !== null, 60);
    await bench.run(2);
    bench.world.mute.add("mestore-c");
    await bench.run(4);
    expect(bench.written).toHaveLength(1);
    bench.world.pods = ["mestore-a", "mestore-b"];
    await runUntilVerifying(bench);
  });

  test("not taken up by one pod within three minutes: withdrawn, told once, nothing barred", async () => {
    const bench = createFleetBench();
    await bench.runUntil(() => bench.place.document !== null, 60);
    await bench.run(2);
    bench.world.deaf.add("mestore-b");
    await bench.runUntil(() => bench.written.length === 3, 300);
    expect(bench.written.map(({ ttlSeconds }) => ttlSeconds["product"])).toEqual([5, 10, 5]);
    expect(bench.status().decisions[0]?.reason).toBe("RevisionNotAdopted");
    await bench.run(5);
    expect(bench.reasons().filter((reason) => reason === "RevisionNotAdopted")).toHaveLength(1);
    bench.world.deaf.clear();
    await runUntilVerifying(bench);
  });
});

describe("behaviour 9: a roll-back does not wait for metrics", () => {
  test("containers that restart while the change is verified take it back at once", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.world.restarts = 1;
    bench.service.fault = "timeout";
    await bench.run(1);
    expect(bench.written.at(-1)).toMatchObject({
      revision: revision + 1,
      ttlSeconds: { product: 5 },
      reason: "PodsUnhealthy: Containers restarted once since the change.",
    });
    expect(bench.reasons().filter((reason) => reason === "RolledBack")).toHaveLength(1);
  });

  test("pods that stay unavailable do so too; a moment of it does not", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.world.unavailable = 1;
    await bench.run(1);
    bench.world.unavailable = 0;
    await bench.run(2);
    expect(bench.written.at(-1)?.revision).toBe(revision);
    bench.world.unavailable = 1;
    await bench.run(3);
    expect(bench.written.at(-1)?.reason).toBe(
      "PodsUnhealthy: 1 pods are unavailable, 0 were before the change, for 2 s.",
    );
  });

  test("pods that were unavailable before the change say nothing about it", async () => {
    const bench = createFleetBench();
    bench.world.unavailable = 1;
    bench.world.restarts = 7;
    const { revision } = await runUntilVerifying(bench);
    await bench.run(5);
    expect(bench.written.at(-1)?.revision).toBe(revision);
  });

  test("a change that waits for its adoption is taken back as well, and after a crash", async () => {
    const bench = createFleetBench();
    await bench.runUntil(() => bench.place.document !== null, 60);
    await bench.run(2);
    bench.world.deaf.add("mestore-b");
    await bench.runUntil(() => bench.written.length === 2, 200);
    bench.crash();
    bench.world.restarts = 2;
    await bench.run(1);
    expect(bench.written.at(-1)?.reason).toStartWith("PodsUnhealthy: Containers restarted 2 times");
  });

  test("at its deadline without metrics, and killed in between", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.service.fault = "unreachable";
    await bench.run(30);
    bench.crash();
    await bench.runUntil(() => bench.written.at(-1)?.revision === revision + 1, 150);
    expect(bench.written.at(-1)?.reason).toStartWith("VerificationImpossible");
  });
});

describe("memory that is lost while a change is on its way", () => {
  test("the status tells of the change: it is still rolled back for the health of the pods", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.loseMemory();
    bench.crash();
    await bench.run(1);
    expect(bench.condition("Progressing")).toBe("True Verifying");
    bench.world.restarts = 1;
    await bench.run(1);
    expect(bench.written.at(-1)).toMatchObject({
      revision: revision + 1,
      ttlSeconds: { product: 5 },
    });
    expect(bench.status().decisions[0]).toMatchObject({ reason: "PodsUnhealthy" });
  });

  test("without slices to compare with it is kept as Unverified in the end", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.loseMemory();
    bench.crash();
    await bench.runUntil(() => bench.status().decisions[0]?.verdict === "Unverified", 300);
    expect(bench.place.document?.revision).toBe(revision);
  });
});

describe("another release of the target", () => {
  test("is not blamed on the change: its pods may restart, its figures are no verdict", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.world.podHash = "r2";
    bench.world.inTransition = true;
    bench.world.restarts = 5;
    bench.world.unavailable = 2;
    await bench.run(10);
    bench.world.inTransition = false;
    bench.world.unavailable = 0;
    bench.service.slowShare = () => 0.3;
    await bench.run(30);
    expect(bench.written.at(-1)?.revision).toBe(revision);
    await bench.runUntil(() => bench.status().decisions[0]?.verdict === "Unverified", 200);
    expect(bench.log.find(({ verdict }) => verdict === "Unverified")?.["reason"]).toBe(
      "PodsReplaced",
    );
  });

  test("a rollout and a change of the number of pods taint from their start until after their end", async () => {
    const bench = createFleetBench();
    await bench.run(60);
    const moves = bench.written.length;
    bench.world.inTransition = true;
    await bench.run(60);
    // The change that was on its way ends; no law moves on what a rollout distorts.
    expect(bench.written.length).toBe(moves);
    bench.world.inTransition = false;
    await bench.run(bench.timing.taintSeconds - 2);
    expect(bench.written.length).toBe(moves);
    await bench.runUntil(() => bench.written.length > moves, 200);
  });
});

describe("a target that cannot be read", () => {
  test("not found: said and told once, nothing is written, and the loop goes on when it is there", async () => {
    const bench = createFleetBench();
    await bench.run(60);
    const moves = bench.written.length;
    bench.world.targetFault = {
      ok: false,
      reason: "TargetNotFound",
      detail: 'deployments.apps "mestore" not found',
    };
    await bench.run(10);
    expect(bench.condition("Ready")).toBe("False TargetNotFound");
    expect(bench.message("Ready")).toContain("mestore");
    expect(bench.reasons().filter((reason) => reason === "TargetNotFound")).toHaveLength(1);
    expect(bench.written.length).toBe(moves);
    bench.world.targetFault = null;
    await bench.run(1);
    expect(bench.condition("Ready")).toBe("True Accepted");
    await bench.runUntil(() => bench.written.length > moves, 200);
  });

  test("not permitted: the message names verb and resource", async () => {
    const bench = createFleetBench();
    bench.world.targetFault = {
      ok: false,
      reason: "NotPermitted",
      detail: 'get deployments.apps "mestore": forbidden',
    };
    await bench.run(2);
    expect(bench.condition("Ready")).toBe("False NotPermitted");
    expect(bench.message("Ready")).toContain("get deployments.apps");
    expect(bench.written).toEqual([]);
  });

  test("a target that went away during a change: what cannot be seen is taken back in the end", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.world.targetFault = { ok: false, reason: "TargetNotFound", detail: "gone" };
    bench.service.fault = "unreachable";
    await bench.runUntil(() => bench.written.at(-1)?.revision === revision + 1, 200);
    expect(bench.written.at(-1)?.reason).toStartWith("VerificationImpossible");
  });
});

describe("a document that belongs to somebody else", () => {
  test("Conflict names who, nothing is written, moves are recommended, and it ends with the owner", async () => {
    const bench = createFleetBench();
    bench.world.foreignOwner = "kustomize-controller";
    await bench.run(60);
    expect(bench.condition("Conflict")).toBe("True ForeignOwner");
    expect(bench.message("Conflict")).toContain("kustomize-controller");
    expect(bench.calls.filter((call) => call !== "save")).toEqual([]);
    expect(bench.reasons().filter((reason) => reason === "ForeignOwner")).toHaveLength(1);
    bench.world.foreignOwner = null;
    await bench.run(2);
    expect(bench.condition("Conflict")).toBe("False NoConflict");
    expect(bench.written).toHaveLength(1);
  });

  test("a roll-back that is due waits for it to go", async () => {
    const bench = createFleetBench();
    const { revision } = await runUntilVerifying(bench);
    bench.world.foreignOwner = "argocd-controller";
    bench.world.restarts = 1;
    await bench.run(5);
    expect(bench.written.at(-1)?.revision).toBe(revision);
    bench.world.foreignOwner = null;
    await bench.run(1);
    expect(bench.written.at(-1)?.reason).toStartWith("PodsUnhealthy");
  });
});

test("an objective in PromQL is judged as counts over the window, and needs a source that understands it", async () => {
  const objectives = [
    {
      name: "checkout",
      type: "Ratio",
      ratio: {
        targetPercent: "99.5",
        good: "sum(increase(ok[{{ .window }}]))",
        total: "sum(increase(all[{{.window}}]))",
      },
    },
  ];
  const bench = createFleetBench();
  bench.world.profile = { spec: { objectives }, metadata: {} };
  await bench.run(2);
  expect(bench.condition("Constrained")).toBe("True KnobNotAvailable");
  expect(bench.message("Constrained")).toContain("objective checkout: PromQL needs a Prometheus");
  const asPromQl = (good: number, total: number) => ({
    "sum(increase(ok[20s]))": { ok: true as const, value: good },
    "sum(increase(all[20s]))": { ok: true as const, value: total },
  });
  bench.world.queries = asPromQl(9990, 10_000);
  bench.crash();
  await bench.run(2);
  expect(bench.status().objectives).toEqual([
    { name: "checkout", target: "99.5 %", current: "99.9 %", met: "True" },
  ]);
  expect(bench.condition("Constrained")).toBe("False Unconstrained");
  expect(bench.status().summary?.sla).toBe("1/1");
  bench.world.queries = asPromQl(9700, 10_000);
  await bench.run(1);
  expect(bench.condition("ObjectivesMet")).toBe("False Missed");
  // Too close to tell keeps the verdict; nothing measured is none.
  bench.world.queries = asPromQl(9951, 10_000);
  await bench.run(1);
  expect(bench.condition("ObjectivesMet")).toBe("False Missed");
  bench.world.queries = asPromQl(Number.NaN, 10_000);
  await bench.run(1);
  expect(bench.condition("ObjectivesMet")).toBe("Unknown NotObserved");
});

test("pool and scaling in effective Auto write nothing and say so", async () => {
  const bench = createFleetBench();
  bench.world.profile = {
    spec: { cache: { mode: "Recommend" }, pool: { mode: "Auto" }, scaling: { mode: "Auto" } },
    metadata: {},
  };
  await bench.run(30);
  expect(bench.condition("Constrained")).toBe("True KnobNotAvailable");
  expect(bench.message("Constrained")).toBe(
    "spec.pool.mode: the pool is not tuned; spec.scaling.mode: scaling is not tuned",
  );
  expect(bench.calls.filter((call) => call !== "save")).toEqual([]);
});
