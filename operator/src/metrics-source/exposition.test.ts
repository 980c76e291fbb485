import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { maximumSamples, parseExposition } from "./exposition.ts";

const samplesOf = (text: string) => {
  const parsed = parseExposition(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.exposition.samples;
};

test("reads names, labels, values and types; comments and time stamps say nothing", () => {
  const text = [
    "# HELP http_requests_total The total.",
    "# TYPE http_requests_total counter",
    'http_requests_total{method="post",code="200"} 1027 1395066363000',
    "",
    "  # an odd comment".trimStart(),
    "process_cpu_seconds_total 12.5e-1",
    'a:rule { x = "1" , } .5\r',
    "last 3",
  ].join("\n");
  const parsed = parseExposition(text);
  expect(parsed).toEqual({
    ok: true,
    exposition: {
      types: new Map([["http_requests_total", "counter"]]),
      samples: [
        { name: "http_requests_total", labels: { method: "post", code: "200" }, value: 1027 },
        { name: "process_cpu_seconds_total", labels: {}, value: 1.25 },
        { name: "a:rule", labels: { x: "1" }, value: 0.5 },
        { name: "last", labels: {}, value: 3 },
      ],
    },
  });
});

test("unescapes label values", () => {
  const [sample] = samplesOf('a{path="C:\\\\dir\\n\\"x\\"",b="ü}{,="} 1');
  expect(sample?.labels).toEqual({ path: 'C:\\dir\n"x"', b: "ü}{,=" });
});

test("reads what is no finite number", () => {
  const values = samplesOf("a +Inf\nb -Inf\nc NaN\nd Inf\n").map(({ value }) => value);
  expect(values).toEqual([Infinity, -Infinity, Number.NaN, Infinity]);
});

describe("says where and why a text is refused", () => {
  for (const [text, detail] of [
    ["a 1\n1b 2", "line 2, column 1: expected a metric name"],
    ["a", 'line 1, column 2: "" is not a number'],
    ["a 1x", 'line 1, column 3: "1x" is not a number'],
    ["a 0x10", 'line 1, column 3: "0x10" is not a number'],
    ["a 1 2 3", "line 1, column 3: expected the end of the line or a time stamp after the value"],
    ['a{b="1" c="2"} 1', "line 1, column 9: expected , or } after label b"],
    ['a{b="1",b="2"} 1', "line 1, column 9: label b stands twice"],
    ["a{b=1} 1", "line 1, column 5: expected a quoted value of label b"],
    ["a{b} 1", "line 1, column 4: expected = after label b"],
    ['a{="1"} 1', "line 1, column 3: expected a label name or }"],
    ['a{b="1', "line 1, column 7: the value of label b has no end"],
    [String.raw`a{b="\t"} 1`, "line 1, column 6: unknown escape in the value of label b"],
    ["# TYPE a speed", 'line 1: unknown metric type "speed"'],
    ["# TYPE a gauge\n# TYPE a gauge", "line 2: a second TYPE of a"],
    ["<!doctype html>", "line 1, column 1: expected a metric name"],
  ] as const)
    test(detail, () => expect(parseExposition(text)).toEqual({ ok: false, detail }));
});

test("more samples than a page can have are refused", () => {
  const parsed = parseExposition("a 1\n".repeat(maximumSamples + 1));
  expect(parsed).toEqual({
    ok: false,
    detail: `line ${maximumSamples + 1}: more than ${maximumSamples} samples`,
  });
});

test("whatever is written is read back", () => {
  const escape = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
  const sample = fc.record({
    name,
    labels: fc.dictionary(
      name.filter((one) => one !== "__proto__"),
      fc.string({ unit: "grapheme" }),
      {
        maxKeys: 4,
      },
    ),
    // Negative zero is written as zero.
    value: fc.double().map((value) => value + 0),
  });
  fc.assert(
    fc.property(fc.array(sample), (samples) => {
      const text = samples
        .map(({ name, labels, value }) => {
          const inside = Object.entries(labels).map(([key, own]) => `${key}="${escape(own)}"`);
          const figure = Number.isFinite(value)
            ? String(value)
            : String(value).replace("inity", "");
          return `${name}{${inside.join(",")}} ${figure}\n`;
        })
        .join("");
      expect(samplesOf(text)).toEqual(
        samples.map((one) => ({ ...one, labels: { ...one.labels } })),
      );
    }),
  );
});
