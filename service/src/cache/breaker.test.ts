import { describe, expect, test } from "bun:test";
import { createBreaker, decideProbeDelayMs } from "./breaker.ts";

describe("breaker", () => {
  test("opens at the fifth time-out within 100 ms, answers in between or not", () => {
    const breaker = createBreaker();
    const opened = [0, 25, 50, 75, 100].map((atMs) => {
      breaker.answered();
      return breaker.timedOut(atMs);
    });
    expect(opened).toEqual([false, false, false, false, true]);
  });

  test("stays closed while time-outs are rare among answers", () => {
    const breaker = createBreaker();
    for (let atMs = 0; atMs < 5000; atMs += 26) {
      breaker.answered();
      expect(breaker.timedOut(atMs)).toBe(false);
    }
  });

  test("opens at the fifth in a row, however slow the traffic", () => {
    const breaker = createBreaker();
    const opened = [0, 1000, 2000, 3000, 4000].map((atMs) => breaker.timedOut(atMs));
    expect(opened).toEqual([false, false, false, false, true]);
  });
});

test("probes begin soon, double their pause, and settle at a second", () => {
  const longest = Array.from({ length: 8 }, (_, attempt) => decideProbeDelayMs(attempt, () => 0));
  expect(longest).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000]);
  expect(decideProbeDelayMs(5000, () => 1 - Number.EPSILON)).toBeCloseTo(800);
});
