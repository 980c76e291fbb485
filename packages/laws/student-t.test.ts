import { expect, test } from "bun:test";
import { incompleteBeta, logGamma, studentQuantile, studentTail } from "./student-t.ts";

// Table of critical values: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
test.each([
  [0.975, 1, 12.706],
  [0.95, 5, 2.015],
  [0.99, 10, 2.764],
  [0.995, 18, 2.878],
  [0.999, 3, 10.215],
  [0.9, 100, 1.29],
])("the quantile of %d at %d degrees of freedom is %d", (probability, df, expected) => {
  expect(studentQuantile(probability, df)).toBeCloseTo(expected, 3);
});

test("many degrees of freedom give the normal quantile, one gives Cauchy's", () => {
  expect(studentQuantile(0.995, 1e7)).toBeCloseTo(2.5758293, 5);
  expect(studentQuantile(0.99, 1)).toBeCloseTo(Math.tan(Math.PI * 0.49), 8);
});

test("two degrees of freedom have a closed form, and halves lie between their neighbours", () => {
  const p = 0.995;
  expect(studentQuantile(p, 2)).toBeCloseTo((2 * p - 1) / Math.sqrt(2 * p * (1 - p)), 9);
  expect(studentQuantile(p, 2.5)).toBeLessThan(studentQuantile(p, 2));
  expect(studentQuantile(p, 2.5)).toBeGreaterThan(studentQuantile(p, 3));
});

test("the distribution is symmetric and its tail falls", () => {
  expect(studentQuantile(0.2, 7)).toBeCloseTo(-studentQuantile(0.8, 7), 12);
  expect(studentQuantile(0.5, 7)).toBeCloseTo(0, 10);
  expect(studentTail(0, 4)).toBeCloseTo(0.5, 12);
});

test("what is no probability or no degree of freedom has no quantile", () => {
  for (const [p, df] of [
    [0, 5],
    [1, 5],
    [Number.NaN, 5],
    [0.5, 0],
    [0.5, Number.NaN],
  ] as const)
    expect(studentQuantile(p, df)).toBeNaN();
});

test("the functions beneath agree with their closed forms", () => {
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
  expect(logGamma(0.25)).toBeCloseTo(1.2880225246980774, 11);
  expect(logGamma(11)).toBeCloseTo(Math.log(3_628_800), 11);
  expect(incompleteBeta(0.3, 1, 1)).toBeCloseTo(0.3, 12);
  expect(incompleteBeta(0.3, 2, 2)).toBeCloseTo(3 * 0.09 - 2 * 0.027, 12);
});
