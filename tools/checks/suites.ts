/** The test suites by the names of their files (docs/architecture.md, "Names"). */

/** `x.test.ts` is fast; `x.NAME.test.ts` belongs to the suite of that name. */
export const suiteNames = [
  "fast",
  "stores",
  "rules",
  "browser",
  "charts",
  "cluster",
  "node",
  "soak",
] as const;

export type SuiteName = (typeof suiteNames)[number];

export type TestFile =
  | { readonly kind: "suite"; readonly suite: SuiteName }
  /** A test file whose name says no suite that there is. */
  | { readonly kind: "unknown"; readonly word: string };

/** What the name of a test file says; undefined for a file that is no test. */
export function parseTestFile(path: string): TestFile | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const words = /^[^.]+(?:\.(.+))?\.test\.tsx?$/.exec(name);
  if (words === null) return undefined;
  const word = words[1] ?? "fast";
  const suite = suiteNames.find((known) => known === word);
  // `x.fast.test.ts` would be a second name for the same thing.
  if (suite === undefined || words[1] === "fast") return { kind: "unknown", word };
  return { kind: "suite", suite };
}

/** Files that only tests load: tests, contract suites, their fixtures, what a `test` folder holds. */
export function isTestCode(path: string): boolean {
  return /\.(test|contract|fixture)\.tsx?$/.test(path) || path.split("/").includes("test");
}
