import { expect, test } from "bun:test";
import { compileTemplate, renderTemplate, TemplateError } from "./template.ts";

const feminine = { gender: "f", plural: false } as const;
const slotNames = ["brand", "material", "color*"];
const values = ["Brumel", "aluminio", "rojo y negro"];
const render = (source: string): string =>
  renderTemplate(compileTemplate(source, "olla", feminine, slotNames), values);

test("fills slots and settles agreement", () => {
  expect(render("{el} {noun} de {material} {brand}, fabricad{o} en {color*}")).toBe(
    "La olla de aluminio Brumel, fabricada en rojo y negro",
  );
});

test("begins with a capital, whatever stands first", () => {
  expect(render("{material} de verdad")).toBe("Aluminio de verdad");
  expect(render("{lo} verás")).toBe("La verás");
  expect(render("otra")).toBe("Otra");
});

test("says which slots it needs", () => {
  expect(compileTemplate("{material}, {color*}", "olla", feminine, slotNames).slots).toEqual([
    "material",
    "color*",
  ]);
});

test("refuses a word that is neither slot nor inflection", () => {
  expect(() => render("de {materia}")).toThrow(TemplateError);
  expect(() => render("de {materia}")).toThrow('unknown {materia} in "de {materia}"');
});
