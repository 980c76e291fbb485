import { describe, expect, test } from "bun:test";
import { objectives } from "@mestore/contract/sla";
import { createSlaDashboard } from "./sla-dashboard.ts";

/** The members of Grafana's v1 model that are looked at here; the builders know all of them. */
interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit: string;
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] };
    };
  };
  readonly targets: readonly {
    readonly expr: string;
    readonly refId: string;
    readonly datasource: { readonly uid: string };
  }[];
}

const dashboard = createSlaDashboard();
const panels = (dashboard.panels ?? []) as unknown as readonly PanelJson[];

test("at most 20 panels, each with an id of its own", () => {
  expect(panels.length).toBeLessThanOrEqual(20);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});

describe("every panel", () => {
  for (const panel of panels)
    test(panel.title, () => {
      expect(panel.description).toMatch(/^\p{L}.*\.$|^\d.*\.$/u);
      expect(panel.fieldConfig.defaults.unit).not.toBe("");
      expect(panel.targets.length).toBeGreaterThan(0);
      expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
      // A person chooses the data source: no panel is bound to one.
      for (const { uid } of [panel.datasource, ...panel.targets.map((one) => one.datasource)])
        expect(uid).toBe("${datasource}");
      for (const { expr } of panel.targets)
        for (const [, range] of expr.matchAll(/\[([^\]]+)\]/g))
          expect(range).toBe("$__rate_interval");
    });
});

test("panels lie within the grid and none on another", () => {
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});

test("every objective has its panel, with a line at its target", () => {
  for (const { title, target } of objectives) {
    const panel = panels.find((one) => one.title === title);
    const values = panel?.fieldConfig.defaults.thresholds?.steps.map(({ value }) => value);
    expect([title, values]).toEqual([title, [null, target]]);
  }
});

test("a person can choose the data source, the namespace and the pods", () => {
  const variables = dashboard.templating?.list ?? [];
  expect(variables.map(({ name, type }) => [name, type])).toEqual([
    ["datasource", "datasource"],
    ["namespace", "query"],
    ["pod", "query"],
  ]);
});
