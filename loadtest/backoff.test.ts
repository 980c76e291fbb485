import { describe, expect, test } from "bun:test";
import { createBackoff } from "./backoff.ts";

function fail(backoff: ReturnType<typeof createBackoff>, nowMs: number, times: number): void {
  for (let i = 0; i < times; i += 1) backoff.noteFailure(nowMs);
}

describe("backoff", () => {
  test("a few lost connections change nothing", () => {
    const backoff = createBackoff();
    fail(backoff, 0, 4);
    expect(backoff.allows(0)).toBe(true);
  });

  test("pauses double up to two seconds, with a probe after each", () => {
    const backoff = createBackoff();
    fail(backoff, 0, 5);
    const pausesMs: number[] = [];
    let nowMs = 0;
    for (let probe = 0; probe < 7; probe += 1) {
      const sinceMs = nowMs;
      while (!backoff.allows(nowMs)) nowMs += 1;
      pausesMs.push(nowMs - sinceMs);
      backoff.noteFailure(nowMs);
    }
    expect(pausesMs).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
  });

  test("requests that fail together are one failure of the pause", () => {
    const backoff = createBackoff();
    fail(backoff, 0, 200);
    expect(backoff.allows(99)).toBe(false);
    expect(backoff.allows(100)).toBe(true);
  });

  test("one success and everything is allowed again, from the shortest pause", () => {
    const backoff = createBackoff();
    fail(backoff, 0, 5);
    backoff.noteFailure(100);
    backoff.noteSuccess();
    expect(backoff.allows(101)).toBe(true);
    fail(backoff, 200, 5);
    expect(backoff.allows(300)).toBe(true);
  });
});
