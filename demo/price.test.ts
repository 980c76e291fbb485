import { expect, test } from "bun:test";
import fc from "fast-check";
import { decidePriceMinor, endPriceMinor } from "./price.ts";

test.each([
  [4.2, 0, 495],
  [4.2, 0.9, 450],
  [23.6, 0.1, 2399],
  [23.6, 0.6, 2395],
  [23.6, 0.9, 2390],
  [131, 0.1, 13_499],
  [131, 0.5, 13_400],
  [1246, 0.5, 124_900],
])("%d € with the ending %d", (euros, ending, minor) => {
  expect(endPriceMinor(euros, ending)).toBe(minor);
});

test("stays near its range and grows with the equipment", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 900 }), share, share, (low, position, ending) => {
      const price = decidePriceMinor([low, low * 4], position, ending);
      expect(price).toBeGreaterThanOrEqual(low * 100 - 100);
      expect(price).toBeLessThanOrEqual(low * 400 + 1000);
      expect(decidePriceMinor([low, low * 4], 1, ending)).toBeGreaterThanOrEqual(price);
      expect(Number.isInteger(price)).toBe(true);
    }),
  );
});
