import { expect, test } from "bun:test";
import type { MetricWindow } from "@mestore/contract/samples";
import type { MetricsSource } from "./ports.ts";
import { createWindowReader } from "./window-reader.ts";

const nowSeconds = 10_000;

/** Its windows end as long ago, and are as much longer than asked, as is said. */
function createReader(source: { agoSeconds?: (seconds: number) => number; least?: number } = {}) {
  const asked: number[] = [];
  const windows: MetricsSource = {
    window(seconds) {
      asked.push(seconds);
      const toSeconds = nowSeconds - (source.agoSeconds?.(seconds) ?? 0);
      const fromSeconds = toSeconds - Math.max(seconds, source.least ?? 0);
      const window = { fromSeconds, toSeconds, first: new Map(), last: new Map() };
      return Promise.resolve({ ok: true, pods: [], window });
    },
  };
  return { asked, reader: createWindowReader(windows, { nowSeconds, scrapeSeconds: 15 }) };
}

const spans = (seconds: number) => (window: MetricWindow) =>
  window.toSeconds - window.fromSeconds >= seconds;
const lengthOf = (window: MetricWindow) => window.toSeconds - window.fromSeconds;

test("a window grows until it suffices", async () => {
  const { asked, reader } = createReader();
  expect(lengthOf(await reader.grow([75, 150, 300, 600], spans(200)))).toBe(300);
  expect(asked).toEqual([75, 150, 300]);
});

test("no shorter window is asked for than one of this pass that does not suffice", async () => {
  const { asked, reader } = createReader();
  await reader.read(300);
  expect(lengthOf(await reader.grow([75, 150, 300, 600], spans(500)))).toBe(600);
  expect(lengthOf(await reader.grow([106, 212], spans(500)))).toBe(212);
  expect(asked).toEqual([300, 600, 212]);
});

test("unless that one is older than a scrape: much may have come since", async () => {
  const { asked, reader } = createReader({ agoSeconds: (seconds) => (seconds > 200 ? 16 : 0) });
  await reader.read(300);
  await reader.grow([75, 150, 300], spans(500));
  expect(asked).toEqual([300, 75, 150]);
});

test("nothing is given that begins before it may, though the source begins earlier than asked", async () => {
  const { reader } = createReader({
    agoSeconds: (seconds) => (seconds === 300 ? 10 : 0),
    least: 60,
  });
  const grow = (windows: readonly number[], notBefore: number) =>
    reader.grow(windows, () => false, nowSeconds - notBefore);
  // A minute where half of one was asked for.
  expect((await grow([30], 30)).last.size + lengthOf(await grow([30], 30))).toBe(0);
  expect(lengthOf(await grow([60], 60))).toBe(60);
  // The answer of 10 s ago reaches 310 s back.
  expect(lengthOf(await grow([150, 300], 300))).toBe(150);
  expect(lengthOf(await grow([150, 300], 310))).toBe(300);
});
