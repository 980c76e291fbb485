import { expect, test } from "bun:test";
import { profileText, runUntilVerifying, withLoop } from "../../test/loop-bench.ts";

test("Recommend decides and reports, and the tuning file stays byte-identical", () =>
  withLoop(async (bench) => {
    await bench.run(60);
    await bench.runUntil(() => bench.service.ttlSeconds >= 20, 200);
    await bench.setProfile(profileText({ mode: "Recommend" }));
    const before = await bench.tuningText();
    await bench.run(3 * bench.timing.ttlPeriodSeconds + 60);
    expect(await bench.tuningText()).toBe(before);
    const { recommendation, decisions } = await bench.status();
    expect(recommendation).toEqual({
      ttlSeconds: [{ name: "product", seconds: "40" }],
      reason: "product: CurveBelowGoal",
    });
    expect(decisions[0]).toMatchObject({ from: "20", to: "40", verdict: "Recommended" });
    const recommended = bench.decisions.filter(({ verdict }) => verdict === "Recommended");
    expect(recommended).toHaveLength(1);
    await bench.setProfile(profileText());
    await bench.run(60);
    expect(bench.service.ttlSeconds).toBe(40);
    expect((await bench.status()).recommendation).toBeUndefined();
  }));

test("Recommend from the start writes no file at all", () =>
  withLoop(
    async (bench) => {
      await bench.setProfile(profileText({ mode: "Recommend" }));
      await bench.run(200);
      expect(await bench.tuningText()).toBeNull();
      expect((await bench.status()).recommendation?.ttlSeconds).toEqual([
        { name: "product", seconds: "20" },
      ]);
    },
    { serviceTtlSeconds: 10 },
  ));

test("Disabled neither decides nor writes", () =>
  withLoop(async (bench) => {
    await bench.run(30);
    await bench.setProfile(profileText({ mode: "Disabled" }));
    const [before, decided] = [await bench.tuningText(), bench.decisions.length];
    await bench.run(200);
    expect(await bench.tuningText()).toBe(before);
    expect(bench.decisions).toHaveLength(decided);
    expect(await bench.condition("Progressing")).toBe("False Disabled");
    expect(await bench.condition("MetricsAvailable")).toBe("True Observed");
  }));

test("the class's own mode is a ceiling as well", () =>
  withLoop(
    async (bench) => {
      await bench.setProfile(
        profileText({
          cache: {
            mode: "Auto",
            classes: [{ name: "product", mode: "Recommend", minTTLSeconds: 5, maxTTLSeconds: 600 }],
          },
        }),
      );
      await bench.run(200);
      expect(await bench.tuningText()).toBeNull();
      expect(bench.decisions.some(({ verdict }) => verdict === "Recommended")).toBeTrue();
    },
    { serviceTtlSeconds: 10 },
  ));

const paused = { annotations: { "mestore.dev/paused": "true" } };

test("a pause stops writes within one pass and keeps the values; its end acts", () =>
  withLoop(async (bench) => {
    await bench.run(60);
    await bench.setProfile(profileText({}, paused));
    const before = await bench.tuningText();
    await bench.run(200);
    expect(await bench.tuningText()).toBe(before);
    expect((await bench.status()).recommendation).toBeDefined();
    await bench.setProfile(profileText());
    await bench.run(bench.timing.ttlPeriodSeconds + 2);
    expect(await bench.tuningText()).not.toBe(before);
  }));

test("a roll-back that is due waits for the end of the pause, then comes with the next pass", () =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
    const bad = await runUntilVerifying(bench);
    await bench.setProfile(profileText({}, paused));
    await bench.run(100);
    expect(bench.written.at(-1)).toEqual(bad);
    await bench.setProfile(profileText());
    await bench.run(1);
    expect(bench.written.at(-1)?.ttlSeconds).toEqual({ product: 5 });
  }));

test("Recommend while a change is on its way keeps the values and ends its verdict as a report", () =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
    const bad = await runUntilVerifying(bench);
    await bench.setProfile(profileText({ mode: "Recommend" }));
    const before = await bench.tuningText();
    await bench.run(100);
    expect(await bench.tuningText()).toBe(before);
    expect(bench.service.revision).toBe(bad.revision);
    const { decisions, inFlight } = await bench.status();
    expect(inFlight).toBeUndefined();
    expect(decisions.find(({ verdict }) => verdict === "Kept")).toMatchObject({ to: "10" });
  }));

test("a freeze window stops moves", () =>
  withLoop(async (bench) => {
    await bench.setProfile(
      profileText({
        guardrails: { freezeWindows: [{ schedule: "0 0 * * *", durationMinutes: 1440 }] },
      }),
    );
    await bench.run(200);
    expect(await bench.tuningText()).toBeNull();
    await bench.setProfile(profileText());
    await bench.run(200);
    expect(bench.service.ttlSeconds).toBeGreaterThan(5);
  }));

test("a freeze window that cannot be read freezes, and a person is told where", () =>
  withLoop(async (bench) => {
    await bench.setProfile(
      profileText({
        guardrails: { freezeWindows: [{ schedule: "99 * * * *", durationMinutes: 60 }] },
      }),
    );
    await bench.run(100);
    expect(await bench.tuningText()).toBeNull();
    expect(await bench.condition("Stalled")).toBe("True FreezeWindowInvalid");
  }));
