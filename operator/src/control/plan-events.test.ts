import { expect, test } from "bun:test";
import { planDecisionEvents } from "./plan-events.ts";
import type { DecisionRecord } from "./step.ts";

const record = (change: Partial<DecisionRecord>): DecisionRecord => ({
  knob: "ttl/product",
  from: 20,
  to: 40,
  reason: "CurveBelowGoal",
  verdict: "Applied",
  sentence: "The curve is below the goal.",
  inputs: {},
  revision: 3,
  ...change,
});

test("what one decision does to several knobs is one event; recommendations are one each; holds are none", () => {
  const events = planDecisionEvents([
    record({ verdict: "RolledBack", reason: "LatencyRegression", sentence: "Slow." }),
    record({
      verdict: "RolledBack",
      reason: "LatencyRegression",
      sentence: "Slow.",
      knob: "ttl/search",
      from: 30,
      to: 49.7,
    }),
    record({ verdict: "Held" }),
    record({ verdict: "Recommended", knob: "ttl/vendor" }),
    record({ verdict: "Recommended", knob: "ttl/facets" }),
  ]);
  expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
    "Warning RolledBack",
    "Normal Recommended",
    "Normal Recommended",
  ]);
  expect(events[0]?.message).toBe(
    "ttl/product 20 s -> 40 s, ttl/search 30 s -> 49.7 s (revision 3). LatencyRegression: Slow.",
  );
});

test("a document that was lost is told by its own reason, and as a warning", () => {
  const [event] = planDecisionEvents([record({ from: 20, to: 20, reason: "DocumentLost" })]);
  expect(event).toMatchObject({ type: "Warning", reason: "DocumentLost" });
});

test("a revision that nobody took up is told by its own reason", () => {
  const [event] = planDecisionEvents([
    record({ verdict: "Withdrawn", reason: "RevisionNotAdopted" }),
  ]);
  expect(event).toMatchObject({ type: "Warning", reason: "RevisionNotAdopted" });
  const [other] = planDecisionEvents([record({ verdict: "Withdrawn", reason: "NeverWritten" })]);
  expect(other?.reason).toBe("Withdrawn");
});
