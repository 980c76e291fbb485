/** Spanish agreement and lists, as far as a shop's descriptions need them. */

/** Gender and number of a noun. */
export interface Form {
  readonly gender: "m" | "f";
  readonly plural: boolean;
}

/** Masculine singular, feminine singular, masculine plural, feminine plural. */
export type Inflection = readonly [string, string, string, string];

/**
 * What a sentence shared by many nouns writes in braces where the noun decides:
 * `fabricad{o}`, `pesa{n}`, `{el} {noun}`, `{lo} recibirás`.
 */
export const inflections: Readonly<Record<string, Inflection>> = {
  o: ["o", "a", "os", "as"],
  s: ["", "", "s", "s"],
  n: ["", "", "n", "n"],
  el: ["el", "la", "los", "las"],
  lo: ["lo", "la", "los", "las"],
};

/** The member of an inflection that agrees with `form`. */
export function inflect(inflection: Inflection, form: Form): string {
  return inflection[(form.plural ? 2 : 0) + (form.gender === "f" ? 1 : 0)] ?? inflection[0];
}

/** "rojo, azul y verde"; "blanco e índigo": y turns into e before the sound i. */
export function joinList(words: readonly string[]): string {
  const last = words.at(-1);
  if (last === undefined) return "";
  if (words.length === 1) return last;
  const conjunction = /^(h?[ií](?![aeou]))/i.test(last) ? "e" : "y";
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}

/** The first letter in upper case, the rest untouched. */
export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const plainLetters: Readonly<Record<string, string>> = {
  á: "a",
  é: "e",
  í: "i",
  ó: "o",
  ú: "u",
  ü: "u",
  ñ: "n",
  ç: "c",
};

/**
 * ASCII, lower case, words joined by single hyphens: "Láminas de 30 × 40" is "laminas-de-30-40".
 * Knows the letters of Spanish; any other turns into a hyphen.
 */
export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replace(/[áéíóúüñç]/g, (letter) => plainLetters[letter] ?? letter)
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
