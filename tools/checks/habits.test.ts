import { describe, expect, test } from "bun:test";
import { checkHabits } from "./habits.ts";
import { parseSource } from "./source.ts";

function complaints(path: string, text = ""): string[] {
  return checkHabits([parseSource(path, text)]).map(({ message }) => message);
}

describe("names", () => {
  test.each([
    ["service/src/cache/redisStore.ts", "not kebab-case"],
    ["service/src/cache/RedisStore.ts", "not kebab-case"],
    ["service/src/cache/redis_store.ts", "not kebab-case"],
    ["service/src/Cache/store.ts", "not kebab-case"],
    ["service/src/utils/time.ts", "names nothing"],
    ["service/src/cache/utils.ts", "names nothing"],
    ["service/src/cache/cache-manager.ts", "names nothing"],
    ["service/src/common/index.ts", "names nothing"],
    ["packages/laws/helpers.test.ts", "names nothing"],
    ["service/src/cache/cache.store.test.ts", '"store" is no suite'],
    ["service/src/cache/cache.fast.test.ts", '"fast" is no suite'],
    ["service/src/cache/cache.integration.test.ts", "there are fast, stores"],
    ["service/src/cache/cache.spec.ts", '".spec." is no kind'],
  ])("%s", (path, rule) => {
    const [complaint, ...more] = complaints(path);
    expect(complaint).toContain(rule);
    expect(more).toEqual([]);
  });

  test.each([
    "service/src/cache/redis-store.ts",
    "service/src/cache/cache.test.ts",
    "service/src/cache/cache.stores.test.ts",
    "operator/src/control/loop.soak.test.ts",
    "operator/src/control/metrics-source.contract.ts",
    "service/src/http/openapi.generated.ts",
    "service/src/performance/console/page.tsx",
    "loadtest/k6.d.ts",
  ])("%s is fine", (path) => {
    expect(complaints(path)).toEqual([]);
  });
});

describe("length", () => {
  const lines = (count: number) => "a;\n".repeat(count);

  test("400 lines are the most, except in tests and what is generated", () => {
    expect(complaints("service/src/cache/cache.ts", lines(400))).toEqual([]);
    expect(complaints("service/src/cache/cache.ts", lines(401))[0]).toContain("has 401 lines");
    expect(complaints("service/src/cache/cache.test.ts", lines(900))).toEqual([]);
    expect(complaints("service/src/http/openapi.generated.ts", lines(900))).toEqual([]);
  });
});

describe("tests", () => {
  test.each([
    'test.only("x", f);',
    'test.skip("x", f);',
    'test.todo("x");',
    'test.failing("x", f);',
    'describe.only("x", f);',
    'it.skip("x", f);',
    'xit("x", f);',
    "await Bun.sleep(5);",
    "setTimeout(f, 5);",
    'import { setTimeout as pause } from "node:timers/promises";',
    'mock.module("./a.ts", f);',
  ])("never %s", (text) => {
    expect(complaints("packages/laws/ttl.test.ts", text)).toHaveLength(1);
    expect(complaints("packages/laws/ttl.contract.ts", text)).toHaveLength(1);
  });

  test.each([
    'test("x", f); describe("y", f); it("z", f);',
    "test.each([1])('x', f);",
    'test.skipIf(missing)("needs nginx", f);',
    "options.only; list.skip; exited.only();",
    'const text = "test.only";',
  ])("may %s", (text) => {
    expect(complaints("packages/laws/ttl.test.ts", text)).toEqual([]);
  });

  test("other code may have timers", () => {
    expect(complaints("service/src/cache/flight.ts", "setTimeout(f, 5);")).toEqual([]);
  });
});

test("a file that does not parse is a violation", () => {
  expect(complaints("packages/laws/ttl.ts", "const = 1;")[0]).toContain("cannot be read");
});
