import { describe, expect, test } from "bun:test";
import { operatorMetrics } from "@mestore/contract/metrics";
import { profileText, runUntilVerifying, withLoop } from "../../test/loop-bench.ts";
import { type SourceFault, sourceFaults } from "../metrics-source/metrics-source.contract.ts";

describe("metrics that cannot be trusted", () => {
  for (const [fault, reason] of Object.entries(sourceFaults) as [SourceFault, string][])
    test(`${fault}: holds, says ${reason}, writes nothing, and goes on afterwards`, () =>
      withLoop(async (bench) => {
        await bench.run(20);
        const before = await bench.tuningText();
        bench.service.fault = fault;
        await bench.run(40);
        expect(await bench.condition("MetricsAvailable")).toBe(`False ${reason}`);
        expect(await bench.condition("Ready")).toBe("True Accepted");
        expect(await bench.condition("ObjectivesMet")).toBe("Unknown NotObserved");
        expect(await bench.tuningText()).toBe(before);
        expect(bench.log.filter((line) => line["reason"] === reason)).toHaveLength(1);
        bench.service.fault = null;
        await bench.runUntil(() => bench.service.ttlSeconds > 5, 120);
        expect(await bench.condition("MetricsAvailable")).toBe("True Observed");
      }));

  test("lost for more than 15 minutes of the loop: Degraded, and still held", () =>
    withLoop(async (bench) => {
      await bench.run(150);
      await bench.runUntil(
        async () => (await bench.condition("Progressing")) !== "True Verifying",
        60,
      );
      const before = await bench.tuningText();
      bench.service.fault = "unreachable";
      await bench.run(bench.timing.metricsLostSeconds - 5);
      expect(await bench.condition("Degraded")).toBe("False Healthy");
      await bench.run(10);
      expect(await bench.condition("Degraded")).toBe("True MetricsLost");
      if ((await bench.status()).inFlight === undefined)
        expect(await bench.tuningText()).toBe(before);
      bench.service.fault = null;
      await bench.run(2);
      expect(await bench.condition("Degraded")).toBe("False Healthy");
    }));

  test("a class that the service does not export is held, not guessed", () =>
    withLoop(async (bench) => {
      await bench.setProfile(
        profileText({ cache: { mode: "Auto", classes: [{ name: "search" }] } }),
      );
      await bench.run(120);
      expect(bench.written).toEqual([]);
      const held = bench.log.filter(({ verdict }) => verdict === "Held");
      expect(held).toMatchObject([{ knob: "ttl/search", reason: "ClassNotReported" }]);
    }));
});

describe("profiles that cannot be accepted", () => {
  test("the last good one stays in force and the status names the field, also over a restart", () =>
    withLoop(async (bench) => {
      await bench.run(30);
      await bench.setProfile(profileText({ mode: "Off" }));
      await bench.run(60);
      expect(bench.service.ttlSeconds).toBeGreaterThan(5);
      expect(await bench.condition("Ready")).toBe("False ProfileInvalid");
      expect(await bench.condition("Stalled")).toBe("True ProfileInvalid");
      const stalled = (await bench.status()).conditions.find(({ type }) => type === "Stalled");
      expect(stalled?.message).toStartWith("spec.mode: must be one of");
      bench.crash();
      const moves = bench.written.length;
      await bench.run(120);
      expect(bench.written.length).toBeGreaterThan(moves);
      await bench.setProfile(profileText());
      await bench.run(2);
      expect(await bench.condition("Ready")).toBe("True Accepted");
    }));

  test("none was ever accepted: nothing is observed and nothing written", () =>
    withLoop(async (bench) => {
      await bench.setProfile(profileText({ cache: { mode: "Auto", colour: "red" } }));
      await bench.run(60);
      expect(bench.written).toEqual([]);
      expect(await bench.condition("Ready")).toBe("False ProfileInvalid");
      expect(await bench.condition("MetricsAvailable")).toBe("Unknown NotObserved");
    }));

  test("of two on one target the first works and the other is Stalled until the first is gone", () =>
    withLoop(async (bench) => {
      const other = `${bench.paths.profiles}/zweite.yaml`;
      await Bun.write(other, profileText({ mode: "Disabled" }, { name: "zweite" }));
      await bench.run(60);
      expect(bench.written.every(({ profile }) => profile === "shop/storefront")).toBeTrue();
      const stalled = (await bench.status("shop.zweite")).conditions.find(
        ({ type }) => type === "Stalled",
      );
      expect(stalled).toMatchObject({
        status: "True",
        reason: "TargetClaimed",
        message: "shop/storefront already tunes this target.",
      });
      await Bun.file(bench.paths.profile).delete();
      await bench.run(2);
      expect(await Bun.file(bench.statusFile()).exists()).toBeFalse();
      const states = (await bench.status("shop.zweite")).conditions;
      expect(states.find(({ type }) => type === "Ready")?.status).toBe("True");
    }));
});

test("a profile that runs on what is remembered keeps its target from another one over a restart", () =>
  withLoop(async (bench) => {
    await bench.run(30);
    await bench.setProfile(profileText({ mode: "Off" }));
    await Bun.write(`${bench.paths.profiles}/zweite.yaml`, profileText({}, { name: "zweite" }));
    bench.crash();
    const moves = bench.written.length;
    await bench.run(120);
    expect(bench.written.length).toBeGreaterThan(moves);
    expect(bench.written.every(({ profile }) => profile === "shop/storefront")).toBeTrue();
    const { conditions } = await bench.status("shop.zweite");
    expect(conditions.find(({ type }) => type === "Stalled")?.reason).toBe("TargetClaimed");
  }));

describe("what goes wrong while writing", () => {
  test("a tuning file that is too large fails no pass, and the next write replaces it", () =>
    withLoop(async (bench) => {
      const document = await runUntilVerifying(bench);
      await Bun.write(bench.paths.tuning, "x".repeat(70 * 1024));
      await bench.runUntil(() => bench.written.at(-1) !== document, 300);
      expect(bench.log.some(({ level }) => level === "error")).toBeFalse();
      expect(await bench.tuningText()).toContain(`"revision": ${document.revision + 1}`);
    }));

  test("a safety move does not wait for a service that lags a revision", () =>
    withLoop(async (bench) => {
      await bench.runUntil(() => bench.service.ttlSeconds === 20, 300);
      await bench.run(bench.timing.adoptionSeconds + 1);
      bench.service.adopts = false;
      const own = bench.written.at(-1);
      if (own === undefined) throw new Error("nothing was written");
      const theirs = { ...own, revision: own.revision + 1, ttlSeconds: { product: 40 } };
      await Bun.write(bench.paths.tuning, JSON.stringify(theirs));
      const late = bench.written.length;
      const classes = [{ name: "product", minTTLSeconds: 5, maxTTLSeconds: 10 }];
      await bench.setProfile(profileText({ cache: { mode: "Auto", classes } }));
      await bench.run(1);
      expect(bench.written.at(-1)).toMatchObject({
        revision: theirs.revision + 1,
        ttlSeconds: { product: 10 },
      });
      await bench.run(2 * bench.timing.adoptionSeconds);
      // What is on its way is not written again.
      expect(bench.written).toHaveLength(late + 1);
      bench.service.adopts = true;
      await bench.run(2);
      expect(bench.service.ttlSeconds).toBe(10);
    }));

  test("a full disk fails the pass, is counted, and the change is decided anew", () =>
    withLoop(async (bench) => {
      await bench.run(20);
      bench.failNextWrite();
      await bench.runUntil(() => bench.log.some(({ level }) => level === "error"), 120);
      await bench.run(1);
      expect(bench.decisions.at(-1)).toMatchObject({
        verdict: "Withdrawn",
        reason: "NeverWritten",
      });
      const applied = bench.decisions.filter(({ verdict }) => verdict === "Applied");
      expect(applied.map(({ revision }) => revision)).toEqual([1]);
      const failed = bench.registry
        .collect()
        .get(operatorMetrics.reconciles.name)
        ?.get('outcome="failed"');
      expect(failed?.value).toBe(1);
      await bench.run(150);
      expect(bench.service.ttlSeconds).toBeGreaterThan(5);
    }));

  test("a document that somebody else wrote is a conflict that is told, and what the loop goes on from", () =>
    withLoop(async (bench) => {
      await bench.runUntil(
        () => bench.decisions.at(-1)?.verdict === "Held" && bench.service.ttlSeconds >= 40,
        300,
      );
      const own = bench.written.at(-1);
      if (own === undefined) throw new Error("nothing was written");
      const theirs = { ...own, revision: own.revision + 1, ttlSeconds: { product: 30 } };
      await Bun.write(bench.paths.tuning, JSON.stringify(theirs));
      await bench.run(2);
      expect(await bench.condition("Conflict")).toBe("True WrittenByAnother");
      await bench.runUntil(() => bench.written.at(-1) !== own, 200);
      expect(bench.written.at(-1)?.revision).toBe(own.revision + 2);
      expect(bench.written.at(-1)?.ttlSeconds["product"]).toBeLessThanOrEqual(60);
      await bench.run(2);
      expect(await bench.condition("Conflict")).toBe("False NoConflict");
    }));

  test("what the profile asks for and the loop does not do is said", () =>
    withLoop(async (bench) => {
      await bench.setProfile(profileText({ pool: { mode: "Auto" }, scaling: { mode: "Auto" } }));
      await bench.run(2);
      expect(await bench.condition("Constrained")).toBe("True KnobNotAvailable");
      const { conditions } = await bench.status();
      const constrained = conditions.find(({ type }) => type === "Constrained");
      expect(constrained?.message).toBe(
        "spec.pool.mode: the pool is not tuned; spec.scaling.mode: scaling is not tuned",
      );
      expect(bench.written.every(({ poolSize }) => poolSize === undefined)).toBeTrue();
    }));

  test("a target that even the longest TTL misses is said", () =>
    withLoop(async (bench) => {
      await bench.setProfile(
        profileText({
          cache: {
            mode: "Auto",
            classes: [
              { name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 10 },
            ],
          },
        }),
      );
      await bench.run(200);
      expect(bench.service.ttlSeconds).toBe(10);
      expect(await bench.condition("Constrained")).toBe("True TargetUnreachable");
      expect(await bench.condition("ObjectivesMet")).toBe("False Missed");
    }));

  test(
    "memory that is lost is started afresh but for the change that the status tells of, with a line in the log and no unsafe step",
    () =>
      withLoop(async (bench) => {
        const document = await runUntilVerifying(bench);
        await Bun.write(`${bench.paths.status}/shop.storefront.memory.json`, "{ torn");
        bench.crash();
        await bench.run(2);
        expect(bench.log.some(({ msg }) => msg === "unreadable")).toBeTrue();
        expect(bench.written.at(-1)).toEqual(document);
        // Nothing is left to compare with, so that it ends as Unverified and the direction rests.
        await bench.runUntil(() => bench.written.at(-1)?.revision !== document.revision, 600);
        const next = bench.written[bench.written.indexOf(document) + 1];
        expect(next?.ttlSeconds["product"]).toBe(2 * (document.ttlSeconds["product"] ?? 0));
      }),
    30_000,
  );
});
