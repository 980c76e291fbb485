import { describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { sourceFaults, type SourceFault } from "../src/metrics-source/metrics-source.contract.ts";
import { useShops } from "./bench.fixture.ts";
import { patience, type Shop, tuned } from "./shop.fixture.ts";
import { putPodStatus } from "./target.fixture.ts";

/** What becomes of a shop whose metrics are wrong, gone, or too few: its own process, real HTTP to the pods. */

/** One pod each, and a fault of it; what cannot be reached has a test of its own. */
const faulty = (Object.keys(sourceFaults) as SourceFault[]).filter(
  (fault) => fault !== "unreachable",
);
const shops = useShops({
  ...(Object.fromEntries(faulty.map((fault) => [fault, { pods: 1 }])) as Record<
    SourceFault,
    { pods: number }
  >),
  unreachable: { pods: 1 },
  halfSilent: {},
  healthy: { pods: 1 },
  idle: { pods: 1, rate: 0.05 },
  night: {},
});

interface Untrusted {
  readonly name: string;
  readonly shop: () => Shop;
  readonly reason: string;
  readonly fail: (shop: Shop) => void;
}

const untrusted: readonly Untrusted[] = [
  ...faulty.map((fault) => ({
    name: fault,
    shop: () => shops.of(fault),
    reason: sourceFaults[fault],
    fail: ({ target }: Shop) =>
      target.each((service) => {
        service.fault = fault;
      }),
  })),
  {
    name: "one of two pods is silent",
    shop: () => shops.of("halfSilent"),
    reason: "TooFewPodsReporting",
    fail({ target }) {
      const [pod] = target.pods;
      if (pod !== undefined) pod.service.fault = "serverError";
    },
  },
];

/** The first document is run, and nothing is on its way that a move would have to wait for. */
async function settle(shop: Shop): Promise<void> {
  await shop.putProfile(tuned);
  await shop.untilWritten(1);
  await shop.untilCondition("Progressing", "False Settled");
}

async function failOnceSettled({ shop: open, reason, fail }: Untrusted): Promise<void> {
  const shop = open();
  await settle(shop);
  expect(await shop.condition("MetricsAvailable")).toBe("True Observed");
  fail(shop);
  await shop.untilCondition("MetricsAvailable", `False ${reason}`);
}

/** Who must not move comes first; then a shop begins that nothing keeps from moving, and moves. */
async function moveHealthyAfterThem(): Promise<void> {
  await Promise.allSettled([...untrusted.map(failOnceSettled), settle(shops.of("idle"))]);
  const healthy = shops.of("healthy");
  await healthy.putProfile(tuned);
  await healthy.untilWritten(2);
}
let moving: Promise<void> | undefined;
const untilHealthyMoved = () => (moving ??= moveHealthyAfterThem());

const verdictsOf = async (shop: Shop) =>
  (await shop.readStatus())?.decisions.map(({ verdict, reason }) => `${verdict} ${reason}`);

describe("behaviour 1: metrics that cannot be trusted move no knob while a healthy shop moves, and each fault has its reason", () => {
  for (const one of untrusted)
    test.concurrent(
      one.name,
      async () => {
        const shop = one.shop();
        await untilHealthyMoved();
        expect(await shop.condition("MetricsAvailable")).toBe(`False ${one.reason}`);
        expect(shop.written()).toBe(1);
        await shop.untilCondition("Degraded", "True MetricsLost");
        expect(shop.written()).toBe(1);
        expect(await verdictsOf(shop)).toEqual(["Applied InitialTTL"]);
        expect(await shop.countEvents("MetricsLost")).toBe(1);
        // What was due all the time comes as soon as there is something to go by.
        shop.target.each((service) => {
          service.fault = null;
        });
        await shop.untilWritten(2);
      },
      180_000,
    );
});

test.concurrent(
  "behaviour 2: pods that nobody can reach: everything is held, nothing is lowered, nothing is written",
  async () => {
    const shop = shops.of("unreachable");
    // The next move is an hour of the laws away: nothing is on its way when the pod goes.
    await shop.putProfile({ ...tuned, guardrails: { cooldownSeconds: 3600 } });
    await shop.untilDecided("Verified");
    await shop.untilCondition("Progressing", "False Settled");
    const document = await shop.readDocument();
    expect(document?.ttlSeconds["product"]).toBeGreaterThan(1);
    const [pod] = shop.target.pods;
    if (pod === undefined) throw new Error("there is no pod");
    const since = new Date();
    // An address of the loopback network at which nobody listens.
    await putPodStatus(shops.cluster, shop.namespace, pod.name, "127.255.255.254");
    await shop.untilCondition("MetricsAvailable", "False MetricsUnreachable");
    await shop.untilCondition("Degraded", "True MetricsLost");
    expect(await shop.readDocument()).toEqual(document);
    expect(await shops.account.countDocumentWrites(shop.namespace, since)).toBe(0);
    // It is there again, and nothing has become of it: what was decided before still stands.
    await putPodStatus(shops.cluster, shop.namespace, pod.name, pod.ip);
    await shop.untilCondition("MetricsAvailable", "True Observed");
    expect(pod.service.ttlSeconds).toBe(document?.ttlSeconds["product"] ?? 0);
  },
  180_000,
);

test.concurrent(
  "behaviour 3: after metrics recover nothing is economised until a full window is covered",
  async () => {
    // Nothing is shortened in the first six hours: here they are 43 s, and the window of an hour is 7 s.
    const shop = await shops.bench.openShop({ pods: 1, serviceTtlSeconds: 40 });
    const own = await shops.bench.createAccount({ namespaces: [shop.namespace] });
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
    economiser.kill("SIGTERM");
  },
  180_000,
);

describe("behaviour 4: fewer than the minimum of samples", () => {
  test.concurrent(
    "move nothing forward while a shop with traffic moves",
    async () => {
      const shop = shops.of("idle");
      await untilHealthyMoved();
      expect(await shop.condition("ObjectivesMet")).toBe("Unknown TooFewSamples");
      expect(shop.written()).toBe(1);
      expect(await verdictsOf(shop)).toEqual(["Applied InitialTTL"]);
    },
    180_000,
  );

  test.concurrent(
    "take nothing back",
    async () => {
      const shop = shops.of("night");
      await shop.putProfile(tuned);
      const { moved } = await shop.untilVerifying();
      shop.target.each((service) => {
        service.rate = 0.5;
        service.slowShare = () => 0.5;
      });
      const decision = await shop.untilDecided("Unverified");
      expect(decision.to).toBe(String(moved.ttlSeconds["product"]));
      expect(await shop.readDocument()).toEqual(moved);
      expect(await shop.countEvents("RolledBack")).toBe(0);
    },
    180_000,
  );
});
