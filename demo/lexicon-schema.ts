import { z } from "zod";

/** The shape of the lexicon's YAML files. Lists of short values are written `uno | dos | tres`. */

const list = z.string().transform((text) => text.split("|").map((value) => value.trim()));
const text = z.string().min(1);
const sentences = z.array(text).min(1);

const typeSchema = z.strictObject({
  /** Name of its category, a leaf of the tree; unique in the whole shop. */
  name: text,
  noun: text,
  /** Gender and number of the noun. */
  form: z.enum(["ms", "fs", "mp", "fp"]),
  /** List prices in euros, lowest and highest. */
  price: z.tuple([z.number().positive(), z.number().positive()]),
  /**
   * Values from the cheapest to the dearest. A key `pantalla + resolucion` draws its values
   * together: `32 pulgadas + HD | 43 pulgadas + 4K`.
   */
  attributes: z.record(z.string(), list),
  /** A palette of shared.yaml, or the colours themselves. */
  colors: list.optional(),
  /** A size scale of shared.yaml. */
  sizes: text.optional(),
  /** One attribute that makes variants of different price, cheapest first. */
  steps: z.record(z.string(), list).optional(),
  titles: sentences,
  openings: sentences,
  details: z.array(text).min(2),
});

export type LexiconType = z.output<typeof typeSchema>;

/** One root category with everything below it. */
export const departmentSchema = z.strictObject({
  name: text,
  /** Three letters that its product keys begin with. */
  code: z.string().regex(/^[A-Z]{3}$/),
  /** What models are called: evocative words, or letters with a number. */
  models: z.enum(["names", "codes"]),
  brands: list,
  /** Sentences that can end any description of the department. */
  closings: sentences,
  families: z.array(
    z.strictObject({
      name: text,
      /** Sentences that are true of every type of the family. */
      shared: sentences,
      types: z.array(typeSchema).min(1),
    }),
  ),
});

export type Department = z.output<typeof departmentSchema>;

export const sharedSchema = z.strictObject({
  modelNames: list,
  modelSuffixes: list,
  /** The four forms of a colour adjective, or one form for all. */
  colors: z.record(
    z.string(),
    z
      .string()
      .transform((forms) => forms.split(" / "))
      .refine((forms) => forms.length === 1 || forms.length === 4, "one form or four"),
  ),
  palettes: z.record(z.string(), list),
  sizes: z.record(z.string(), z.strictObject({ values: list, range: text })),
  /** What is said of the choice a product offers: by axis. */
  options: z.record(z.string(), sentences),
});

export type SharedLexicon = z.output<typeof sharedSchema>;

export const vendorsSchema = z.array(
  z.strictObject({
    name: text,
    city: text,
    /** Codes of the departments that it sells in. */
    sells: list,
    description: text,
  }),
);

export type LexiconVendor = z.output<typeof vendorsSchema>[number];
