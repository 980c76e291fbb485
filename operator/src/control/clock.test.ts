import { expect, test } from "bun:test";
import { createManualClock, realClock } from "./clock.ts";

test("sleepers wake in the order of their time, and not before it", async () => {
  const clock = createManualClock(100);
  const woken: string[] = [];
  const { signal } = new AbortController();
  const late = clock.sleep(20, signal).then(() => woken.push("late"));
  const early = clock.sleep(10, signal).then(() => woken.push("early"));
  clock.advance(9);
  expect(clock.sleeping()).toBe(2);
  clock.advance(11);
  await Promise.all([late, early]);
  expect(woken).toEqual(["early", "late"]);
  expect(clock.nowSeconds()).toBe(120);
});

test.each([
  ["manual", createManualClock(0)],
  ["real", realClock],
])("an abort ends the sleep of the %s clock at once, also before it began", async (_, clock) => {
  const stop = new AbortController();
  const asleep = clock.sleep(3600, stop.signal);
  stop.abort();
  await asleep;
  await clock.sleep(3600, stop.signal);
});
