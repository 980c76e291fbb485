import { expect, test } from "bun:test";
import { z } from "zod";
import { formatFaults, formatPath, parseWith } from "./fault.ts";

test("a path is written as one would write it in code", () => {
  expect(formatPath(["spec", "classes", 0, "name"])).toBe("spec.classes[0].name");
  expect(formatPath([2, "name"])).toBe("[2].name");
  expect(formatPath([])).toBe("");
});

test("every fault has the path of its field, an unknown key its own", () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ size: z.int() })) });
  const parsed = parseWith(schema, { list: [{ size: "1", colour: 1 }], more: 1 });
  const paths = parsed.ok ? [] : parsed.faults.map(({ path }) => path).toSorted();
  expect(paths).toEqual(["list[0].colour", "list[0].size", "more"]);
});

test("faults are one line, the document's own without a path", () => {
  const faults = [
    { path: "", message: "not JSON" },
    { path: "spec.mode", message: "must be a mode" },
  ];
  expect(formatFaults(faults)).toBe("not JSON; spec.mode: must be a mode");
});
