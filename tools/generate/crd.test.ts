import { join } from "node:path";
import { expect, test } from "bun:test";
import { repositoryRoot } from "../stack/paths.ts";
import { parse } from "yaml";
import { createCrd, crdPath } from "./crd.ts";
import { adaptSchema, type StructuralSchema } from "./structural-schema.ts";

test(`the committed CRD is what the contract says; if not: bun tools/generate/crd.ts > ${crdPath} && bun fmt ${crdPath}`, async () => {
  expect(parse(await Bun.file(join(repositoryRoot, crdPath)).text())).toEqual(createCrd());
});

const schema = createCrd().spec.versions[0]?.schema.openAPIV3Schema ?? {};

function* nodesOf(
  node: StructuralSchema,
  path: string,
): Generator<readonly [string, StructuralSchema]> {
  yield [path, node];
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    yield* nodesOf(inner, `${path}.${name}`);
  if (node.items !== undefined) yield* nodesOf(node.items, `${path}[]`);
}

const specNodes = [...nodesOf(schema.properties?.["spec"] ?? {}, "spec")];

test("every text and list that a person writes has a limit, so that the rules have a bounded cost", () => {
  const unbounded = specNodes
    .filter(
      ([, { type, maxLength, enum: words, maxItems }]) =>
        (type === "string" && maxLength === undefined && words === undefined) ||
        (type === "array" && maxItems === undefined),
    )
    .map(([path]) => path);
  expect(unbounded).toEqual([]);
});

test("no floats and no booleans: whole numbers, decimal strings and enumerations", () => {
  const types = new Set([...nodesOf(schema, "")].map(([, { type }]) => type));
  expect(types).toEqual(new Set(["array", "integer", "object", "string"]));
});

test("every object of a profile that a person can write says what it is for", () => {
  const silent = ["metrics", "objectives", "cache", "pool", "scaling", "guardrails", "targetRef"]
    .map((name) => [name, schema.properties?.["spec"]?.properties?.[name]] as const)
    .filter(([, node]) => node?.description === undefined);
  expect(silent).toEqual([]);
});

test("a keyword that no structural schema has is refused, never lost", () => {
  expect(() => adaptSchema({ type: "number", multipleOf: 2 })).toThrow("multipleOf");
});
