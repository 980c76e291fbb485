import { describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { useShops } from "./bench.fixture.ts";
import { expectWrittenOnce, patience, tuned } from "./shop.fixture.ts";
import { putPodStatus } from "./target.fixture.ts";

/** Moves of a knob and how they are taken back, seen from outside: one process, real HTTP to the pods. */

const shops = useShops({
  bounded: { pods: 1 },
  orderly: { pods: 1 },
  slow: {},
  restarting: {},
  late: {},
  blind: {},
});

test.concurrent(
  "behaviour 5: every value is inside its bounds and within a factor of 2 of the last",
  async () => {
    const shop = shops.of("bounded");
    const classes = (maxTTLSeconds: number) => ({
      cache: { mode: "Auto", classes: [{ ...tuned.cache.classes[0], maxTTLSeconds }] },
    });
    // The hit rate asks for 10 s.
    await shop.putProfile({ ...tuned, ...classes(7) });
    const ttls = () => shop.target.kubelet.seen.map(({ ttlSeconds }) => ttlSeconds["product"] ?? 0);
    await waitFor(() => ttls().at(-1) === 7, { ...patience, what: "the maximum" });
    await shop.untilCondition("Constrained", "True TargetUnreachable");
    for (const [index, ttl] of ttls().entries()) {
      expect(ttl).toBeWithin(1, 7 + 1e-9);
      const last = ttls()[index - 1] ?? ttl;
      expect(Math.max(ttl / last, last / ttl)).toBeLessThanOrEqual(2 * (1 + 1e-9));
    }
    // What the author says is in force with the next pass, whatever else is under way.
    await shop.patchProfile({ spec: classes(5) });
    await waitFor(() => ttls().at(-1) === 5, { ...patience, what: "the new maximum" });
    const revisions = shop.target.kubelet.seen.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
  },
  240_000,
);

test.concurrent(
  "behaviour 7: one change in flight: a move follows only once the last one is concluded",
  async () => {
    const shop = shops.of("orderly");
    await shop.putProfile(tuned);
    const concluding = ["Verified", "Unverified", "RolledBack", "Withdrawn"];
    const told = () =>
      shops.operator.log.filter(
        ({ profile, verdict }) =>
          profile === shop.key && ["Applied", ...concluding].includes(String(verdict)),
      );
    await waitFor(() => told().length >= 6, { ...patience, what: "three moves" });
    const [initial, ...moves] = told().map(({ verdict }) => String(verdict));
    expect(initial).toBe("Applied");
    moves.forEach((verdict, index) => {
      if (index % 2 === 0) expect(verdict).toBe("Applied");
      else expect(concluding).toContain(verdict);
    });
  },
  240_000,
);

test.concurrent(
  "behaviour 8: a regression restores the exact previous values, is told once, and bars that direction",
  async () => {
    const shop = shops.of("slow");
    await shop.putProfile(tuned);
    const { before, moved } = await shop.untilVerifying();
    const kept = moved.ttlSeconds["product"] ?? 0;
    shop.target.each((service) => {
      service.slowShare = (ttl) => (ttl >= kept ? 0.2 : 0.01);
    });
    await shop.untilDecided("RolledBack");
    const restored = await waitFor(
      async () => {
        const document = await shop.readDocument();
        return document?.revision === moved.revision + 1 && document;
      },
      { ...patience, what: "the previous values" },
    );
    expect(restored.ttlSeconds).toEqual(before.ttlSeconds);
    await shop.untilTold("RolledBack");
    await waitFor(
      () =>
        shops.operator.logged({ profile: shop.key, verdict: "Held", reason: "DirectionBarred" }),
      { ...patience, what: "the direction to be barred" },
    );
    expect(await shop.countEvents("RolledBack")).toBe(1);
    // Every pass until here has left it alone.
    expect((await shop.readDocument())?.revision).toBe(restored.revision);
    await expectWrittenOnce(shop, shops.account);
  },
  240_000,
);

describe("behaviour 9: a roll-back still fires", () => {
  test.concurrent(
    "while the pods have yet to take the change up: a container restarts",
    async () => {
      const shop = shops.of("restarting");
      const [pod, other] = shop.target.pods;
      if (pod === undefined || other === undefined) throw new Error("there are no pods");
      await shop.putProfile(tuned);
      await shop.untilWritten(1);
      await waitFor(
        () => shop.target.pods.every(({ service }) => service.revision === 1),
        patience,
      );
      other.service.adopts = false;
      await shop.untilWritten(2);
      await putPodStatus(shops.cluster, shop.namespace, pod.name, pod.ip, { restarts: 1 });
      const decision = await shop.untilDecided("RolledBack", "Withdrawn");
      expect(decision.verdict).toBe("RolledBack");
      await shop.untilWritten(3);
      const [before, , restored] = shop.target.kubelet.seen;
      expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    },
    180_000,
  );

  test.concurrent(
    "at a deadline that was moved on because nothing could be told before",
    async () => {
      const shop = shops.of("late");
      await shop.putProfile(tuned);
      const { before } = await shop.untilVerifying();
      const first = (await shop.readStatus())?.inFlight?.verifyUntil;
      // Another rate of requests: neither the early look nor the first window can compare.
      shop.target.each((service) => {
        service.rate = 8000;
      });
      await waitFor(
        async () => {
          const until = (await shop.readStatus())?.inFlight?.verifyUntil;
          return until !== undefined && until !== first;
        },
        { ...patience, what: "another window" },
      );
      shop.target.each((service) => {
        service.rate = 4000;
        service.slowShare = () => 0.3;
      });
      await shop.untilDecided("RolledBack");
      await shop.untilWritten(3);
      expect(shop.target.kubelet.seen[2]?.ttlSeconds).toEqual(before.ttlSeconds);
    },
    240_000,
  );

  test.concurrent(
    "with metrics lost: after a quarter of an hour what cannot be verified is taken back",
    async () => {
      const shop = shops.of("blind");
      await shop.putProfile(tuned);
      const { before } = await shop.untilVerifying();
      shop.target.each((service) => {
        service.fault = "serverError";
      });
      await shop.untilDecided("RolledBack");
      await shop.untilWritten(3);
      expect(shop.target.kubelet.seen[2]?.ttlSeconds).toEqual(before.ttlSeconds);
      await waitFor(
        () =>
          shops.operator.logged({
            profile: shop.key,
            verdict: "RolledBack",
            reason: "VerificationImpossible",
          }),
        { what: "its log to say why" },
      );
    },
    240_000,
  );
});
