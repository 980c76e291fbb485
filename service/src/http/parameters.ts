import { z } from "@hono/zod-openapi";

/**
 * Query parameters that several lists share. What they give is normalised, so that two ways of
 * asking the same end in one page of the cache.
 */

/** Items on a page of a list when `limit` does not say. */
export const defaultPageSize = 24;
export const maxPageSize = 100;

/** See cursor.ts. */
const maxCursorLength = 512;

/** PostgreSQL text holds no U+0000, and no name or value has control characters. */
// oxlint-disable-next-line no-control-regex -- they are what is refused
export const plainText = /^[^\u0000-\u001f\u007f]+$/;

export const limitParameter = z
  .string()
  .regex(/^\d{1,4}$/, "not a whole number")
  .transform(Number)
  .pipe(z.number().int().min(1).max(maxPageSize))
  .default(defaultPageSize)
  .openapi({
    param: { description: "Items on a page" },
    type: "integer",
    minimum: 1,
    maximum: maxPageSize,
    default: defaultPageSize,
    example: defaultPageSize,
  });

export const cursorParameter = z
  .string()
  .min(1)
  .max(maxCursorLength)
  .optional()
  .openapi({ param: { description: "`nextCursor` of the page before, with the same `sort`" } });

/** Languages that may be asked for. */
export const languages = ["es", "pt", "en"] as const;
export type Language = (typeof languages)[number];

export const languageParameter = z
  .enum(languages)
  .optional()
  .openapi({
    param: { description: "Language wished for; `Content-Language` says what it became" },
  });

/** The language of the texts in the catalogue: Spanish first. */
export const catalogueLanguage: Language = "es";

/** The language to answer in: texts that have no translation are sent as they are. */
export function resolveLanguage(_wished: Language | undefined): Language {
  return catalogueLanguage;
}

/** The path segment of a thing with a name: letters, digits and dashes. */
export const slugParameter = z
  .string()
  .max(200)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, "not a slug: lower-case letters, digits, single dashes");

/** `fields=a,b` of a list of names that an item has. Sorted, without repetition. */
export function fieldsParameter<Name extends string>(names: readonly Name[]) {
  const known: ReadonlyMap<string, Name> = new Map(names.map((name) => [name, name]));
  return z
    .string()
    .max(500)
    .transform((text, context) => {
      const wanted = [...new Set(text.split(","))].sort();
      return wanted.flatMap((wish) => {
        const name = known.get(wish);
        if (name !== undefined) return [name];
        const message = `no field "${wish}"; there are ${names.join(", ")}`;
        context.addIssue({ code: "custom", message });
        return [];
      });
    })
    .optional()
    .openapi({
      param: { description: `Comma-separated members to answer with: ${names.join(", ")}` },
      type: "string",
      example: names.slice(0, 3).join(","),
    });
}

/** Only the members named; all without names. */
export function pickFields<Item extends object>(
  item: Item,
  fields: readonly (keyof Item)[] | undefined,
): Partial<Item> {
  if (fields === undefined) return item;
  const picked: Partial<Item> = {};
  for (const name of fields) if (item[name] !== undefined) picked[name] = item[name];
  return picked;
}
