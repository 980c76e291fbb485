import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quoteFailures, runTestFiles } from "./test-run.ts";

/** Test files whose tests come out as they say, for a runner of their own. */
const cases: Readonly<Record<string, string>> = {
  "good.test.ts": 'test("good", () => {}); test("noisy", () => { console.log("chatter"); });',
  "bad.test.ts": 'test("fine", () => {}); test("bad", () => { expect("cat").toBe("dog"); });',
  "absent.test.ts": 'import "./nowhere.ts"; test("never", () => {});',
  "empty.test.ts": "export const nothing = 0;",
  "leaves.test.ts": 'test("leaves", () => { process.exit(0); }); test("after", () => {});',
  "dies.test.ts": 'test("dies", () => { process.kill(process.pid, "SIGKILL"); });',
  "skipped.test.ts": 'test.skipIf(true)("needs nginx", () => {});',
  "variable.test.ts": 'test("given", () => { expect(process.env["GIVEN"]).toBe("yes"); });',
};

const root = mkdtempSync(join(tmpdir(), "mestore-test-run-"));
for (const [name, text] of Object.entries(cases))
  writeFileSync(
    join(root, name),
    `import { expect, test } from "bun:test";\n${text}\nvoid expect;`,
  );
afterAll(() => rmSync(root, { recursive: true }));

async function run(names: string[], env = {}) {
  const heard: string[] = [];
  const signal = new AbortController().signal;
  const files = names.map((name) => `${name}.test.ts`);
  const result = await runTestFiles({ root, files, workers: 2, env }, signal, (file) =>
    heard.push(file),
  );
  return { ...result, heard, tally: result.report.tally };
}

describe("a run of test files", () => {
  test("is quiet about what passed", async () => {
    const { tally, failureOutput, heard } = await run(["good", "variable"], { GIVEN: "yes" });
    expect(tally).toEqual({ passed: 3, failed: 0, skipped: 0 });
    expect(failureOutput).toBe("");
    expect(heard.sort()).toEqual(["good.test.ts", "variable.test.ts"]);
  });

  test("quotes failures in full, and nothing that passed", async () => {
    const { tally, failureOutput, report } = await run(["good", "bad", "skipped"]);
    expect(tally).toEqual({ passed: 3, failed: 1, skipped: 1 });
    expect(report.failures).toEqual([{ file: "bad.test.ts", name: "bad" }]);
    expect(report.skips).toEqual([{ file: "skipped.test.ts", name: "needs nginx" }]);
    expect(failureOutput).toContain('Expected: "dog"');
    expect(failureOutput).not.toContain("(pass)");
  });

  test.each(["absent", "empty", "leaves", "dies"])(
    "takes a file for failed that ends as %s.test.ts does, alone and among others",
    async (name) => {
      const alone = await run([name]);
      expect(alone.tally).toEqual({ passed: 0, failed: 1, skipped: 0 });
      const among = await run(["good", name]);
      expect(among.tally).toEqual({ passed: 2, failed: 1, skipped: 0 });
      expect(among.report.failures[0]?.file).toBe(`${name}.test.ts`);
    },
  );

  test("says why a file could not be loaded", async () => {
    expect((await run(["good", "absent"])).failureOutput).toContain("Cannot find module");
  });

  test("ends when it is told to", async () => {
    const stop = new AbortController();
    stop.abort();
    const files = ["good.test.ts"];
    const { report } = await runTestFiles({ root, files }, stop.signal);
    expect(report.tally.failed).toBe(1);
  });
});

test("a quotation keeps what stands under another file's heading", () => {
  const output = `bun test v1.4.5 (a7733435c) 2x PARALLEL

bad.test.ts:
(pass) fine [0.03ms]
(fail) bad [0.26ms]

skipped.test.ts:
error: expect(received).toBe(expected)

      at <anonymous> (bad.test.ts:1:100)
(skip) needs nginx

good.test.ts:
(pass) good [0.02ms]

 3 pass
 1 fail
`;
  expect(quoteFailures(output)).toBe(`bun test v1.4.5 (a7733435c) 2x PARALLEL

bad.test.ts:
(fail) bad [0.26ms]

skipped.test.ts:
error: expect(received).toBe(expected)

      at <anonymous> (bad.test.ts:1:100)

good.test.ts:

 3 pass
 1 fail`);
});
