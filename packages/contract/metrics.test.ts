import { describe, expect, test } from "bun:test";
import { type MetricDefinition, operatorMetrics, serviceMetrics } from "./metrics.ts";

const tables: Readonly<Record<string, readonly MetricDefinition[]>> = {
  service: Object.values(serviceMetrics),
  operator: Object.values(operatorMetrics),
};

/** Prometheus naming: base unit, then `_total` for what only grows. */
const suffixes: Readonly<Record<MetricDefinition["unit"], string>> = {
  seconds: "_seconds",
  bytes: "_bytes",
  cores: "_cores",
  ratio: "_ratio",
  "1": "",
};

for (const [program, definitions] of Object.entries(tables)) {
  describe(`metrics of the ${program}`, () => {
    test("every name stands once, also with the suffixes of histograms", () => {
      const names = definitions.flatMap(({ name, kind }) =>
        kind === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      );
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    });

    for (const { name, kind, unit, help, labels, buckets } of definitions) {
      test(`${name} is named by its kind and unit`, () => {
        expect(name).toMatch(/^[a-z][a-z0-9_]*[a-z0-9]$/);
        expect(name).toMatch(/^(mestore|http_server|db_client|process)_/);
        expect(name.endsWith("_total")).toBe(kind === "counter");
        expect(name.replace(/_total$/, "")).toEndWith(suffixes[unit]);
        expect(help).toMatch(/^\S.*\.$/);
      });

      test(`${name} has bounded labels`, () => {
        for (const [label, values] of Object.entries(labels)) {
          expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
          expect(label).not.toBe("le");
          if (values === "bounded") continue;
          expect(values.length).toBeGreaterThan(0);
          expect(new Set(values).size).toBe(values.length);
          expect(values).not.toContain("");
        }
      });

      test(`${name} has edges if it is a histogram, growing and finite`, () => {
        expect(buckets !== undefined).toBe(kind === "histogram");
        const edges = buckets ?? [];
        expect(edges.every(Number.isFinite)).toBe(true);
        expect(edges).toEqual(edges.toSorted((a, b) => a - b));
        expect(new Set(edges).size).toBe(edges.length);
      });
    }
  });
}
