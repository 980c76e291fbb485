import { expect, test } from "bun:test";
import { openConnections } from "./open-connections.ts";

/** A database that lets so many statements succeed at a time, and a clock that only pauses move. */
function createBed(succeeding: () => number) {
  const bed = { ms: 0, rounds: 0, running: 0 };
  const options = {
    connections: 4,
    monotonicMs: () => bed.ms,
    async sleep(ms: number) {
      bed.ms += ms;
    },
    async ask() {
      if (bed.running === 0) bed.rounds += 1;
      bed.running += 1;
      const turn = bed.running;
      await Promise.resolve();
      bed.running -= 1;
      if (turn > succeeding()) throw new Error("refused");
    },
  };
  return { bed, open: () => openConnections(options) };
}

test("asks as often at once as there are connections, and no second time", async () => {
  const { bed, open } = createBed(() => 4);
  expect(await open()).toBe(true);
  expect(bed).toEqual({ ms: 0, rounds: 1, running: 0 });
});

test("asks again until every connection answers", async () => {
  const { bed, open } = createBed(() => bed.rounds + 1);
  expect(await open()).toBe(true);
  expect(bed.rounds).toBe(3);
  expect(bed.ms).toBe(400);
});

test("goes on without those that cannot be made", async () => {
  const { bed, open } = createBed(() => 3);
  expect(await open()).toBe(false);
  expect(bed.ms).toBe(10_000);
});
