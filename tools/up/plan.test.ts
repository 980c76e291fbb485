import { expect, test } from "bun:test";
import { describeChanges, type PlanInput, planUp } from "./plan.ts";
import type { PartName, PartRecord, PartSettings } from "./state.ts";

const record = (pid: number, settings: PartSettings): PartRecord => ({
  pid,
  birth: "b",
  since: "2026-11-24T10:00:00.000Z",
  log: "/tmp/log",
  settings,
});

const plan = (input: Partial<PlanInput>) =>
  planUp({ wanted: {}, recorded: {}, living: {}, silent: new Set<PartName>(), ...input });

const wanted = { postgres: { port: 1 }, service: { port: 8000 } };

test("nothing runs: everything starts, stores first", () => {
  expect(plan({ wanted })).toEqual([
    { name: "postgres", action: "start", because: null },
    { name: "service", action: "start", because: null },
  ]);
});

test("what died starts again, what lives stays", () => {
  const recorded = { postgres: record(10, { port: 1 }), service: record(20, { port: 8000 }) };
  expect(plan({ wanted, recorded, living: { service: recorded.service } })).toEqual([
    { name: "postgres", action: "start", because: "process 10 had ended" },
    { name: "service", action: "keep" },
  ]);
});

test("another setting, or no answer, is a restart that says why", () => {
  const living = { postgres: record(10, { port: 1 }), service: record(20, { port: 8001 }) };
  expect(plan({ wanted, recorded: living, living, silent: new Set(["postgres"]) })).toEqual([
    { name: "postgres", action: "restart", because: "process 10 does not answer" },
    { name: "service", action: "restart", because: "port 8001 -> 8000" },
  ]);
});

test("what an interrupted `up` has left without a word is started anew", () => {
  const living = { postgres: record(10, {}) };
  expect(plan({ wanted: { postgres: { port: 1 } }, recorded: living, living })).toEqual([
    { name: "postgres", action: "restart", because: "left by an `up` that was cut short" },
  ]);
});

test("what is no longer asked for stops, and only if it lives", () => {
  const living = { operator: record(30, {}) };
  const recorded = { ...living, traffic: record(40, {}) };
  expect(plan({ recorded, living })).toEqual([
    { name: "operator", action: "stop", because: "no longer asked for" },
  ]);
});

test("changes are told without passwords", () => {
  const before = { redis: "redis://:one@h:1/0", timeScale: 1, gone: "x" };
  const after = { redis: "redis://:two@h:2/0", timeScale: 15 };
  expect(describeChanges(before, after)).toBe(
    "redis redis://:***@h:1/0 -> redis://:***@h:2/0, timeScale 1 -> 15, gone x -> unset",
  );
  expect(describeChanges(after, after)).toBe("");
});
