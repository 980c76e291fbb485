import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import fc from "fast-check";
import { profileText, withLoop } from "../../test/loop-bench.ts";
import { sourceFaults, type SourceFault } from "../metrics-source/metrics-source.contract.ts";

test("from 5 s to the objective by the loop's own moves, each at most doubling and verified, then rest", () =>
  withLoop(async (bench) => {
    const { service } = bench;
    await bench.runUntil(() => service.revision > 0 && service.hitRate() >= 0.87, 600);
    const ttls = bench.written.map(({ ttlSeconds }) => ttlSeconds["product"] ?? 0);
    expect(ttls[0]).toBe(5);
    expect(ttls.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(ttls[4]).toBeCloseTo(50, -1);
    await bench.runUntil(
      async () => (await bench.condition("Progressing")) === "False Settled",
      120,
    );
    const moves = bench.written.length;
    await bench.run(3 * bench.timing.ttlPeriodSeconds);
    expect(bench.written).toHaveLength(moves);
    const { objectives, decisions, tuning } = await bench.status();
    expect(objectives.map(({ name, met }) => [name, met])).toEqual([
      ["product-hits", "True"],
      ["api-p95", "True"],
      ["availability", "True"],
    ]);
    expect(decisions.map(({ reason, verdict }) => `${reason} ${verdict}`)).toEqual([
      "CurveBelowGoal Verified",
      "CurveBelowGoal Verified",
      "CurveEndsBelowGoal Verified",
      "CurveEndsBelowGoal Verified",
      "InitialTTL Applied",
    ]);
    expect(tuning?.revision).toBe(5);
  }));

test("the log has each decision once, with its inputs", () =>
  withLoop(async (bench) => {
    await bench.run(150);
    const lines = bench.log.filter(({ verdict }) => verdict !== undefined);
    const gist = lines.map(({ knob, from, to, verdict, reason }) =>
      [knob, from, to, verdict, reason].join(" "),
    );
    expect(new Set(gist).size).toBe(gist.length);
    const applied = lines.find(({ verdict, to }) => verdict === "Applied" && to === 10);
    expect(applied).toMatchObject({
      profile: "shop/storefront",
      knob: "ttl/product",
      from: 5,
      reason: "CurveEndsBelowGoal",
      revision: 2,
      inputs: { ttlSeconds: 5, targetHitRate: 0.85, goalHitRate: 0.87 },
    });
  }));

test("an objective too close to tell keeps its verdict, and the message says so", () =>
  withLoop(async (bench) => {
    await bench.runUntil(() => bench.service.ttlSeconds === 40, 300);
    await bench.runUntil(async () => {
      const { objectives, conditions } = await bench.status();
      const current = objectives.find(({ name }) => name === "product-hits")?.current;
      const message = conditions.find(({ type }) => type === "ObjectivesMet")?.message;
      return (
        current === "85.2 %" && message === "product-hits. Too close to tell anew: product-hits."
      );
    }, 120);
  }));

test("the first document holds the initial TTLs, and only where no document is in force", () =>
  withLoop(async (bench) => {
    await bench.run(1);
    expect(bench.written[0]).toMatchObject({
      revision: 1,
      profile: "shop/storefront",
      ttlSeconds: { product: 5 },
      reason: "InitialTTL: The TTLs that the profile begins with.",
    });
    await bench.run(5);
    bench.crash();
    await bench.run(5);
    expect(bench.written).toHaveLength(1);
  }));

test("steady state: no status file is written, whatever the figures do", () =>
  withLoop(async (bench) => {
    await bench.run(60);
    await bench.setProfile(profileText({ mode: "Recommend" }));
    await bench.run(100);
    // Begins right after a writing of figures, which come every ten minutes of the loop.
    const saved = bench.saves.length;
    await bench.runUntil(() => bench.saves.length > saved, 60);
    const before = await stat(bench.statusFile());
    const count = bench.saves.length;
    await bench.run(10 * bench.timing.scrapeSeconds);
    expect(bench.saves).toHaveLength(count);
    expect((await stat(bench.statusFile())).ino).toBe(before.ino);
  }));

test("transition times change with a flip only, the generation with the spec only", () =>
  withLoop(async (bench) => {
    await bench.run(60);
    const ready = async () =>
      (await bench.status()).conditions.find(({ type }) => type === "Ready");
    const before = await ready();
    await bench.setProfile(profileText({ guardrails: { cooldownSeconds: 600 } }));
    await bench.run(2);
    const after = await ready();
    expect(after?.lastTransitionTime).toBe(before?.lastTransitionTime);
    expect(after?.observedGeneration).toBe((before?.observedGeneration ?? 0) + 1);
    await bench.setProfile(
      profileText({ guardrails: { cooldownSeconds: 600 } }, { annotations: { note: "1" } }),
    );
    await bench.run(10);
    expect((await ready())?.observedGeneration).toBe(after?.observedGeneration);
  }));

test("whatever happens, every written TTL is within its bounds and its step", async () => {
  const event = fc.constantFrom(
    ...(Object.keys(sourceFaults) as SourceFault[]),
    "recover",
    "recover",
    "calm",
    "calm",
    "slow",
    "flash",
    "night",
    "restart",
    "crash",
    "deaf",
    "hears",
    "Recommend",
    "Auto",
    "full disk",
  );
  const span = fc.integer({ min: 1, max: 60 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(event, span), { maxLength: 10 }), (events) =>
      withLoop(async (bench) => {
        const { service } = bench;
        for (const [happens, seconds] of events) {
          if (happens === "recover") service.fault = null;
          else if (happens === "calm") {
            service.rate = 400;
            service.slowShare = () => 0.01;
          } else if (happens === "slow") service.slowShare = (ttl) => (ttl > 15 ? 0.2 : 0.01);
          else if (happens === "flash") service.rate = 4000;
          else if (happens === "night") service.rate = 2;
          else if (happens === "restart") service.restart();
          else if (happens === "crash") bench.crash();
          else if (happens === "deaf") service.adopts = false;
          else if (happens === "hears") service.adopts = true;
          else if (happens === "Recommend" || happens === "Auto")
            await bench.setProfile(profileText({ mode: happens }));
          else if (happens === "full disk") bench.failNextWrite();
          else service.fault = happens;
          await bench.run(seconds);
        }
        bench.written.forEach(({ ttlSeconds, revision }, index) => {
          const to = ttlSeconds["product"] ?? 0;
          const from = bench.written[index - 1]?.ttlSeconds["product"];
          expect(to).toBeGreaterThanOrEqual(5);
          // What the service ran before the first document is put back when that is never taken up.
          expect(to === 3600 || to <= 600).toBeTrue();
          if (from === undefined || from === 3600 || to === 3600) return;
          expect(to / from).toBeLessThanOrEqual(2);
          expect(to / from).toBeGreaterThanOrEqual(0.5);
          expect(revision).toBeGreaterThan(bench.written[index - 1]?.revision ?? 0);
        });
      }),
    ),
    { numRuns: 10 },
  );
}, 30_000);
