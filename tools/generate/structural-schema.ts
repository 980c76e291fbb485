/**
 * From JSON Schema, as zod writes it, to the structural schema of a CustomResourceDefinition
 * (kubernetes.io, "Custom Resource Definition Versioning" and "Specifying a structural schema"): no
 * `oneOf` with types of its own, no `additionalProperties: false`, no `const`.
 */
export interface StructuralSchema {
  type?: string;
  description?: string;
  format?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  "x-kubernetes-list-type"?: "atomic" | "map";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-preserve-unknown-fields"?: true;
  "x-kubernetes-validations"?: CelRule[];
}

export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

/** The part of JSON Schema that zod writes for what the contract uses. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: string | number;
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly [keyword: string]: unknown;
}

/** Keywords that mean the same on both sides. */
const carried = [
  "description",
  "type",
  "format",
  "default",
  "enum",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
] as const;

const known = new Set<string>([
  ...carried,
  "$schema",
  "const",
  "oneOf",
  "properties",
  "items",
  "required",
  "additionalProperties",
]);

/**
 * Adapts one schema and all that is in it. A keyword that is not known here throws: it would
 * otherwise be lost, and the API server accept what the parser refuses.
 */
export function adaptSchema(schema: JsonSchema): StructuralSchema {
  const unknown = Object.keys(schema).find((keyword) => !known.has(keyword));
  if (unknown !== undefined)
    throw new Error(`no structural schema for the keyword ${JSON.stringify(unknown)}`);
  const adapted: StructuralSchema = {};
  for (const keyword of carried)
    if (schema[keyword] !== undefined) Object.assign(adapted, { [keyword]: schema[keyword] });
  if (schema.const !== undefined) adapted.enum = [schema.const];
  // Its grammar of URLs differs from the parser's; the pattern beside it says the same to both.
  if (adapted.format === "uri") delete adapted.format;
  // The bounds that zod adds because a number of JavaScript has no more digits.
  if (adapted.maximum === Number.MAX_SAFE_INTEGER) delete adapted.maximum;
  if (adapted.type === "integer") adapted.format = "int64";
  if (schema.oneOf !== undefined) return mergeVariants(schema, adapted);
  if (schema.properties !== undefined)
    adapted.properties = mapValues(schema.properties, adaptSchema);
  if (schema.required !== undefined && schema.required.length > 0)
    adapted.required = [...schema.required];
  if (schema.items !== undefined) {
    adapted.items = adaptSchema(schema.items);
    setListType(adapted, adapted.items);
  }
  if (schema.type === "object" && isOpen(schema))
    adapted["x-kubernetes-preserve-unknown-fields"] = true;
  return fillDefault(adapted);
}

/**
 * A default with all the defaults inside it: the API server holds a default against the rules before
 * it fills anything in.
 */
function fillDefault(schema: StructuralSchema): StructuralSchema {
  const { default: value, properties = {} } = schema;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return schema;
  const inner = Object.entries(properties)
    .filter(([, { default: own }]) => own !== undefined)
    .map(([name, { default: own }]) => [name, own]);
  return { ...schema, default: { ...Object.fromEntries(inner), ...value } };
}

/** `{}` and `true` let anything in; `false` is what a structural schema does by pruning. */
function isOpen({ additionalProperties }: JsonSchema): boolean {
  return additionalProperties === true || typeof additionalProperties === "object";
}

/** Items that have a name are told apart by it; conditions by their type; any other list is replaced whole. */
function setListType(list: StructuralSchema, items: StructuralSchema): void {
  const key = [
    "name",
    ...(items.properties?.["lastTransitionTime"] === undefined ? [] : ["type"]),
  ].find((one) => items.required?.includes(one));
  if (key === undefined) list["x-kubernetes-list-type"] = "atomic";
  else {
    list["x-kubernetes-list-type"] = "map";
    list["x-kubernetes-list-map-keys"] = [key];
  }
}

/**
 * A union whose variants are told apart by `type` becomes one object: what only some variants have
 * is optional, and CEL says which of it belongs to which type.
 */
function mergeVariants(union: JsonSchema, base: StructuralSchema): StructuralSchema {
  const variants = (union.oneOf ?? []).map((variant) => ({
    type: String(variant.properties?.["type"]?.const),
    adapted: adaptSchema(variant),
  }));
  const properties: Record<string, StructuralSchema> = {};
  for (const { adapted } of variants)
    for (const [name, schema] of Object.entries(adapted.properties ?? {}))
      properties[name] ??= { ...schema };
  properties["type"] = { type: "string", enum: variants.map(({ type }) => type) };
  const [first, ...others] = variants.map(({ adapted }) => adapted.required ?? []);
  const required = (first ?? []).filter((name) => others.every((own) => own.includes(name)));
  const rules = variants.flatMap(({ type, adapted }) =>
    (adapted.required ?? [])
      .filter((name) => !required.includes(name))
      .map((name) => ({
        rule: `has(self.${name}) == (self.type == '${type}')`,
        message: `${name} belongs to type ${type}: required with it, refused with any other`,
      })),
  );
  return fillDefault({
    ...base,
    type: "object",
    required,
    properties,
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  });
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** The schema at `path` inside `root`; `*` is each item of a list. */
export function schemaAt(root: StructuralSchema, path: readonly string[]): StructuralSchema {
  let found: StructuralSchema | undefined = root;
  for (const step of path) found = step === "*" ? found?.items : found?.properties?.[step];
  if (found === undefined) throw new Error(`the schema has no ${path.join(".")}`);
  return found;
}
