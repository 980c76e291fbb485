import type { Tally } from "./summary.ts";

/** One test that did not pass. */
export interface NamedTest {
  readonly file: string;
  /** With the groups it stands in: `driver > keeps its rate`. */
  readonly name: string;
}

export interface TestReport {
  readonly tally: Tally;
  readonly failures: readonly NamedTest[];
  readonly skips: readonly NamedTest[];
  /** Files that reported at least one test. */
  readonly files: ReadonlySet<string>;
}

/**
 * Reads the JUnit report of `bun test`. In it every `<` and quote of a text is escaped, so that a
 * tag is a tag. A file that could not be loaded, and one without a test, do not appear in it.
 */
export function parseJunit(xml: string): TestReport {
  const failures: NamedTest[] = [];
  const skips: NamedTest[] = [];
  const files = new Set<string>();
  let tests = 0;
  for (const [, attributeText = "", content = ""] of xml.matchAll(testCase)) {
    tests += 1;
    const attributes = parseAttributes(attributeText);
    const file = attributes.get("file") ?? "";
    const group = attributes.get("classname") ?? "";
    const own = attributes.get("name") ?? "";
    const named = { file, name: group === "" ? own : `${group} > ${own}` };
    files.add(file);
    if (/<(failure|error)\b/.test(content)) failures.push(named);
    else if (/<skipped\b/.test(content)) skips.push(named);
  }
  const [failed, skipped] = [failures.length, skips.length];
  return {
    tally: { passed: tests - failed - skipped, failed, skipped },
    failures,
    skips,
    files,
  };
}

/** Attributes may hold `>` but no quote; a case without content closes itself. */
const testCase = /<testcase((?:\s+[\w-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;

function parseAttributes(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [
      name,
      unescapeXml(value),
    ]),
  );
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    const hexadecimal = name.startsWith("#x");
    return String.fromCodePoint(
      Number.parseInt(name.slice(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10),
    );
  });
}

/**
 * A report in which silence is no success: each of `asked` that reported no test is a failure, and
 * so is a runner that failed without a failed test.
 */
export function completeReport(
  report: TestReport,
  asked: readonly string[],
  exitCode: number,
): TestReport {
  const silent = asked
    .filter((file) => !report.files.has(file))
    .map((file) => ({ file, name: "(ran no test: it is empty, did not load, or died)" }));
  const failures = [...report.failures, ...silent];
  if (exitCode !== 0 && failures.length === 0)
    failures.push({ file: "bun test", name: `(the runner ended with ${exitCode})` });
  return { ...report, failures, tally: { ...report.tally, failed: failures.length } };
}
