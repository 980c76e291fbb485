import { describe, expect, test } from "bun:test";
import { capitalise, inflect, inflections, joinList, slugify, type Form } from "./grammar.ts";

const forms: Readonly<Record<string, Form>> = {
  jarrón: { gender: "m", plural: false },
  lámpara: { gender: "f", plural: false },
  guantes: { gender: "m", plural: true },
  gafas: { gender: "f", plural: true },
};

describe("agreement", () => {
  test.each([
    ["jarrón", "el jarrón está fabricado y no pesa; lo verás"],
    ["lámpara", "la lámpara está fabricada y no pesa; la verás"],
    ["guantes", "los guantes están fabricados y no pesan; los verás"],
    ["gafas", "las gafas están fabricadas y no pesan; las verás"],
  ])("%s", (noun, sentence) => {
    const form = forms[noun] ?? { gender: "m", plural: false };
    const text = "{el} {noun} está{n} fabricad{o} y no pesa{n}; {lo} verás".replace(
      /\{(\w+)\}/g,
      (_, name: string) => {
        const inflection = inflections[name];
        return inflection === undefined ? noun : inflect(inflection, form);
      },
    );
    expect(text).toBe(sentence);
  });
});

test.each([
  [[], ""],
  [["rojo"], "rojo"],
  [["rojo", "azul"], "rojo y azul"],
  [["rojo", "azul", "verde"], "rojo, azul y verde"],
  [["negro", "índigo"], "negro e índigo"],
  [["plata", "hilo"], "plata e hilo"],
  [["cobre", "hierro"], "cobre y hierro"],
])("the list %p", (words, text) => {
  expect(joinList(words)).toBe(text);
});

test("a capital letter with an accent", () => {
  expect(capitalise("él y ella")).toBe("Él y ella");
});

test.each([
  ["Cafetera italiana Brumel de aluminio, 6 tazas", "cafetera-italiana-brumel-de-aluminio-6-tazas"],
  ["Señal de «año» nuevo", "senal-de-ano-nuevo"],
  ["Lámina 30 × 40 cm (roble)", "lamina-30-40-cm-roble"],
])("the slug of %s", (title, slug) => {
  expect(slugify(title)).toBe(slug);
});
