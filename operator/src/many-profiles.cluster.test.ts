import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type ManyProfiles,
  measureResyncs,
  startManyProfiles,
  untilQuiet,
} from "../test/many-profiles.ts";

let many: ManyProfiles;
beforeAll(async () => {
  many = await startManyProfiles({ profiles: 200, timeScale: 15 });
}, 120_000);
afterAll(() => many.close());

test("13: 200 profiles at rest: no status written over 10 resyncs, under 5 requests a second", async () => {
  await untilQuiet(many, 120_000);
  const { writes, requestsPerSecond, failed } = await measureResyncs(many, 10, 120_000);
  expect({ writes, failed }).toEqual({ writes: 0, failed: 0 });
  expect(requestsPerSecond).toBeLessThan(5);
}, 300_000);
