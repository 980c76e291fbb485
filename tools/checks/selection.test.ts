import { describe, expect, test } from "bun:test";
import { selectSuites } from "./selection.ts";
import { isTestCode, parseTestFile, type SuiteName } from "./suites.ts";

const nothingMissing = () => null;
const onlyPromtool = (suite: SuiteName) => (suite === "rules" ? null : "helm");

function suites(named: string[], all: boolean, missingTool = onlyPromtool) {
  const selection = selectSuites({ named, all, missingTool });
  return selection.ok ? selection.suites : selection.unknown;
}

describe("selection", () => {
  test("no argument: fast, stores, and what the machine has the tools for", () => {
    expect(suites([], false)).toEqual(["fast", "stores", "rules"]);
    expect(suites([], false, nothingMissing)).not.toContain("soak");
  });

  test("what is left out has a reason", () => {
    const selection = selectSuites({ named: [], all: false, missingTool: onlyPromtool });
    expect(selection.ok && selection.left.map(({ suite }) => suite)).toEqual([
      "browser",
      "charts",
      "cluster",
      "node",
      "soak",
    ]);
    expect(selection.ok && selection.left[0]?.reason).toContain("it needs helm");
  });

  test("all: the rest too, but soak", () => {
    const all = ["fast", "stores", "rules", "browser", "charts", "cluster", "node"];
    expect(suites([], true)).toEqual(all);
    expect(suites(["soak"], true)).toEqual([...all, "soak"]);
  });

  test("named ones run, once, in the order of the suites, whatever they lack", () => {
    expect(suites(["charts", "fast", "charts"], false)).toEqual(["fast", "charts"]);
    expect(suites(["soak"], false)).toEqual(["soak"]);
  });

  test("unknown names are named", () => {
    expect(suites(["fast", "slow", "Stores"], false)).toEqual(["slow", "Stores"]);
  });
});

describe("test files", () => {
  test.each([
    ["packages/laws/ttl.test.ts", "fast"],
    ["service/src/cache/cache.stores.test.ts", "stores"],
    ["tools/dashboards.rules.test.ts", "rules"],
    ["service/src/console.browser.test.tsx", "browser"],
    ["charts.charts.test.ts", "charts"],
    ["operator/test/lease.cluster.test.ts", "cluster"],
    ["operator/test/pods.node.test.ts", "node"],
    ["service/test/memory.soak.test.ts", "soak"],
  ])("%s belongs to %s", (path, suite) => {
    expect(parseTestFile(path)).toEqual({ kind: "suite", suite: suite as SuiteName });
  });

  test.each(["cache.store.test.ts", "cache.fast.test.ts", "cache.stores.slow.test.ts"])(
    "%s belongs to none",
    (path) => {
      expect(parseTestFile(path)).toMatchObject({ kind: "unknown" });
    },
  );

  test.each(["cache.ts", "test.ts", "cache.contract.ts", "test/stores.ts", "latest.ts"])(
    "%s is none",
    (path) => {
      expect(parseTestFile(path)).toBeUndefined();
    },
  );

  test("test code is what only tests load", () => {
    expect(isTestCode("service/src/cache/store.contract.ts")).toBe(true);
    expect(isTestCode("service/src/cache/test-bed.fixture.ts")).toBe(true);
    expect(isTestCode("service/test/start.ts")).toBe(true);
    expect(isTestCode("tools/commands/test.ts")).toBe(false);
    expect(isTestCode("tools/stack/test-stores.ts")).toBe(false);
  });
});
