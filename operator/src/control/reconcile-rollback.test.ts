import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { profileText, runUntilVerifying, withLoop } from "../../test/loop-bench.ts";

test("a regression restores exactly the previous values, tells why, and bars the direction", () =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 15 && ttl < 1000 ? 0.1 : 0.01);
    await bench.runUntil(
      () => bench.decisions.some(({ verdict }) => verdict === "RolledBack"),
      300,
    );
    const [before, bad, restored] = bench.written.slice(-3);
    expect(bad?.ttlSeconds).toEqual({ product: 20 });
    expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    expect(restored).toMatchObject({
      revision: 4,
      reason: expect.stringContaining("LatencyRegression"),
    });
    await bench.run(2);
    expect(bench.service.ttlSeconds).toBe(10);
    const { decisions, summary } = await bench.status();
    expect(summary?.lastAction).toBe("RolledBack 20 -> 10");
    expect(decisions[0]).toMatchObject({ from: "20", to: "10", reason: "LatencyRegression" });
    expect(decisions[1]).toMatchObject({ from: "10", to: "20", verdict: "RolledBack" });
    const moves = bench.written.length;
    await bench.run(bench.timing.barSeconds - 10);
    expect(bench.written).toHaveLength(moves);
    expect(bench.log.some(({ reason }) => reason === "DirectionBarred")).toBeTrue();
  }));

test("errors roll back too", () =>
  withLoop(async (bench) => {
    bench.service.errorShare = (ttl) => (ttl > 15 && ttl < 1000 ? 0.01 : 0);
    await bench.runUntil(
      () => bench.decisions.some(({ verdict }) => verdict === "RolledBack"),
      300,
    );
    expect(bench.decisions.at(-1)?.reason).toBe("ErrorRegression");
    expect(bench.written.at(-1)?.ttlSeconds).toEqual({ product: 10 });
  }));

test("a revision that is never taken up is withdrawn, and Stalled says so until it is", () =>
  withLoop(async (bench) => {
    await bench.run(20);
    bench.service.adopts = false;
    await bench.runUntil(() => bench.written.length === 2, 120);
    const at = bench.clock.nowSeconds();
    await bench.runUntil(() => bench.written.length === 3, 60);
    expect(bench.clock.nowSeconds() - at).toBeCloseTo(bench.timing.adoptionSeconds, -0.5);
    expect(bench.written[2]?.ttlSeconds).toEqual({ product: 5 });
    expect(bench.decisions.at(-1)).toMatchObject({
      verdict: "Withdrawn",
      reason: "RevisionNotAdopted",
      from: 5,
      to: 10,
    });
    await bench.run(60);
    expect((await bench.status()).summary?.lastAction).toBe("Withdrawn 10 -> 5");
    expect(await bench.condition("Stalled")).toBe("True RevisionNotAdopted");
    expect(bench.written).toHaveLength(3);
    bench.service.adopts = true;
    await bench.run(3);
    expect(await bench.condition("Stalled")).toBe("False Working");
    await bench.run(120);
    expect(bench.service.ttlSeconds).toBeGreaterThan(5);
  }));

test("metrics that stay away after a change: rolled back as VerificationImpossible", () =>
  withLoop(async (bench) => {
    const bad = await runUntilVerifying(bench);
    const before = bench.written.at(-2);
    bench.service.fault = "timeout";
    const { verifyUntil } = (await bench.status()).inFlight ?? {};
    await bench.runUntil(() => bench.written.at(-1) !== bad, 300);
    expect(bench.written.at(-1)?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    expect(bench.decisions.at(-1)?.reason).toBe("VerificationImpossible");
    const late = bench.clock.nowSeconds() - Date.parse(verifyUntil ?? "") / 1000;
    expect(late).toBeGreaterThanOrEqual(bench.timing.metricsLostSeconds - 1);
  }));

test("killed between apply and verify: the verdict comes all the same, by the baseline of before", () =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
    const bad = await runUntilVerifying(bench);
    const { inFlight } = await bench.status();
    bench.crash();
    await bench.run(1);
    expect((await bench.status()).inFlight).toMatchObject({
      revision: bad.revision,
      baselineRequests: inFlight?.baselineRequests ?? 0,
    });
    await bench.runUntil(
      () => bench.decisions.some(({ verdict }) => verdict === "RolledBack"),
      120,
    );
    expect(bench.written.at(-1)?.ttlSeconds).toEqual({ product: 5 });
    expect(bench.written).toHaveLength(3);
  }));

test("killed between saving and writing: nothing is applied twice and nothing is lost", () =>
  withLoop(async (bench) => {
    await bench.run(20);
    bench.failNextWrite();
    await bench.runUntil(() => bench.log.some(({ level }) => level === "error"), 120);
    bench.crash();
    await bench.run(1);
    expect((await bench.status()).inFlight).toBeUndefined();
    expect((await bench.status()).decisions[0]).toMatchObject({ to: "10", verdict: "Withdrawn" });
    await bench.run(150);
    // The number of what was decided stays taken: a late write may yet bring its document.
    expect(bench.written.map(({ revision }) => revision)).toEqual(
      bench.written.map((_, index) => (index === 0 ? 1 : index + 2)),
    );
  }));

test("with rollbackPolicy Disabled a regression is told and kept", () =>
  withLoop(async (bench) => {
    await bench.setProfile(profileText({ guardrails: { rollbackPolicy: "Disabled" } }));
    bench.service.slowShare = (ttl) => (ttl > 15 && ttl < 1000 ? 0.1 : 0.01);
    await bench.runUntil(() => bench.decisions.some(({ verdict }) => verdict === "Kept"), 300);
    expect(bench.service.ttlSeconds).toBe(20);
    await bench.run(60);
    expect(bench.service.ttlSeconds).toBe(20);
    expect((await bench.status()).summary?.lastAction).toBe("Kept 10 -> 20");
  }));

test("requests that double in the meantime: kept as Unverified, and no further move that way for a while", () =>
  withLoop(async (bench) => {
    await runUntilVerifying(bench);
    bench.service.rate = 900;
    await bench.runUntil(
      () => bench.decisions.some(({ verdict }) => verdict === "Unverified"),
      300,
    );
    const moves = bench.written.length;
    await bench.run(bench.timing.unverifiedRestSeconds - 10);
    expect(bench.written).toHaveLength(moves);
  }));

const product = { name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 };

test.each([
  ["Recommend", [{ ...product, mode: "Recommend" }]],
  ["Disabled", [{ ...product, mode: "Disabled" }]],
  ["not listed any more", [{ name: "search" }]],
])("a class that is %s when its roll-back is due keeps its value", (_, classes) =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
    const bad = await runUntilVerifying(bench);
    await bench.setProfile(profileText({ cache: { mode: "Auto", classes } }));
    await bench.run(100);
    expect(bench.written.at(-1)).toEqual(bad);
    const { decisions, inFlight } = await bench.status();
    expect(inFlight).toBeUndefined();
    expect(decisions.find(({ to }) => to === "10")?.verdict).toBe("Kept");
  }),
);

test("a class that is Recommend when its change is not taken up keeps its value", () =>
  withLoop(async (bench) => {
    await bench.run(20);
    bench.service.adopts = false;
    await bench.runUntil(() => bench.written.length === 2, 120);
    await bench.setProfile(
      profileText({ cache: { mode: "Auto", classes: [{ ...product, mode: "Recommend" }] } }),
    );
    await bench.run(60);
    expect(bench.written).toHaveLength(2);
    expect(bench.decisions.find(({ reason }) => reason === "RevisionNotAdopted")?.verdict).toBe(
      "Kept",
    );
  }));

describe.each([
  ["truncated", (path: string) => Bun.write(path, "")],
  ["removed", (path: string) => rm(path)],
])("a tuning file that is %s during the verification", (_, damage) => {
  test("leaves the roll-back to come, to exactly the previous values", () =>
    withLoop(async (bench) => {
      bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
      const bad = await runUntilVerifying(bench);
      await damage(bench.paths.tuning);
      await bench.runUntil(() => bench.written.at(-1) !== bad, 120);
      expect(bench.decisions.at(-1)).toMatchObject({ verdict: "RolledBack", from: 5, to: 10 });
      expect(bench.decisions.some(({ verdict }) => verdict === "Withdrawn")).toBeFalse();
      expect(bench.written.at(-1)).toMatchObject({
        revision: bad.revision + 1,
        ttlSeconds: { product: 5 },
      });
      await bench.run(2);
      expect(bench.service.ttlSeconds).toBe(5);
    }));

  test("leaves it to come without metrics too", () =>
    withLoop(async (bench) => {
      const bad = await runUntilVerifying(bench);
      await damage(bench.paths.tuning);
      bench.service.fault = "timeout";
      await bench.runUntil(() => bench.written.at(-1) !== bad, 300);
      expect(bench.decisions.at(-1)?.reason).toBe("VerificationImpossible");
      expect(bench.written.at(-1)?.ttlSeconds).toEqual({ product: 5 });
      // Damaged once more before anybody can tell that the way back was taken up.
      await damage(bench.paths.tuning);
      await bench.run(1);
      expect(await bench.tuningText()).toContain(`"revision": ${bad.revision + 1}`);
    }));

  test("lets a good change be verified, and its values are then written again above what the service runs", () =>
    withLoop(async (bench) => {
      const good = await runUntilVerifying(bench);
      await damage(bench.paths.tuning);
      await bench.runUntil(() => bench.written.at(-1) !== good, 300);
      expect(bench.decisions.some(({ verdict }) => verdict === "Verified")).toBeTrue();
      expect(bench.written.at(-1)).toMatchObject({
        revision: good.revision + 1,
        ttlSeconds: good.ttlSeconds,
      });
      await bench.runUntil(() => bench.service.ttlSeconds === 20, 120);
    }));
});

test("an older document that the service obeys ends the change as Overwritten", () =>
  withLoop(async (bench) => {
    await runUntilVerifying(bench);
    await Bun.write(bench.paths.tuning, JSON.stringify(bench.written.at(-2)));
    await bench.runUntil(
      () => bench.decisions.some(({ reason }) => reason === "Overwritten"),
      bench.timing.sliceSeconds,
    );
    expect((await bench.status()).inFlight).toBeUndefined();
  }));

test.each([
  ["", false],
  [", also over a restart", true],
])("a roll-back whose write fails is told once and written again%s", (_, crashes) =>
  withLoop(async (bench) => {
    bench.service.slowShare = (ttl) => (ttl > 7 && ttl < 1000 ? 0.1 : 0.01);
    const bad = await runUntilVerifying(bench);
    bench.failNextWrite();
    await bench.runUntil(() => bench.log.some(({ level }) => level === "error"), 120);
    if (crashes) bench.crash();
    await bench.run(3);
    expect(bench.written.at(-1)).toMatchObject({
      revision: bad.revision + 1,
      ttlSeconds: { product: 5 },
    });
    expect(bench.service.ttlSeconds).toBe(5);
    expect(bench.decisions.filter(({ verdict }) => verdict === "RolledBack")).toHaveLength(1);
    expect(bench.decisions.some(({ verdict }) => verdict === "Withdrawn")).toBeFalse();
  }),
);

test("metrics that are lost right after a write do not withdraw it, and it is verified once they return", () =>
  withLoop(async (bench) => {
    await bench.run(20);
    await bench.runUntil(() => bench.written.length === 2, 120);
    bench.service.fault = "timeout";
    await bench.run(bench.timing.adoptionSeconds + bench.timing.metricsLostSeconds - 2);
    expect(bench.written).toHaveLength(2);
    bench.service.fault = null;
    await bench.runUntil(() => bench.decisions.some(({ verdict }) => verdict === "Verified"), 120);
    expect(bench.decisions.some(({ reason }) => reason === "RevisionNotAdopted")).toBeFalse();
  }));

test("metrics that stay away after a write: rolled back as VerificationImpossible", () =>
  withLoop(async (bench) => {
    await bench.run(20);
    await bench.runUntil(() => bench.written.length === 2, 120);
    bench.service.fault = "timeout";
    await bench.run(bench.timing.adoptionSeconds + bench.timing.metricsLostSeconds + 1);
    expect(bench.decisions.at(-1)?.reason).toBe("VerificationImpossible");
    expect(bench.written.at(-1)?.ttlSeconds).toEqual({ product: 5 });
  }));
