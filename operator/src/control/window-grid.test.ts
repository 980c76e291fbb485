import { expect, test } from "bun:test";
import { createTiming } from "@mestore/laws/timing";
import { roundWindowDown, roundWindowUp } from "./window-grid.ts";

const timing = createTiming();

test("lengths of the grid stay what they are, the period of the law among them", () => {
  for (const seconds of [75, 150, 300, 600, 1200, 38_400]) {
    expect(roundWindowUp(seconds, timing)).toBe(seconds);
    expect(roundWindowDown(seconds, timing)).toBe(seconds);
  }
});

test("others are rounded by less than the square root of two, the way that is asked for", () => {
  for (let seconds = 85; seconds < 50_000; seconds += 7.3) {
    const [down, up] = [roundWindowDown(seconds, timing), roundWindowUp(seconds, timing)];
    expect(down <= seconds && seconds < down * 1.4143).toBeTrue();
    expect(seconds <= up && up < seconds * 1.4143).toBeTrue();
    expect(roundWindowUp(up, timing)).toBe(up);
    expect(roundWindowDown(down, timing)).toBe(down);
  }
});

test("what is too short for the grid is left as it is", () => {
  expect([30, 60, 74].map((seconds) => roundWindowDown(seconds, timing))).toEqual([30, 60, 74]);
});

test("a scaled time has a scaled grid", () => {
  expect(roundWindowUp(7, createTiming(60))).toBeCloseTo(5 * Math.SQRT2, 9);
  expect(roundWindowDown(5.1, createTiming(60))).toBe(5);
});
