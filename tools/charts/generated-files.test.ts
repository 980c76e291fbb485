import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { repositoryRoot } from "../stack/paths.ts";
import { chartNames, chartPath } from "./chart-folders.ts";
import { createGeneratedFiles } from "./generated-files.ts";
import { listValues } from "./readme.ts";

const files = await createGeneratedFiles();

for (const { path, text } of files)
  test(`${path} is what the generator makes; if not: bun tools/charts/generate.ts`, async () => {
    expect(await Bun.file(join(repositoryRoot, path)).text()).toBe(text);
  });

for (const name of chartNames)
  describe(name, () => {
    const values = listValues(readFileSync(join(chartPath(name), "values.yaml"), "utf8"));

    test("the schema knows exactly these values", () => {
      const read = (file: string) => readFileSync(join(chartPath(name), file), "utf8");
      const missing = compareKeys(
        parse(read("values.yaml")),
        JSON.parse(read("values.schema.json")),
      );
      // What Helm itself adds, and what a chart above this one may say about it.
      const added = name === "mestore-operator" ? ["enabled", "global"] : ["global"];
      expect(missing).toEqual({ inSchema: [], inValues: added });
    });

    test("every value has a comment", () => {
      expect(values.length).toBeGreaterThan(10);
      expect(values.filter(({ description }) => description === null)).toEqual([]);
    });
  });

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Paths of keys that one side has and the other lacks; objects without listed keys are whole. */
function compareKeys(values: object, root: Schema) {
  const inSchema: string[] = [];
  const inValues: string[] = [];
  const visit = (value: unknown, schema: Schema, path: string): void => {
    const { properties } = root.definitions?.[schema.$ref?.split("/").at(-1) ?? ""] ?? schema;
    if (properties === undefined || typeof value !== "object" || value === null) return;
    // Requests and limits are the cluster's own list.
    if ("requests" in properties) return;
    for (const [key, inner] of Object.entries(value)) {
      const found = properties[key];
      if (found === undefined) inSchema.push(`${path}${key}`);
      else visit(inner, found, `${path}${key}.`);
    }
    for (const key of Object.keys(properties)) if (!(key in value)) inValues.push(`${path}${key}`);
  };
  visit(values, root, "");
  return { inSchema: inSchema.sort(), inValues: inValues.sort() };
}

test("a value is a row; a map with comments inside is its entries", () => {
  const text = `
# -- First
one: 1
two:
  # -- Inner,
  # on two lines
  inner: [a]
  # a remark, no description
  # -- Other
  other: {}
# -- A map as a whole
three:
  deep: { x: 1 }
four: null
`;
  expect(listValues(text)).toEqual([
    { key: "one", initial: "1", description: "First" },
    { key: "two.inner", initial: '["a"]', description: "Inner, on two lines" },
    { key: "two.other", initial: "{}", description: "Other" },
    { key: "three", initial: '{"deep":{"x":1}}', description: "A map as a whole" },
    { key: "four", initial: "null", description: null },
  ]);
});
