import type { SourceFacts } from "./source.ts";
import { isTestCode, parseTestFile, suiteNames } from "./suites.ts";
import type { Violation } from "./violation.ts";

/** Longer files do more than one thing; tests and generated files may be longer. */
const mostLines = 400;

/** Words that name nothing: the real noun is still to be found. */
const emptyWords = new Set(
  ["util", "common", "helper", "manager"].flatMap((word) => [word, `${word}s`]),
);

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** What may stand between the name and `.ts`, besides the suites. */
const fileKinds: readonly string[] = ["test", "contract", "fixture", "generated", "d"];

/** Names, sizes and the habits of tests (docs/architecture.md, "Names" and "Habits"). */
export function checkHabits(files: readonly SourceFacts[]): Violation[] {
  return files.flatMap((file) => [
    ...checkSyntax(file),
    ...checkName(file),
    ...checkLength(file),
    ...(isTestCode(file.path) ? checkTest(file) : []),
  ]);
}

function checkSyntax({ path, syntaxErrors }: SourceFacts): Violation[] {
  return syntaxErrors.map((message) => ({ path, line: 1, message: `cannot be read: ${message}` }));
}

function checkName({ path }: SourceFacts): Violation[] {
  const messages: string[] = [];
  const parts = path.replace(/\.tsx?$/, "").split("/");
  const [name = "", ...kinds] = (parts.pop() ?? "").split(".");
  for (const part of [...parts, name]) {
    if (!kebabCase.test(part)) messages.push(`"${part}" is not kebab-case`);
    const empty = part.split("-").find((word) => emptyWords.has(word));
    if (empty !== undefined) messages.push(`"${part}": "${empty}" names nothing; find the noun`);
  }
  const test = parseTestFile(path);
  if (test?.kind === "unknown")
    messages.push(`"${test.word}" is no suite; there are ${suiteNames.join(", ")}`);
  const unknown = test === undefined ? kinds.find((kind) => !fileKinds.includes(kind)) : undefined;
  if (unknown !== undefined) messages.push(`".${unknown}." is no kind of file that we have`);
  return messages.map((message) => ({ path, line: 1, message }));
}

function checkLength({ path, lineCount }: SourceFacts): Violation[] {
  if (lineCount <= mostLines || isTestCode(path) || /\.(generated|d)\.ts$/.test(path)) return [];
  const message = `has ${lineCount} lines, more than ${mostLines}: does it do one thing?`;
  return [{ path, line: mostLines + 1, message }];
}

/** `skipIf` and `if` stay: a test may need a tool that a machine does not have, and says so. */
const switchedOff =
  /^(x?(test|it|describe))\b.*\.(only|skip|todo|failing|todoIf)$|^x(test|it|describe)$/;
const sleeps: readonly string[] = ["Bun.sleep", "Bun.sleepSync", "setTimeout", "setInterval"];
const mocks: readonly string[] = ["mock.module", "jest.mock", "vi.mock"];

function checkTest({ path, uses, imports }: SourceFacts): Violation[] {
  const describeUse = (name: string): string | undefined => {
    if (switchedOff.test(name)) return `${name}: every test runs, always`;
    if (sleeps.includes(name))
      return `${name}: a test never waits on the clock; wait for the condition, or pass time in`;
    if (mocks.includes(name)) return `${name}: the real part stands in tests, or a port's adapter`;
    return undefined;
  };
  const found = uses.map(({ name, line }) => ({ path, line, message: describeUse(name) }));
  const timers = imports
    .filter(({ specifier }) => specifier?.startsWith("node:timers"))
    .map(({ specifier, line }) => ({
      path,
      line,
      message: `${specifier}: a test never waits on the clock`,
    }));
  return [...found, ...timers].flatMap(({ message, ...at }) =>
    message === undefined ? [] : [{ ...at, message }],
  );
}
