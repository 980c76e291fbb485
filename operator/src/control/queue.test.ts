import { expect, test } from "bun:test";
import fc from "fast-check";
import { createQueue } from "./queue.ts";

const queue = () => createQueue({ intervalSeconds: 15 });

test("a new key is due at once, and then an interval after its last start", () => {
  const one = queue();
  one.sync(["a"], 100);
  expect(one.take(100)).toEqual({ key: "a", waitedSeconds: 0 });
  one.finish("a", true, 102);
  expect(one.nextDueSeconds()).toBe(115);
  expect(one.take(114.9)).toBeNull();
  expect(one.take(116)).toEqual({ key: "a", waitedSeconds: 1 });
});

test("a key is never given out twice, also when it changes while its pass runs; then it is due at once", () => {
  const one = queue();
  one.sync(["a"], 100);
  one.take(100);
  one.touch("a", 101);
  expect(one.take(200)).toBeNull();
  one.finish("a", true, 103);
  expect(one.take(103)).toEqual({ key: "a", waitedSeconds: 0 });
});

test("what changes over and over is looked at once a second", () => {
  const one = queue();
  one.sync(["a"], 100);
  let passes = 0;
  for (let at = 100; at < 110; at += 0.1) {
    one.touch("a", at);
    if (one.take(at) === null) continue;
    passes += 1;
    one.finish("a", true, at + 0.01);
  }
  expect(passes).toBeGreaterThanOrEqual(9);
  expect(passes).toBeLessThanOrEqual(10);
});

test("failures double the pause up to a minute; a success ends it", () => {
  const one = queue();
  one.sync(["a"], 0);
  const pauses: number[] = [];
  let at = 0;
  for (const isFine of [true, false, false, false, false, true, true]) {
    one.take(at);
    one.finish("a", isFine, at);
    pauses.push(one.nextDueSeconds() - at);
    at = one.nextDueSeconds();
  }
  expect(pauses).toEqual([15, 30, 60, 60, 60, 15, 15]);
});

test("the key that waits longest comes first, and none is kept waiting by another that changes", () => {
  const one = queue();
  one.sync(["a", "b"], 0);
  one.take(0);
  one.finish("a", true, 0);
  one.touch("a", 5);
  expect(one.depth(5)).toBe(2);
  expect(one.take(5)?.key).toBe("b");
  expect(one.take(5)?.key).toBe("a");
});

test("a key that is gone is given out no more; giving it back brings nothing back", () => {
  const one = queue();
  one.sync(["a", "b"], 0);
  one.take(0);
  one.sync(["b"], 1);
  one.finish("a", true, 2);
  one.touch("a", 2);
  expect(one.take(2)?.key).toBe("b");
  expect(one.take(100)).toBeNull();
});

test("a key that goes and comes back while its pass runs is not given out beside it, and is due at once after it", () => {
  const one = queue();
  one.sync(["a"], 0);
  one.take(0);
  one.sync([], 1);
  one.sync(["a"], 1.1);
  expect(one.take(1.1)).toBeNull();
  expect(one.takeNow("a", 1.1)).toBeFalse();
  one.finish("a", true, 2);
  expect(one.take(2)?.key).toBe("a");
});

test("whatever happens: one pass of a key at a time, none forgotten, none too often", () => {
  const keys = ["a", "b", "c"];
  const action = fc.record({
    seconds: fc.double({ min: 0, max: 20, noNaN: true }),
    does: fc.constantFrom("take", "fine", "fail", "touch", "wait", "go", "come"),
    key: fc.constantFrom(...keys),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const one = queue();
      const given = new Set<string>();
      let at = 0;
      one.sync(keys, at);
      for (const { seconds, does, key } of actions) {
        at += seconds;
        if (does === "touch") one.touch(key, at);
        if (does === "go")
          one.sync(
            keys.filter((other) => other !== key),
            at,
          );
        if (does === "come") one.sync(keys, at);
        if (does === "fine" || does === "fail") {
          one.finish(key, does === "fine", at);
          given.delete(key);
        }
        if (does !== "take") continue;
        const due = one.take(at);
        if (due === null) continue;
        expect(given.has(due.key)).toBeFalse();
        given.add(due.key);
      }
      one.sync(keys, at);
      for (const key of given) one.finish(key, true, at);
      // A minute and an interval later every key has had its turn.
      at += 75;
      const turns = new Set(keys.map(() => one.take(at)?.key));
      expect(turns).toEqual(new Set(keys));
    }),
    { numRuns: 2000 },
  );
});
