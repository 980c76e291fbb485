import { expect, test } from "bun:test";
import { judgeHealth, noteHealth, type PodHealth, startHealth } from "./pod-health.ts";
import { createTiming } from "./timing.ts";

const timing = createTiming();
const fine: PodHealth = { restarts: 3, unavailable: 0, inTransition: false };

/** Looks one scrape apart; the first look that speaks against the change, by its number. */
function firstObjection(looks: readonly Partial<PodHealth>[]): number {
  let baseline = startHealth(fine);
  return looks.findIndex((change, index) => {
    const now = { ...fine, ...change };
    const at = index * timing.scrapeSeconds;
    baseline = noteHealth(baseline, now, at);
    return judgeHealth(baseline, now, at, timing) !== null;
  });
}

test("one restart is enough, whatever the platform is about", () => {
  expect(firstObjection([{}, { restarts: 4 }])).toBe(1);
  expect(firstObjection([{ inTransition: true, restarts: 4 }])).toBe(0);
  expect(firstObjection([{}, {}])).toBe(-1);
});

test("a pod that goes takes its restarts along, and the next restart still counts", () => {
  expect(firstObjection([{ restarts: 0 }, { restarts: 0 }, { restarts: 1 }])).toBe(2);
});

test("unavailable pods must stay so for two scrapes, outside of transitions", () => {
  const lost = { unavailable: 1 };
  expect(firstObjection([lost, lost, lost])).toBe(2);
  expect(firstObjection([lost, {}, lost, {}, lost])).toBe(-1);
  const scaling = { ...lost, inTransition: true };
  expect(firstObjection([scaling, scaling, scaling, scaling])).toBe(-1);
  expect(firstObjection([scaling, scaling, lost, lost, lost])).toBe(4);
});

test("without a baseline the first look is one", () => {
  const baseline = noteHealth(undefined, { ...fine, unavailable: 2 }, 0);
  expect(judgeHealth(baseline, { ...fine, unavailable: 2 }, 60, timing)).toBeNull();
});
