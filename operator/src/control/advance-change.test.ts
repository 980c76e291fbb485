import { expect, test } from "bun:test";
import { parseProfile } from "@mestore/contract/performance-profile";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import { createTiming } from "@mestore/laws/timing";
import { advanceChange } from "./advance-change.ts";
import { createContext } from "./decide-pass.ts";
import { rewriteLost } from "./lost-document.ts";
import { emptyLoopMemory } from "./memory.ts";
import type { Observation } from "./observe.ts";
import { noteObservation } from "./note-observation.ts";
import { startChange } from "./step.ts";

const timing = createTiming();
const start = 1_800_000_000;

const seen = (revision: number): Observation => ({
  ok: true,
  ttlInForce: { product: 60, search: 30 },
  revision,
  newestRevision: revision,
  pods: [],
  processStartSeconds: null,
  restarted: false,
  ttl: { classes: {}, store: null },
  judgements: [],
  slice: null,
});
const document: TuningDocument = {
  schemaVersion: 1,
  revision: 6,
  profile: "shop/storefront",
  writtenAt: "2026-11-24T12:00:00.000Z",
  reason: "product: CurveBelowGoal.",
  ttlSeconds: { product: 60, search: 30 },
};

/** What the profile says, at so many seconds after the change. */
function contextAt(
  seconds: number,
  modes: { readonly product: string; readonly search: string },
  inForce: TuningDocument | null,
) {
  const profile = parseProfile({
    apiVersion: "mestore.dev/v1alpha1",
    kind: "PerformanceProfile",
    metadata: { name: "storefront", namespace: "shop" },
    spec: {
      targetRef: { name: "mestore" },
      mode: "Auto",
      cache: {
        mode: "Auto",
        classes: Object.entries(modes).map(([name, mode]) => ({ name, mode })),
      },
    },
  });
  if (!profile.ok) throw new Error(JSON.stringify(profile.faults));
  return createContext({
    key: "shop/storefront",
    profile: profile.value,
    deleting: null,
    target: {
      ok: true,
      state: { readyPods: [], unavailable: 0, restarts: 0, inTransition: false },
    },
    observation: seen(6),
    queried: null,
    document: inForce,
    adopted: null,
    foreignOwner: null,
    nowSeconds: start + seconds,
    timing,
    timeScale: 1,
  });
}

test("pods that run a lapsed revision before its document is seen put it on its way again, for as long as a write may be late", () => {
  const auto = { product: "Auto", search: "Auto" };
  const changed = startChange(contextAt(0, auto, document), emptyLoopMemory, {
    origin: "Law",
    from: { product: 60 },
    to: { product: 120 },
    reason: "product",
    records: [],
  });
  const lapsed = advanceChange(contextAt(15, auto, document), changed.memory);
  expect(lapsed.memory).toMatchObject({ change: null, written: { revision: 6 } });
  const isTakenUp = (seconds: number) => {
    const context = { ...contextAt(seconds, auto, document), observation: seen(7) };
    const { memory } = advanceChange(context, noteObservation(context, lapsed.memory));
    return memory.change?.inFlight.revision === 7 && memory.written?.ttlSeconds["product"] === 120;
  };
  expect(isTakenUp(58 * 60)).toBeTrue();
  expect(isTakenUp(59 * 60)).toBeFalse();
});

test("of one change only the classes whose own mode is Auto are put back; the others are Kept", () => {
  const auto = { product: "Auto", search: "Auto" };
  const changed = startChange(contextAt(0, auto, document), emptyLoopMemory, {
    origin: "Law",
    from: { product: 60, search: 30 },
    to: { product: 120, search: 60 },
    reason: "both",
    records: ["product", "search"].map((name) => ({
      knob: `ttl/${name}`,
      from: 0,
      to: 0,
      reason: "CurveBelowGoal",
      sentence: "",
      inputs: {},
    })),
  });
  const step = advanceChange(
    contextAt(timing.adoptionSeconds, { product: "Recommend", search: "Auto" }, changed.write),
    changed.memory,
  );
  expect(step.write?.ttlSeconds).toEqual({ product: 120, search: 30 });
  expect(step.records.map(({ knob, verdict }) => `${knob} ${verdict}`)).toEqual([
    "ttl/product Kept",
    "ttl/search Withdrawn",
  ]);
  expect(step.memory.decisions.map(({ knob, verdict }) => `${knob} ${verdict}`)).toEqual([
    "ttl/search Applied",
    "ttl/search Withdrawn",
    "ttl/product Kept",
  ]);
});

test("a lost document is written again where pods run one, and never with a TTL that is none", () => {
  const auto = { product: "Auto", search: "Auto" };
  const memory = {
    ...emptyLoopMemory,
    written: { revision: 6, ttlSeconds: { product: 60, search: 30 } },
  };
  const rewrite = (runs: number, ttlInForce: Readonly<Record<string, number>>) => {
    const observation = { ...seen(runs), ttlInForce };
    if (!observation.ok) throw new Error("it is seen");
    return rewriteLost({ ...contextAt(0, auto, null), observation }, memory, observation)?.write;
  };
  const theirs = { product: 90, search: 0 };
  expect(rewrite(0, theirs)).toBeUndefined();
  expect(rewrite(6, theirs)).toMatchObject({
    revision: 7,
    ttlSeconds: { product: 60, search: 30 },
  });
  expect(rewrite(9, theirs)).toMatchObject({
    revision: 10,
    ttlSeconds: { product: 90, search: 30 },
  });
});
