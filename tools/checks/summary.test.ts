import { expect, test } from "bun:test";
import { addTallies, formatSummary, noTests, refuseSkips } from "./summary.ts";

test("the summary line has skips only when there are some", () => {
  expect(formatSummary({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
  expect(formatSummary({ passed: 1, failed: 2, skipped: 3 })).toBe("1 passed, 2 failed, 3 skipped");
});

test("tallies add up", () => {
  expect(addTallies([])).toEqual(noTests);
  const one = { passed: 1, failed: 2, skipped: 3 };
  expect(addTallies([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
});

test("refused skips are failures", () => {
  const refused = refuseSkips({ passed: 5, failed: 1, skipped: 2 });
  expect(formatSummary(refused)).toBe("5 passed, 3 failed");
});
