import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mix, permute, Random } from "./random.ts";

describe("permute", () => {
  test("is a bijection of every size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.nat(), (size, key) => {
        const places = new Set(
          Array.from({ length: size }, (_, index) => permute(index, size, key)),
        );
        expect(places.size).toBe(size);
        expect(Math.min(...places)).toBe(0);
        expect(Math.max(...places)).toBe(size - 1);
      }),
      { numRuns: 50 },
    );
  });

  test("leaves little in its place", () => {
    const size = 10_000;
    const fixed = Array.from({ length: size }, (_, index) => index).filter(
      (index) => permute(index, size, 7) === index,
    );
    expect(fixed.length).toBeLessThan(10);
  });
});

describe("Random", () => {
  test("the same seed gives the same numbers, another one others", () => {
    const draw = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.unit());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)[0]).toBe(0.6270739405881613);
  });

  test("draws every member about as often", () => {
    const random = new Random(mix(1, 2));
    const counts = [0, 0, 0, 0, 0, 0];
    for (let draw = 0; draw < 60_000; draw += 1) {
      const face = random.below(6);
      counts[face] = (counts[face] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("an empty list has no member", () => {
    expect(() => new Random(1).pick([])).toThrow(RangeError);
  });
});
