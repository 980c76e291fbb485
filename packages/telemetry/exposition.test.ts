import { describe, expect, test } from "bun:test";
import { type MetricDefinition, operatorMetrics, serviceMetrics } from "@mestore/contract/metrics";
import { collectSamples, type Samples } from "@mestore/contract/samples";
import parse from "parse-prometheus-text-format";
import { formatExposition } from "./exposition.ts";
import { createRegistry, type Registry } from "./registry.ts";

/**
 * Reads an exposition back by an independent parser, line by line: told the type of a histogram, it
 * would fold the series of a family into one.
 */
function samplesOf(text: string): Samples {
  const untyped = text.replaceAll(/^# TYPE .*\n/gm, "");
  return collectSamples(
    parse(untyped).flatMap(({ name, metrics }) =>
      metrics.map(({ value, labels = {} }) => ({ name, labels, value: Number(value) })),
    ),
  );
}

const asObject = (samples: Samples) =>
  Object.fromEntries([...samples].map(([name, series]) => [name, Object.fromEntries(series)]));

/** A series of every metric of a table, each with a value of its own. */
function fill(registry: Registry, table: Readonly<Record<string, MetricDefinition>>): void {
  Object.values(table).forEach((definition, index) => {
    const labels = Object.fromEntries(
      Object.entries(definition.labels).map(([name, values]) => [
        name,
        values === "bounded" ? `some ${name}` : (values[0] ?? ""),
      ]),
    );
    if (isHistogram(definition)) {
      const distribution = registry.distribution(definition, labels);
      for (const seconds of [0.0001, 0.016, 0.3, 60]) distribution.observe(seconds);
    } else if (isScalar(definition)) registry.cell(definition, labels).add(index + 0.25);
  });
}

const isHistogram = (d: MetricDefinition): d is MetricDefinition & { kind: "histogram" } =>
  d.kind === "histogram";
const isScalar = (d: MetricDefinition): d is MetricDefinition & { kind: "counter" | "gauge" } =>
  d.kind !== "histogram";

describe("exposition", () => {
  for (const [program, table] of Object.entries({ serviceMetrics, operatorMetrics })) {
    test(`every series of ${program}, read back by another parser, is the registry's own`, () => {
      const registry = createRegistry();
      fill(registry, table);
      expect(asObject(samplesOf(formatExposition(registry)))).toEqual(asObject(registry.collect()));
    });

    test(`names, types and helps are those of ${program}`, () => {
      const registry = createRegistry();
      fill(registry, table);
      const comments = formatExposition(registry)
        .split("\n")
        .filter((line) => line.startsWith("#"));
      expect(comments).toEqual(
        Object.values(table).flatMap(({ name, kind, help }) => [
          `# HELP ${name} ${help}`,
          `# TYPE ${name} ${kind}`,
        ]),
      );
    });
  }

  test("is plain text format: no scope, target or unit lines, no time stamps", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.tuningRejected, {}).add(3);
    registry
      .distribution(serviceMetrics.requestDuration, {
        http_request_method: "GET",
        http_route: "/products",
        http_response_status_code: "200",
      })
      .observe(0.3);
    const lines = formatExposition(registry).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "# HELP mestore_tuning_rejected_total Tuning documents refused; the last good one stayed in force.",
      "# TYPE mestore_tuning_rejected_total counter",
      "mestore_tuning_rejected_total 3",
    ]);
    const labels =
      'http_request_method="GET",http_route="/products",http_response_status_code="200"';
    const name = "http_server_request_duration_seconds";
    expect(lines).toContain(`${name}_bucket{${labels},le="0.2"} 0`);
    expect(lines).toContain(`${name}_bucket{${labels},le="0.3"} 1`);
    expect(lines).toContain(`${name}_bucket{${labels},le="+Inf"} 1`);
    expect(lines).toContain(`${name}_count{${labels}} 1`);
    expect(lines.at(-1)).toBe("");
  });

  test("quotes, backslashes and line breaks in a label survive", () => {
    const registry = createRegistry();
    const http_route = 'a"b\\c\nd{}';
    registry
      .distribution(serviceMetrics.requestDuration, {
        http_request_method: "GET",
        http_route,
        http_response_status_code: "200",
      })
      .observe(1);
    expect(formatExposition(registry)).toContain(String.raw`http_route="a\"b\\c\nd{}"`);
  });

  test("a gauge that is infinite is written as the format wants it", () => {
    const registry = createRegistry();
    registry.cell(serviceMetrics.storeMemoryLimit, {}).set(Infinity);
    expect(formatExposition(registry)).toContain("mestore_cache_store_memory_limit_bytes +Inf\n");
  });
});
