import { expect, test } from "bun:test";
import { matchSelector, parseSelector } from "./selector.ts";

const pod = { app: "mestore", tier: "web", "pod-template-hash": "5d9f" };

test.each([
  [{ matchLabels: { app: "mestore" } }, true],
  [{ matchLabels: { app: "mestore", tier: "db" } }, false],
  [{ matchExpressions: [{ key: "tier", operator: "In", values: ["web", "api"] }] }, true],
  [{ matchExpressions: [{ key: "tier", operator: "NotIn", values: ["web"] }] }, false],
  [{ matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] }, true],
  [{ matchExpressions: [{ key: "tier", operator: "Exists" }] }, true],
  [{ matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, false],
  [{ matchExpressions: [{ key: "tier", operator: "Resembles", values: ["web"] }] }, false],
  [{}, false],
])("%j selects the pod: %p", (selector, selects) => {
  expect(matchSelector(selector)(pod)).toBe(selects);
});

test.each([
  ["app=mestore", true],
  ["app==mestore,tier=web", true],
  ["app=mestore,tier!=web", false],
  ["tier in (web, api),app", true],
  ["tier notin (db),!zone", true],
  ["zone notin (a)", true],
  ["!app", false],
  ["app=", false],
])("%p selects the pod: %p", (text, selects) => {
  expect(parseSelector(text)?.(pod)).toBe(selects);
});

test.each(["", "app in web", "a=b,,c=d", "=x"])("%p is no selector", (text) => {
  expect(parseSelector(text)).toBeNull();
});
