import { describe, expect, test } from "bun:test";
import { pageClassNames } from "./cache-classes.ts";
import { type MetricDefinition, serviceMetrics } from "./metrics.ts";
import type { Selector } from "./samples.ts";
import { hitRateIndicator, type Indicator, objectives } from "./sla.ts";

const definitions: readonly MetricDefinition[] = Object.values(serviceMetrics);

/** The metric that a series belongs to: a histogram's is known by its parts. */
function definitionOf({ metric }: Selector): MetricDefinition | undefined {
  const plain = metric.replace(/_(bucket|sum|count)$/, "");
  return definitions.find(({ name, kind }) => name === (kind === "histogram" ? plain : metric));
}

function selectorsOf(indicator: Indicator): readonly Selector[] {
  switch (indicator.kind) {
    case "ratio":
      return [...indicator.good, ...indicator.total];
    case "overThreshold":
    case "mean":
      return [indicator.histogram];
    case "gauge":
      return [indicator.metric];
    case "rate":
      return [indicator.counter];
  }
}

describe("objectives", () => {
  test("every name stands once", () => {
    const names = objectives.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("only availability, P95 and P99 have an error budget", () => {
    const budgeted = objectives.filter(({ budget }) => budget).map(({ name }) => name);
    expect(budgeted).toEqual(["api-p95", "api-p99", "availability"]);
  });

  for (const { name, indicator, better, target, unit } of objectives) {
    test(`${name} selects metrics, labels and values that are in the table`, () => {
      for (const selector of selectorsOf(indicator)) {
        const definition = definitionOf(selector);
        expect([selector.metric, definition === undefined]).toEqual([selector.metric, false]);
        for (const [label, wanted] of Object.entries({ ...selector.labels, ...selector.except })) {
          const listed = definition?.labels[label];
          expect([label, listed === undefined]).toEqual([label, false]);
          if (listed === undefined || listed === "bounded") continue;
          for (const value of typeof wanted === "string" ? [wanted] : wanted)
            expect(listed).toContain(value);
        }
      }
    });

    test(`${name} is measured in its unit`, () => {
      if (indicator.kind === "overThreshold") {
        expect(definitionOf(indicator.histogram)?.buckets).toContain(indicator.edgeSeconds);
        expect([unit, target, better]).toEqual(["seconds", indicator.edgeSeconds, "below"]);
      }
      if (indicator.kind === "ratio") {
        expect(unit).toBe("ratio");
        expect(target).toBeGreaterThan(0);
        expect(target).toBeLessThan(1);
      }
    });
  }

  test("the hit rate is over all page classes and leaves negative answers out", () => {
    const indicator = hitRateIndicator(pageClassNames);
    const total = indicator.kind === "ratio" ? indicator.total[0]?.labels : undefined;
    expect(total?.["outcome"]).toEqual(["hit", "stale", "coalesced", "miss"]);
    expect(total?.["class"]).toEqual(["product", "catalog", "search", "suggestion", "response"]);
  });
});
