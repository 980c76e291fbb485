import { expect, test } from "bun:test";
import { waitFor } from "./wait-for.ts";

test("answers with what the condition gave, once it is truthy", async () => {
  let looks = 0;
  const value = await waitFor(() => (++looks < 3 ? null : `look ${looks}`), { intervalMs: 1 });
  expect(value).toBe("look 3");
});

test("an error is a condition that does not hold yet, and the last one is told", async () => {
  const refused = () => {
    throw new Error("refused");
  };
  await expect(
    waitFor(refused, { timeoutMs: 20, intervalMs: 1, what: "an answer" }),
  ).rejects.toThrow("waited 20 ms for an answer: refused");
});

test("a condition that hangs does not outlive the deadline", async () => {
  const hangs = () => new Promise<boolean>(() => {});
  await expect(waitFor(hangs, { timeoutMs: 20 })).rejects.toThrow("did not end in time");
});
