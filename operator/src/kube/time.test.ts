import { expect, test } from "bun:test";
import { fullJitterSeconds } from "./time.ts";

const bounds = { baseSeconds: 1, capSeconds: 30 };

test("back-off is anything from nothing to a bound that doubles and stops", () => {
  const most = () => 0.999_999;
  const bound = (failures: number) => Math.ceil(fullJitterSeconds(failures, most, bounds));
  expect([1, 2, 3, 4, 5, 6, 1000].map(bound)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  expect(fullJitterSeconds(5, () => 0, bounds)).toBe(0);
});
