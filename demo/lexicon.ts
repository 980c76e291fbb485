import { formatFaults, parseWith } from "@mestore/contract/fault";
import type { z } from "zod";
import type { Form } from "./grammar.ts";
import { departmentSchema, sharedSchema, vendorsSchema } from "./lexicon-schema.ts";
import type { Department, LexiconType, LexiconVendor, SharedLexicon } from "./lexicon-schema.ts";
import cocina from "./lexicon/cocina.yaml";
import deporte from "./lexicon/deporte.yaml";
import electronica from "./lexicon/electronica.yaml";
import hogar from "./lexicon/hogar.yaml";
import ropa from "./lexicon/ropa.yaml";
import shared from "./lexicon/shared.yaml";
import vendors from "./lexicon/vendors.yaml";
import type { PriceRange } from "./price.ts";
import { compileTemplate, type Template } from "./template.ts";

/**
 * The words of the catalogue, compiled for the generator. They live in `lexicon/*.yaml` and nowhere
 * else; whoever grades a search on this catalogue must take its query words from elsewhere.
 */
export interface Lexicon {
  readonly departments: readonly Department[];
  readonly vendors: readonly LexiconVendor[];
  readonly modelNames: readonly string[];
  readonly modelSuffixes: readonly string[];
  /** In the order of departments, families and types. */
  readonly types: readonly ProductType[];
}

/** A colour with the form that agrees with the noun of its type. */
export interface Color {
  readonly name: string;
  readonly agreed: string;
}

/** Attributes whose values are drawn together: rows from the cheapest to the dearest. */
export interface AttributeGroup {
  readonly keys: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Templates by `optionState`. */
export type TemplatesByState = readonly (readonly Template[])[];

export interface ProductType {
  readonly name: string;
  readonly department: Department;
  readonly form: Form;
  readonly price: PriceRange;
  readonly attributes: readonly AttributeGroup[];
  readonly colors: readonly Color[];
  readonly sizes: { readonly values: readonly string[]; readonly range: string } | null;
  readonly steps: { readonly key: string; readonly values: readonly string[] } | null;
  /** What the values given to `renderTemplate` mean, by place. */
  readonly slotNames: readonly string[];
  readonly titles: TemplatesByState;
  readonly openings: TemplatesByState;
  readonly details: TemplatesByState;
  readonly shared: TemplatesByState;
  readonly closings: TemplatesByState;
  readonly options: TemplatesByState;
}

/** Which templates fit a product: 1 when it comes in several colours, plus 2 for several steps. */
export function optionState(severalColors: boolean, severalSteps: boolean): number {
  return (severalColors ? 1 : 0) + (severalSteps ? 2 : 0);
}

/**
 * Parses and compiles the lexicon. Throws with the file and the path of the field when a file is
 * wrong: it is a defect of the program.
 */
export function loadLexicon(): Lexicon {
  const common = parseFile("shared.yaml", sharedSchema, shared);
  const departments = [
    parseFile("hogar.yaml", departmentSchema, hogar),
    parseFile("cocina.yaml", departmentSchema, cocina),
    parseFile("ropa.yaml", departmentSchema, ropa),
    parseFile("electronica.yaml", departmentSchema, electronica),
    parseFile("deporte.yaml", departmentSchema, deporte),
  ];
  return {
    departments,
    vendors: parseFile("vendors.yaml", vendorsSchema, vendors),
    modelNames: common.modelNames,
    modelSuffixes: common.modelSuffixes,
    types: departments.flatMap((department) =>
      department.families.flatMap((family) =>
        family.types.map((type) => compileType(department, family.shared, type, common)),
      ),
    ),
  };
}

function parseFile<T>(file: string, schema: z.ZodType<T>, content: unknown): T {
  const parsed = parseWith(schema, content);
  if (!parsed.ok) throw new Error(`demo/lexicon/${file}: ${formatFaults(parsed.faults)}`);
  return parsed.value;
}

function compileType(
  department: Department,
  familySentences: readonly string[],
  type: LexiconType,
  common: SharedLexicon,
): ProductType {
  const form: Form = { gender: type.form[0] === "f" ? "f" : "m", plural: type.form[1] === "p" };
  const attributes = Object.entries(type.attributes).map(([key, rows]): AttributeGroup => {
    const keys = key.split(" + ");
    return { keys, rows: rows.map((row) => splitRow(type.name, row, keys.length)) };
  });
  const colors = resolveColors(type, common, form);
  const sizes = type.sizes === undefined ? null : lookUp(common.sizes, type.sizes, type.name);
  const [step] = Object.entries(type.steps ?? {});
  const steps = step === undefined ? null : { key: step[0], values: step[1] };
  const slotNames = [
    "brand",
    "model",
    ...(colors.length > 0 ? ["color", "color~", "color*"] : []),
    ...(steps === null ? [] : [steps.key, `${steps.key}*`]),
    ...(sizes === null ? [] : ["talla*"]),
    ...attributes.flatMap((group) => group.keys),
  ];

  const fits = (slot: string, state: number): boolean => {
    if (slot.startsWith("color")) return (slot === "color*") === ((state & 1) === 1);
    if (steps !== null && (slot === steps.key || slot === `${steps.key}*`))
      return slot.endsWith("*") === ((state & 2) === 2);
    return true;
  };
  const compile = (sources: readonly string[], least: number): TemplatesByState => {
    const templates = sources.map((source) => compileTemplate(source, type.noun, form, slotNames));
    return [0, 1, 2, 3].map((state) => {
      const fitting = templates.filter((template) =>
        template.slots.every((slot) => fits(slot, state)),
      );
      if (fitting.length < least)
        throw new Error(`${type.name}: too few templates fit option state ${state}`);
      return fitting;
    });
  };
  const axes = [
    ...(colors.length > 0 ? ["color"] : []),
    ...(steps === null ? [] : [steps.key]),
    ...(sizes === null ? [] : ["talla"]),
  ];
  return {
    name: type.name,
    department,
    form,
    price: type.price,
    attributes,
    colors,
    sizes,
    steps,
    slotNames,
    titles: compile(type.titles, 1),
    openings: compile(type.openings, 2),
    details: compile(type.details, 2),
    shared: compile(familySentences, 1),
    closings: compile(department.closings, 1),
    options: compile(
      axes.flatMap((axis) => lookUp(common.options, axis, type.name)),
      0,
    ),
  };
}

function splitRow(typeName: string, row: string, width: number): readonly string[] {
  const cells = row.split(" + ");
  if (cells.length !== width) throw new Error(`${typeName}: "${row}" should have ${width} values`);
  return cells;
}

function resolveColors(type: LexiconType, common: SharedLexicon, form: Form): readonly Color[] {
  const [first] = type.colors ?? [];
  const names = (first === undefined ? undefined : common.palettes[first]) ?? type.colors ?? [];
  const place = (form.plural ? 2 : 0) + (form.gender === "f" ? 1 : 0);
  return names.map((name) => {
    const forms = lookUp(common.colors, name, type.name);
    return { name, agreed: forms[place] ?? name };
  });
}

function lookUp<T>(table: Readonly<Record<string, T>>, key: string, typeName: string): T {
  const found = table[key];
  if (found === undefined) throw new Error(`${typeName}: shared.yaml has no "${key}"`);
  return found;
}
