import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestCluster, useCluster } from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { sourceFaults, type SourceFault } from "../src/metrics-source/metrics-source.contract.ts";
import type { ProfileDecision } from "../src/profile/status.ts";
import {
  createOperatorAccount,
  nameRequest,
  type OperatorAccount,
} from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, type ShopOptions, tuned } from "./shop.fixture.ts";
import { putPodStatus } from "./target.fixture.ts";

/**
 * What the operator promises, seen from outside: its own process under the chart's role, a real API server,
 * real HTTP to the pods. One process tunes a shop for each test; a minute of the laws is a second.
 */
const timeScale = 60;

/** A move, with the baseline before it and its verification, is 25 s; the machine may be slow. */
const patience = { timeoutMs: 120_000, intervalMs: 100 } as const;

/** One pod each, and a fault of it. */
const faulty = Object.keys(sourceFaults).filter((fault) => fault !== "unreachable");
const shopOptions = {
  ...Object.fromEntries(faulty.map((fault) => [fault, { pods: 1 }])),
  unreachable: { pods: 1 },
  halfSilent: {},
  healthy: { pods: 1 },
  idle: { pods: 1, rate: 0.05 },
  night: {},
  bounded: { pods: 1 },
  orderly: { pods: 1 },
  slow: {},
  restarting: {},
  late: {},
  blind: {},
} satisfies Record<string, ShopOptions>;
type ShopName = keyof typeof shopOptions;

let cluster: TestCluster;
let account: OperatorAccount;
let operator: OperatorProcess;
const shops = new Map<string, Shop>();

beforeAll(async () => {
  cluster = await useCluster();
  await Promise.all(
    Object.entries(shopOptions).map(async ([name, options]) => {
      shops.set(name, await openShop(cluster, options));
    }),
  );
  const namespaces = [...shops.values()].map(({ namespace }) => namespace);
  account = await createOperatorAccount({ cluster, namespaces });
  operator = await account.start(["--time-scale", String(timeScale)]);
  await waitFor(() => operator.leads(), { what: "the operator to lead", timeoutMs: 30_000 });
}, 120_000);

afterAll(async () => {
  await account.close();
  await Promise.all([...shops.values()].map((shop) => shop.close()));
});

function shopOf(name: ShopName): Shop {
  const shop = shops.get(name);
  if (shop === undefined) throw new Error(`there is no shop ${name}`);
  return shop;
}

/** Revisions that were in place so far. */
const written = (shop: Shop) => shop.target.kubelet.seen.length;
const untilWritten = (shop: Shop, revisions: number) =>
  waitFor(() => written(shop) >= revisions, { ...patience, what: `${revisions} revisions` });
const untilCondition = (shop: Shop, type: Parameters<Shop["condition"]>[0], state: string) =>
  waitFor(
    async () => {
      const is = await shop.condition(type);
      if (is !== state) throw new Error(`${type} is ${is}`);
      return true;
    },
    { ...patience, what: `${type} to be ${state}` },
  );

async function untilDecided(shop: Shop, verdict: ProfileDecision["verdict"]) {
  return waitFor(
    async () => (await shop.readStatus())?.decisions.find((one) => one.verdict === verdict),
    { ...patience, what: `a decision that is ${verdict}` },
  );
}

/** The first move of the law is being verified; gives the document before it and that of the move. */
async function untilVerifying(shop: Shop) {
  await shop.putProfile(tuned);
  await untilWritten(shop, 2);
  await untilCondition(shop, "Progressing", "True Verifying");
  const [before, moved] = shop.target.kubelet.seen;
  if (before === undefined || moved === undefined) throw new Error("nothing was written");
  return { before, moved };
}

const countEvents = async (shop: Shop, reason: string) =>
  (await shop.events()).filter((event) => event.reason === reason).length;

describe("behaviour 1: metrics that cannot be trusted move no knob, and each fault has its reason", () => {
  /** Trusted for the first document, then at fault for so long that a healthy shop would have moved. */
  async function holdUnder(shop: Shop, reason: string, fail: () => void | Promise<void>) {
    await shop.putProfile(tuned);
    await untilWritten(shop, 1);
    await untilCondition(shop, "MetricsAvailable", "True Observed");
    await fail();
    await untilCondition(shop, "MetricsAvailable", `False ${reason}`);
    await untilCondition(shop, "Degraded", "True MetricsLost");
    expect(written(shop)).toBe(1);
    expect(await countEvents(shop, "MetricsLost")).toBe(1);
  }

  for (const fault of faulty)
    test.concurrent(
      fault,
      async () => {
        const shop = shopOf(fault as ShopName);
        await holdUnder(shop, sourceFaults[fault as SourceFault], () =>
          shop.target.each((service) => {
            service.fault = fault as SourceFault;
          }),
        );
        // What was due all the time comes as soon as there is something to go by.
        shop.target.each((service) => {
          service.fault = null;
        });
        await untilWritten(shop, 2);
      },
      180_000,
    );

  test.concurrent(
    "one of two pods is silent",
    async () => {
      const shop = shopOf("halfSilent");
      await holdUnder(shop, "TooFewPodsReporting", () => {
        const [pod] = shop.target.pods;
        if (pod !== undefined) pod.service.fault = "serverError";
      });
    },
    180_000,
  );

  test.concurrent(
    "a healthy shop has moved by then",
    async () => {
      const shop = shopOf("healthy");
      const from = Date.now();
      await shop.putProfile(tuned);
      await untilWritten(shop, 2);
      // The faults last until the loss of metrics is told, which is a quarter of an hour of the laws.
      expect(Date.now() - from).toBeLessThan(120_000);
    },
    180_000,
  );
});

test.concurrent(
  "behaviour 2: pods that nobody can reach: everything is held, nothing is lowered, nothing is written",
  async () => {
    const shop = shopOf("unreachable");
    const { moved } = await untilVerifying(shop);
    await untilDecided(shop, "Verified");
    const held = await shop.readDocument();
    const [pod] = shop.target.pods;
    if (pod === undefined) throw new Error("there is no pod");
    const since = new Date();
    // An address of the loopback network at which nobody listens.
    await putPodStatus(cluster, shop.namespace, pod.name, "127.255.255.254");
    await untilCondition(shop, "Degraded", "True MetricsLost");
    const revision = shop.target.kubelet.document()?.revision ?? 0;
    // What was on its way when the pods went may have been one more; no value is below what it was.
    expect(revision).toBeLessThanOrEqual((held?.revision ?? 0) + 1);
    expect(shop.target.kubelet.document()?.ttlSeconds["product"]).toBeGreaterThanOrEqual(
      moved.ttlSeconds["product"] ?? Infinity,
    );
    const writes = (await account.requests(since)).filter(
      (event) =>
        event.objectRef?.namespace === shop.namespace &&
        event.objectRef.name === "storefront-tuning" &&
        event.verb === "patch",
    );
    expect(writes.length).toBeLessThanOrEqual(1);
  },
  180_000,
);

test.concurrent(
  "behaviour 3: after metrics recover nothing is economised until a full window is covered",
  async () => {
    // Nothing is shortened in the first six hours: here they are 43 s, and the window of an hour is 7 s.
    const shop = await openShop(cluster, { pods: 1, serviceTtlSeconds: 40 });
    const own = await createOperatorAccount({ cluster, namespaces: [shop.namespace] });
    try {
      await shop.putProfile({
        mode: "Auto",
        metrics: { windowSeconds: 3600 },
        objectives: [
          { name: "hits", type: "HitRate", hitRate: { class: "product", targetPercent: "60" } },
        ],
        cache: { mode: "Auto", classes: [{ name: "product", maxTTLSeconds: 600 }] },
      });
      const economiser = await own.start(["--time-scale", "500"]);
      const held = (reason: string) =>
        waitFor(() => economiser.log.find((line) => line["reason"] === reason), {
          ...patience,
          what: `a shortening that is held: ${reason}`,
        });
      await held("TooEarlyToShorten");
      shop.target.each((service) => {
        service.fault = "serverError";
      });
      const from = performance.now();
      await waitFor(() => performance.now() - from > (6 * 3_600_000) / 500, patience);
      // The six hours are over, and only now there are metrics again.
      shop.target.each((service) => {
        service.fault = null;
      });
      await held("MetricsJustReturned");
      const applied = await waitFor(
        () => economiser.log.find(({ verdict }) => verdict === "Applied"),
        { ...patience, what: "the shortening" },
      );
      expect(Number(applied["to"])).toBeLessThan(40);
      const returned = economiser.log.findLast(
        ({ condition, status }) => condition === "MetricsAvailable" && status === "True",
      );
      const waitedMs = Date.parse(String(applied["time"])) - Date.parse(String(returned?.["time"]));
      expect(waitedMs).toBeGreaterThanOrEqual(3_600_000 / 500 - 100);
    } finally {
      await own.close();
      await shop.close();
    }
  },
  180_000,
);

describe("behaviour 4: fewer than the minimum of samples", () => {
  test.concurrent(
    "move nothing forward",
    async () => {
      const shop = shopOf("idle");
      await shop.putProfile(tuned);
      await untilWritten(shop, 1);
      await untilCondition(shop, "ObjectivesMet", "Unknown TooFewSamples");
      // A shop with traffic moves within half that many passes.
      const passes = await operator.metric({ name: "mestore_operator_reconciles_total" });
      await waitFor(
        async () =>
          (await operator.metric({ name: "mestore_operator_reconciles_total" })) >
          passes + 150 * shops.size,
        patience,
      );
      expect(written(shop)).toBe(1);
    },
    180_000,
  );

  test.concurrent(
    "take nothing back",
    async () => {
      const shop = shopOf("night");
      const { moved } = await untilVerifying(shop);
      shop.target.each((service) => {
        service.rate = 0.5;
        service.slowShare = () => 0.5;
      });
      const decision = await untilDecided(shop, "Unverified");
      expect(decision.to).toBe(String(moved.ttlSeconds["product"]));
      expect(await shop.readDocument()).toEqual(moved);
      expect(await countEvents(shop, "RolledBack")).toBe(0);
    },
    180_000,
  );
});

test.concurrent(
  "behaviour 5: every value is inside its bounds and within a factor of 2 of the last",
  async () => {
    const shop = shopOf("bounded");
    const classes = (maxTTLSeconds: number) => ({
      cache: { mode: "Auto", classes: [{ ...tuned.cache.classes[0], maxTTLSeconds }] },
    });
    // The hit rate asks for 10 s.
    await shop.putProfile({ ...tuned, ...classes(7) });
    const ttls = () => shop.target.kubelet.seen.map(({ ttlSeconds }) => ttlSeconds["product"] ?? 0);
    await waitFor(() => ttls().at(-1) === 7, { ...patience, what: "the maximum" });
    await untilCondition(shop, "Constrained", "True TargetUnreachable");
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
    const shop = shopOf("orderly");
    await shop.putProfile(tuned);
    const concluding = ["Verified", "Unverified", "RolledBack", "Withdrawn"];
    const told = () =>
      operator.log.filter(
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
    const shop = shopOf("slow");
    const { before, moved } = await untilVerifying(shop);
    const kept = moved.ttlSeconds["product"] ?? 0;
    shop.target.each((service) => {
      service.slowShare = (ttl) => (ttl >= kept ? 0.2 : 0.01);
    });
    await untilDecided(shop, "RolledBack");
    const restored = await waitFor(
      async () => {
        const document = await shop.readDocument();
        return document?.revision === moved.revision + 1 && document;
      },
      { ...patience, what: "the previous values" },
    );
    expect(restored.ttlSeconds).toEqual(before.ttlSeconds);
    await waitFor(async () => (await countEvents(shop, "RolledBack")) > 0, patience);
    await waitFor(
      () => operator.logged({ profile: shop.key, verdict: "Held", reason: "DirectionBarred" }),
      { ...patience, what: "the direction to be barred" },
    );
    expect(await countEvents(shop, "RolledBack")).toBe(1);
    // For half an hour of the laws: every pass until here has left it alone.
    expect((await shop.readDocument())?.revision).toBe(restored.revision);
    expect(
      (await account.requests()).filter(
        (event) =>
          event.objectRef?.namespace === shop.namespace &&
          event.objectRef.name === "storefront-tuning" &&
          nameRequest(event) === "patch configmaps",
      ),
    ).toHaveLength(restored.revision);
  },
  240_000,
);

describe("behaviour 9: a roll-back still fires", () => {
  test.concurrent(
    "while the pods have yet to take the change up: a container restarts",
    async () => {
      const shop = shopOf("restarting");
      const [pod, other] = shop.target.pods;
      if (pod === undefined || other === undefined) throw new Error("there are no pods");
      await shop.putProfile(tuned);
      await untilWritten(shop, 1);
      await waitFor(
        () => shop.target.pods.every(({ service }) => service.revision === 1),
        patience,
      );
      other.service.adopts = false;
      await untilWritten(shop, 2);
      await putPodStatus(cluster, shop.namespace, pod.name, pod.ip, { restarts: 1 });
      const decision = await waitFor(
        async () =>
          (await shop.readStatus())?.decisions.find(({ verdict }) =>
            ["RolledBack", "Withdrawn"].includes(verdict),
          ),
        patience,
      );
      expect(decision.verdict).toBe("RolledBack");
      await untilWritten(shop, 3);
      const [before, , restored] = shop.target.kubelet.seen;
      expect(restored?.ttlSeconds).toEqual(before?.ttlSeconds ?? {});
    },
    180_000,
  );

  test.concurrent(
    "at a deadline that was moved on because nothing could be told before",
    async () => {
      const shop = shopOf("late");
      const { before } = await untilVerifying(shop);
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
      await untilDecided(shop, "RolledBack");
      await untilWritten(shop, 3);
      expect(shop.target.kubelet.seen[2]?.ttlSeconds).toEqual(before.ttlSeconds);
    },
    240_000,
  );

  test.concurrent(
    "with metrics lost: after a quarter of an hour what cannot be verified is taken back",
    async () => {
      const shop = shopOf("blind");
      const { before } = await untilVerifying(shop);
      shop.target.each((service) => {
        service.fault = "serverError";
      });
      await untilDecided(shop, "RolledBack");
      await untilWritten(shop, 3);
      expect(shop.target.kubelet.seen[2]?.ttlSeconds).toEqual(before.ttlSeconds);
      await waitFor(
        () =>
          operator.logged({
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
