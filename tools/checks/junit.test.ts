import { describe, expect, test } from "bun:test";
import { completeReport, parseJunit } from "./junit.ts";

/** As `bun test --parallel --reporter=junit` 1.4.5 writes it. */
const xml = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="5" assertions="1" failures="2" skipped="1" time="0.01">
  <testsuite name="a.test.ts" file="a.test.ts" tests="3" failures="1" skipped="1" time="0.002">
    <testsuite name="g &amp; &lt;x&gt;" file="a.test.ts" line="2" tests="3" failures="1" skipped="1">
      <testcase name="ok > nested" classname="g &amp; &lt;x&gt;" time="0.1" file="a.test.ts" line="2" assertions="0" />
      <testcase name="bad" classname="g &amp; &lt;x&gt;" time="0.2" file="a.test.ts" line="2" assertions="1">
        <failure type="AssertionError" message="&lt;testcase name=&quot;no&quot; /&gt;&#10;">text &#233;&#x20AC;</failure>
      </testcase>
      <testcase name="needs nginx" classname="g &amp; &lt;x&gt;" time="0" file="a.test.ts" line="2" assertions="0">
        <skipped />
      </testcase>
    </testsuite>
  </testsuite>
  <testsuite name="c.test.ts" file="c.test.ts" tests="2" failures="1" skipped="0" time="0.002">
    <testcase name="first" classname="" time="0.000007" file="c.test.ts" line="1" assertions="0" />
    <testcase name="(worker crashed)" classname="" time="0" file="c.test.ts" assertions="0">
      <failure type="Error" message="worker process crashed before reporting results" />
    </testcase>
  </testsuite>
</testsuites>`;

describe("report", () => {
  test("counts and names what it holds", () => {
    expect(parseJunit(xml)).toEqual({
      tally: { passed: 2, failed: 2, skipped: 1 },
      failures: [
        { file: "a.test.ts", name: "g & <x> > bad" },
        { file: "c.test.ts", name: "(worker crashed)" },
      ],
      skips: [{ file: "a.test.ts", name: "g & <x> > needs nginx" }],
      files: new Set(["a.test.ts", "c.test.ts"]),
    });
  });

  test("nothing written is nothing passed", () => {
    expect(parseJunit("").tally).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

describe("complete report", () => {
  const green = parseJunit(
    '<testcase name="x" classname="" file="a.test.ts" /><testcase name="y" file="b.test.ts" />',
  );

  test("all files and a good end: as it stands", () => {
    expect(completeReport(green, ["a.test.ts", "b.test.ts"], 0)).toEqual(green);
  });

  test("a file that reported nothing has failed", () => {
    const report = completeReport(green, ["a.test.ts", "b.test.ts", "c.test.ts"], 0);
    expect(report.tally).toEqual({ passed: 2, failed: 1, skipped: 0 });
    expect(report.failures[0]?.file).toBe("c.test.ts");
  });

  test("a runner that ended badly without a failed test has failed", () => {
    const report = completeReport(green, ["a.test.ts", "b.test.ts"], 137);
    expect(report.tally.failed).toBe(1);
    expect(report.failures[0]?.name).toContain("137");
  });

  test("failed tests explain the exit code", () => {
    expect(completeReport(parseJunit(xml), ["a.test.ts", "c.test.ts"], 1).tally.failed).toBe(2);
  });
});
