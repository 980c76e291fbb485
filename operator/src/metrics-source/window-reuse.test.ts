import { expect, test } from "bun:test";
import type { Reading } from "../control/ports.ts";
import { rejected } from "./page-figures.ts";
import { createWindowReuse } from "./window-reuse.ts";

/** Counts what is asked for; each window says when it ended. */
function createCounted(scrapeSeconds = 15) {
  const reuse = createWindowReuse({ scrapeSeconds });
  const counted = {
    asked: 0,
    fails: false,
    async window(seconds: number, atSeconds: number, text = `[${seconds}s]`) {
      const reading = await reuse.window(
        { text, seconds, atSeconds },
        async (): Promise<Reading> => {
          counted.asked += 1;
          if (counted.fails) return rejected("MetricsTimeout", "too slow");
          const span = { fromSeconds: atSeconds - seconds, toSeconds: atSeconds };
          return { ok: true, pods: [], window: { ...span, first: new Map(), last: new Map() } };
        },
      );
      return reading.ok ? reading.window.toSeconds : reading.reason;
    },
  };
  return counted;
}

test("an answer is used again while it is younger than a 24th of its window", async () => {
  const counted = createCounted();
  expect(await counted.window(2400, 1000)).toBe(1000);
  expect(await counted.window(2400, 1099)).toBe(1000);
  expect(await counted.window(2400, 1100)).toBe(1100);
  expect(await counted.window(4800, 1100)).toBe(1100);
  expect(counted.asked).toBe(3);
});

test("a short window is never used again, not even at once", async () => {
  const counted = createCounted();
  for (let index = 0; index < 4; index += 1)
    expect(await counted.window(60, 1000 + index)).toBe(1000 + index);
  await counted.window(179, 2000);
  await counted.window(179, 2000);
  expect(counted.asked).toBe(6);
});

test("of other series nothing is used", async () => {
  const counted = createCounted();
  await counted.window(600, 1000, "a");
  await counted.window(600, 1000, "b");
  expect(counted.asked).toBe(2);
});

test("what is asked for twice at a time is asked for once", async () => {
  const counted = createCounted();
  await Promise.all([counted.window(600, 1000), counted.window(600, 1000.1)]);
  expect(counted.asked).toBe(1);
});

test("a rejection is forgotten, and what it replaced does not come back", async () => {
  const counted = createCounted();
  await counted.window(600, 1000);
  counted.fails = true;
  expect(await counted.window(600, 1030)).toBe("MetricsTimeout");
  counted.fails = false;
  expect(await counted.window(600, 1031)).toBe(1031);
});

test("a clock that is set back by more than that leaves nothing to use", async () => {
  const counted = createCounted();
  await counted.window(2400, 1000);
  expect(await counted.window(2400, 500)).toBe(500);
});

test("ever new windows push out the oldest", async () => {
  const counted = createCounted();
  for (let index = 0; index <= 64; index += 1) await counted.window(6000 + index, 1000);
  await counted.window(6064, 1001);
  expect(counted.asked).toBe(65);
  await counted.window(6000, 1001);
  expect(counted.asked).toBe(66);
});
