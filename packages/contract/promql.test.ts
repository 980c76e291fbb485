import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "./metrics.ts";
import {
  formatPromql,
  formatRange,
  formatSelector,
  type LabelMatcher,
  quoteRegex,
} from "./promql.ts";
import { availabilityIndicator, hitRateIndicator, latencyIndicator } from "./sla.ts";

const matchers: readonly LabelMatcher[] = [
  { name: "namespace", operator: "=", value: "shop" },
  { name: "pod", operator: "=~", value: "mestore-[a-z0-9]{1,10}-[a-z0-9]{5}" },
];
const scope = { matchers, range: "5m" };
const own = 'namespace="shop",pod=~"mestore-[a-z0-9]{1,10}-[a-z0-9]{5}"';

describe("selectors", () => {
  const cases = [
    ["a bare metric", { metric: "a" }, "a"],
    ["one value", { metric: "a", labels: { b: "c" } }, 'a{b="c"}'],
    ["one of one", { metric: "a", labels: { b: ["c"] } }, 'a{b="c"}'],
    ["one of several", { metric: "a", labels: { b: ["c", "d"] } }, 'a{b=~"c|d"}'],
    ["one of none", { metric: "a", labels: { b: [] } }, 'a{b=~".^"}'],
    ["none of several", { metric: "a", except: { b: ["c", "d"] } }, 'a{b!~"c|d"}'],
    ["none of one", { metric: "a", except: { b: ["c"] } }, 'a{b!="c"}'],
    [
      "characters of a regular expression",
      { metric: "a", labels: { b: ["c.d", "(e|f)+"] } },
      String.raw`a{b=~"c\\.d|\\(e\\|f\\)\\+"}`,
    ],
    [
      "quotes, backslashes and line ends",
      { metric: "a", labels: { b: 'c"\\\n' } },
      String.raw`a{b="c\"\\\n"}`,
    ],
  ] as const;
  for (const [what, selector, expected] of cases)
    test(what, () => expect(formatSelector(selector)).toBe(expected));

  test("the target's matchers come first", () => {
    expect(formatSelector({ metric: "a", labels: { b: "c" } }, matchers)).toBe(`a{${own},b="c"}`);
  });
});

test("a quoted text matches itself alone", () => {
  const text = String.raw`a\.+*?()|[]{}^$b-c/d`;
  expect(new RegExp(`^(?:${quoteRegex(text)})$`).test(text)).toBe(true);
  expect(new RegExp(`^(?:${quoteRegex("a.b")})$`).test("axb")).toBe(false);
});

describe("indicators", () => {
  const requests = "http_server_request_duration_seconds";

  test("ratio", () => {
    const { metric } = { metric: "mestore_cache_lookups_total" };
    const good = `sum(increase(${metric}{${own},class="product",outcome="hit"}[5m]))`;
    const total = `sum(increase(${metric}{${own},class="product",outcome=~"hit|stale|coalesced|miss"}[5m]))`;
    expect(formatPromql(hitRateIndicator(["product"]), scope)).toEqual({
      value: `(${good} or vector(0)) / (${total} > 0)`,
      samples: `${total} > 0`,
      shown: `(${good} or vector(0)) / (${total} > 0)`,
    });
  });

  test("ratio with exceptions", () => {
    expect(formatPromql(availabilityIndicator, { range: "$__rate_interval" }).value).toBe(
      `(sum(increase(${requests}_count{http_response_status_code!~"500|501|502|503|504"}[$__rate_interval])) or vector(0)) / (sum(increase(${requests}_count[$__rate_interval])) > 0)`,
    );
  });

  test("share above a threshold, and the quantile that is shown", () => {
    expect(formatPromql(latencyIndicator(0.95, 0.5), scope)).toEqual({
      value: String.raw`1 - sum(increase(${requests}_bucket{${own},le=~"0\\.5"}[5m])) / (sum(increase(${requests}_bucket{${own},le=~"\\+Inf"}[5m])) > 0)`,
      samples: String.raw`sum(increase(${requests}_bucket{${own},le=~"\\+Inf"}[5m])) > 0`,
      shown: `histogram_quantile(0.95, sum by (le) (increase(${requests}_bucket{${own}}[5m])))`,
    });
  });

  test("an edge that is a whole number is found however its Prometheus writes it", () => {
    expect(formatPromql(latencyIndicator(0.99, 1), scope).value).toContain(
      String.raw`le=~"1(\\.0)?"`,
    );
  });

  test("mean", () => {
    expect(formatPromql({ kind: "mean", histogram: { metric: requests } }, scope).value).toBe(
      `sum(increase(${requests}_sum{${own}}[5m])) / (sum(increase(${requests}_count{${own}}[5m])) > 0)`,
    );
  });

  test("gauges and counters are folded over the pods as the contract says", () => {
    const gauge = { metric: serviceMetrics.shadowObserved.name };
    expect(formatPromql({ kind: "gauge", metric: gauge }, scope)).toEqual({
      value: `max(min by (class) (${gauge.metric}{${own}}))`,
      samples: `count(min by (class) (${gauge.metric}{${own}}))`,
      shown: `max(min by (class) (${gauge.metric}{${own}}))`,
    });
    const counter = { metric: serviceMetrics.processCpu.name };
    expect(formatPromql({ kind: "rate", counter }, scope).value).toBe(
      `sum(avg (rate(${counter.metric}{${own}}[5m])))`,
    );
  });
});

test("a range is a whole number of seconds, at least one", () => {
  expect([300, 59.6, 0.2].map(formatRange)).toEqual(["300s", "60s", "1s"]);
});
