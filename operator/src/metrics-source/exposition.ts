/**
 * Parser of the Prometheus text exposition format, version 0.0.4. Time stamps are read over: a
 * sample counts as of the moment it was scraped.
 */

export const metricTypes = ["counter", "gauge", "histogram", "summary", "untyped"] as const;
export type MetricType = (typeof metricTypes)[number];

export interface ExpositionSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite: whether that is acceptable is for the reader to say. */
  readonly value: number;
}

export interface Exposition {
  /** By metric family, as the `# TYPE` lines say. */
  readonly types: ReadonlyMap<string, MetricType>;
  readonly samples: readonly ExpositionSample[];
}

export type ParsedExposition =
  | { readonly ok: true; readonly exposition: Exposition }
  /** `detail` begins with the line, and where it helps the column, both counted from one. */
  | { readonly ok: false; readonly detail: string };

/** More samples than this are refused: a page of them is a label that has lost its bound. */
export const maximumSamples = 50_000;

const metricName = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const labelName = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const labelText = /[^"\\]*/y;
const blanks = /[ \t]*/y;
const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const typeLine = /^#[ \t]+TYPE[ \t]+(\S+)[ \t]+(\S+)[ \t]*$/;

/** Parses the whole text. The first line that is not of the format refuses all of it. */
export function parseExposition(text: string): ParsedExposition {
  const types = new Map<string, MetricType>();
  const samples: ExpositionSample[] = [];
  let lineNumber = 0;
  let start = 0;
  while (start < text.length) {
    lineNumber += 1;
    const end = text.indexOf("\n", start);
    const stop = end < 0 ? text.length : end;
    const line = text.slice(start, text[stop - 1] === "\r" && stop > start ? stop - 1 : stop);
    start = stop + 1;
    if (line.startsWith("#")) {
      const fault = readType(line, types);
      if (fault !== null) return { ok: false, detail: `line ${lineNumber}: ${fault}` };
      continue;
    }
    if (line.trim() === "") continue;
    const sample = readSample(line);
    if ("fault" in sample)
      return { ok: false, detail: `line ${lineNumber}, column ${sample.at + 1}: ${sample.fault}` };
    if (samples.length === maximumSamples)
      return { ok: false, detail: `line ${lineNumber}: more than ${maximumSamples} samples` };
    samples.push(sample);
  }
  return { ok: true, exposition: { types, samples } };
}

/** Other comments, `# HELP` among them, say nothing to a program. */
function readType(line: string, types: Map<string, MetricType>): string | null {
  const found = typeLine.exec(line);
  const [, name, type] = found ?? [];
  if (name === undefined || type === undefined) return null;
  const known = metricTypes.find((one) => one === type);
  if (known === undefined) return `unknown metric type ${JSON.stringify(type)}`;
  if (types.has(name)) return `a second TYPE of ${name}`;
  types.set(name, known);
  return null;
}

interface LineFault {
  readonly fault: string;
  /** Offset in the line. */
  readonly at: number;
}

function readSample(line: string): ExpositionSample | LineFault {
  let at = match(blanks, line, 0).length;
  const name = match(metricName, line, at);
  if (name === "") return { fault: "expected a metric name", at };
  at += name.length;
  at += match(blanks, line, at).length;
  const labels: Record<string, string> = {};
  if (line[at] === "{") {
    const read = readLabels(line, at + 1, labels);
    if (typeof read !== "number") return read;
    at = read;
  }
  at += match(blanks, line, at).length;
  const [valueText = "", timestampText, ...rest] = line
    .slice(at)
    .trim()
    .split(/[ \t]+/);
  const value = readValue(valueText);
  if (value === null) return { fault: `${JSON.stringify(valueText)} is not a number`, at };
  if (rest.length > 0 || (timestampText !== undefined && !/^-?\d+$/.test(timestampText)))
    return { fault: "expected the end of the line or a time stamp after the value", at };
  return { name, labels, value };
}

/** Reads `name="text",…}` and gives the offset behind the brace. */
function readLabels(line: string, from: number, into: Record<string, string>): number | LineFault {
  let at = from;
  for (;;) {
    at += match(blanks, line, at).length;
    if (line[at] === "}") return at + 1;
    const name = match(labelName, line, at);
    if (name === "") return { fault: "expected a label name or }", at };
    if (Object.hasOwn(into, name)) return { fault: `label ${name} stands twice`, at };
    at += name.length;
    at += match(blanks, line, at).length;
    if (line[at] !== "=") return { fault: `expected = after label ${name}`, at };
    at += 1;
    at += match(blanks, line, at).length;
    if (line[at] !== '"') return { fault: `expected a quoted value of label ${name}`, at };
    at += 1;
    let text = "";
    for (;;) {
      const plain = match(labelText, line, at);
      text += plain;
      at += plain.length;
      if (at >= line.length) return { fault: `the value of label ${name} has no end`, at };
      if (line[at] === '"') break;
      const escaped = line[at + 1];
      if (escaped !== "n" && escaped !== "\\" && escaped !== '"')
        return { fault: `unknown escape in the value of label ${name}`, at };
      text += escaped === "n" ? "\n" : escaped;
      at += 2;
    }
    into[name] = text;
    at += 1;
    at += match(blanks, line, at).length;
    if (line[at] === ",") at += 1;
    else if (line[at] !== "}") return { fault: `expected , or } after label ${name}`, at };
  }
}

function readValue(text: string): number | null {
  if (number.test(text)) return Number(text);
  switch (text.toLowerCase()) {
    case "nan":
      return Number.NaN;
    case "inf":
    case "+inf":
      return Infinity;
    case "-inf":
      return -Infinity;
    default:
      return null;
  }
}

function match(pattern: RegExp, line: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(line)?.[0] ?? "";
}
