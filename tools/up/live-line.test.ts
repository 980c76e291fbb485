import { expect, test } from "bun:test";
import { formatDecision, formatLiveLine } from "./live-line.ts";

const plain = Bun.stripANSI;

const decision = {
  time: "2026-11-24T10:00:00.000Z",
  knob: "ttl/product",
  from: "10",
  to: "20",
  reason: "HitRateBelowTarget",
  verdict: "Verified",
  message: "",
} as const;

test("the line says rate, latency, hit rate, TTL and the last decision", () => {
  const figures = {
    requestsPerSecond: 399.6,
    p95Ms: 4.21,
    productHitRate: 0.7912,
    productTtlSeconds: 20,
  };
  expect(plain(formatLiveLine(figures, decision))).toBe(
    "400 req/s  |  P95 4.2 ms  |  product fresh hits 79.1 %  |  TTL 20 s  |  last: " +
      "ttl/product 10 -> 20: HitRateBelowTarget (Verified)",
  );
});

test("what cannot be told is a dash, never a zero", () => {
  const nothing = {
    requestsPerSecond: null,
    p95Ms: null,
    productHitRate: null,
    productTtlSeconds: null,
  };
  expect(plain(formatLiveLine(nothing, undefined))).toBe(
    "– req/s  |  P95 –  |  product fresh hits –  |  TTL –",
  );
});

test("a service that gives no answer is told with what helps", () => {
  expect(formatLiveLine(null, decision)).toContain("./mestore logs service");
});

test("a decision is one line", () => {
  expect(formatDecision(decision)).toBe("ttl/product 10 -> 20: HitRateBelowTarget (Verified)");
});
