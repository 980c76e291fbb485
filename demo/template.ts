import { capitalise, inflect, inflections, type Form } from "./grammar.ts";

/**
 * Sentences and titles of the lexicon. Braces hold what varies: `{noun}`, an inflection of
 * `grammar.ts` (settled when the template is compiled for its noun), or a slot filled per product.
 *
 * `{capacidad}` is the one value of an attribute; `{color~}` the colour agreeing with the noun;
 * `{color*}` the list of values when the product comes in several. A template is usable only where
 * every slot that it names has a value.
 */
export interface Template {
  /** Literal text, which begins with a capital, and at odd places the index of a slot. */
  readonly parts: readonly (string | number)[];
  readonly slots: readonly string[];
}

export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/**
 * Compiles `source` for a noun. `slotNames` lists the slots that it may name; any other word in
 * braces is a TemplateError.
 */
export function compileTemplate(
  source: string,
  noun: string,
  form: Form,
  slotNames: readonly string[],
): Template {
  const parts: (string | number)[] = [];
  const slots: string[] = [];
  let literal = "";
  for (const [place, piece] of source.split(/[{}]/).entries()) {
    const inflection = inflections[piece];
    if (place % 2 === 0) literal += piece;
    else if (piece === "noun") literal += noun;
    else if (inflection !== undefined) literal += inflect(inflection, form);
    else {
      const slot = slotNames.indexOf(piece);
      if (slot < 0) throw new TemplateError(`unknown {${piece}} in "${source}"`);
      parts.push(literal, slot);
      slots.push(piece);
      literal = "";
    }
  }
  parts.push(literal);
  if (typeof parts[0] === "string") parts[0] = capitalise(parts[0]);
  return { parts, slots };
}

/** The text, its first letter in upper case. `values` stand in the order of the slot names. */
export function renderTemplate(template: Template, values: readonly string[]): string {
  let text = "";
  for (const part of template.parts) text += typeof part === "string" ? part : values[part];
  return template.parts[0] === "" ? capitalise(text) : text;
}
