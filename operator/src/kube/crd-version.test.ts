import { expect, test } from "bun:test";
import { z } from "zod";
import { dropField, fieldPaths, zodFieldPaths } from "./crd-version.ts";

test("names every field, those of lists and of alternatives too", () => {
  const paths = fieldPaths({
    properties: {
      spec: {
        properties: {
          classes: { items: { properties: { name: {} } } },
          target: { oneOf: [{ properties: { fixed: {} } }, { properties: { derived: {} } }] },
        },
      },
    },
  });
  expect([...paths].sort()).toEqual([
    "spec",
    "spec.classes",
    "spec.classes[].name",
    "spec.target",
    "spec.target.derived",
    "spec.target.fixed",
  ]);
});

test("a zod schema names its own the same way", () => {
  const schema = z.strictObject({
    mode: z.enum(["A", "B"]).default("A"),
    parts: z.array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("X"), x: z.int() }),
        z.strictObject({ type: z.literal("Y"), y: z.int() }),
      ]),
    ),
  });
  expect([...zodFieldPaths(schema, "spec")].sort()).toEqual([
    "spec.mode",
    "spec.parts",
    "spec.parts[].type",
    "spec.parts[].x",
    "spec.parts[].y",
  ]);
});

test("a field that nobody knows is taken out wherever it stands", () => {
  const status = { mode: "A", parts: [{ x: 1, y: 2 }, { y: 3 }], deep: { on: { a: 1, b: 2 } } };
  for (const path of ["status.parts[].y", "status.deep.on.a", "status.none.at.all", "status.mode"])
    dropField({ status }, path);
  expect(status as unknown).toEqual({ parts: [{ x: 1 }, {}], deep: { on: { b: 2 } } });
});
