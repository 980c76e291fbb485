import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type ManyProfiles,
  measureResyncs,
  startManyProfiles,
  untilQuiet,
} from "../test/many-profiles.ts";

let many: ManyProfiles;
beforeAll(async () => {
  // In real time: a faster loop makes more garbage than one that people run.
  many = await startManyProfiles({ profiles: 200, timeScale: 1, asInImage: true });
}, 120_000);
afterAll(() => many.close());

test("200 profiles in real time: under 150 MB from the first write on, no status written over 10 resyncs, and flat", async () => {
  await untilQuiet(many, 180_000);
  const first = await measureResyncs(many, 5, 180_000);
  const second = await measureResyncs(many, 5, 180_000);
  expect([first.writes, second.writes, first.failed, second.failed]).toEqual([0, 0, 0, 0]);
  expect(second.requestsPerSecond).toBeLessThan(5);
  expect(second.megabytes).toBeLessThan(140);
  expect(second.peakMegabytes).toBeLessThan(150);
  const { megabytes, peakMegabytes, requestsPerSecond } = second;
  process.stdout.write(
    `at rest ${megabytes.toFixed(0)} MB, never above ${peakMegabytes.toFixed(0)} MB, ${requestsPerSecond.toFixed(2)} requests/s\n`,
  );
  expect(second.megabytes - first.megabytes).toBeLessThan(15);
}, 600_000);
