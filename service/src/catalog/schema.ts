import { z } from "@hono/zod-openapi";
import {
  cursorParameter,
  fieldsParameter,
  languageParameter,
  limitParameter,
  plainText,
  slugParameter,
} from "../http/parameters.ts";

/** Orders of a product list. Each is total: what it leaves equal is ordered by id. */
export const productSorts = ["newest", "price", "-price", "rating", "popular"] as const;
export type ProductSort = (typeof productSorts)[number];

const id = z
  .string()
  .regex(/^\d+$/)
  .openapi({ description: "Opaque, although it is made of digits", example: "42" });
const slug = z.string().openapi({ example: "cafetera-italiana-aurora-6-tazas" });

const moneySchema = z
  .object({
    amountMinor: z.int().min(0).openapi({ description: "In minor units: 1999 is 19.99" }),
    currency: z.string().length(3).openapi({ description: "ISO 4217" }),
  })
  .openapi("Money", { example: { amountMinor: 1999, currency: "EUR" } });

const ratingSchema = z
  .object({
    average: z.number().min(0).max(5).openapi({ description: "0 while there is no review" }),
    count: z.int().min(0),
  })
  .openapi("Rating", { example: { average: 4.62, count: 118 } });

/** What is named and linked, not shown. */
const referenceSchema = z
  .object({ id, slug, name: z.string() })
  .openapi("Reference", { example: { id: "7", slug: "casa-lupe", name: "Casa Lupe" } });

export type Reference = z.infer<typeof referenceSchema>;

const attributesSchema = z
  .record(z.string(), z.unknown())
  .openapi("Attributes", { example: { color: "rojo", material: "acero inoxidable" } });

export const stockStates = ["inStock", "lowStock", "outOfStock"] as const;
const stockSchema = z
  .object({ state: z.enum(stockStates) })
  .openapi("Stock", { description: "lowStock: the last few" });

const summary = {
  id,
  slug,
  title: z.string(),
  price: moneySchema.openapi({ description: "Lowest of the variants" }),
  inStock: z.boolean(),
  rating: ratingSchema,
  image: z.string().optional().openapi({ description: "The first; absent where there is none" }),
  vendor: referenceSchema,
  brand: referenceSchema.optional().openapi({ description: "Absent where there is none" }),
  category: referenceSchema,
  createdAt: z.iso.datetime(),
};

export const productSummarySchema = z.object(summary).openapi("ProductSummary");
export type ProductSummary = z.infer<typeof productSummarySchema>;

const variantSchema = z
  .object({
    id,
    sku: z.string(),
    attributes: attributesSchema.openapi({ description: "What sets it apart" }),
    price: moneySchema,
    stock: stockSchema,
  })
  .openapi("Variant");

const detail = {
  ...summary,
  description: z.string(),
  attributes: attributesSchema,
  images: z.array(z.string()),
  stock: stockSchema,
  variants: z.array(variantSchema),
  breadcrumbs: z
    .array(referenceSchema)
    .openapi({ description: "Categories from the root to the product's own" }),
  updatedAt: z.iso.datetime(),
};

export const productDetailSchema = z.object(detail).openapi("ProductDetail");
export type ProductDetail = z.infer<typeof productDetailSchema>;

export type ProductSummaryField = keyof ProductSummary;
export type ProductDetailField = keyof ProductDetail;
const summaryFields = Object.keys(summary) as ProductSummaryField[];
const detailFields = Object.keys(detail) as ProductDetailField[];

const nextCursor = z.string().optional().openapi({ description: "Absent on the last page" });

/** With `fields` the members not named are absent. */
export const productListSchema = z
  .object({ items: z.array(productSummarySchema.partial()), nextCursor })
  .openapi("ProductList");

const category = {
  id,
  slug,
  name: z.string(),
  productCount: z
    .int()
    .min(0)
    .openapi({ description: "Products on sale, those of descendants included" }),
};

export interface CategoryNode {
  id: string;
  slug: string;
  name: string;
  productCount: number;
  children: CategoryNode[];
}

export const categoryNodeSchema: z.ZodType<CategoryNode> = z
  .object({
    ...category,
    children: z
      .lazy(() => z.array(categoryNodeSchema))
      .openapi({
        type: "array",
        items: { $ref: "#/components/schemas/Category" },
      }),
  })
  .openapi("Category");

export const categoryTreeSchema = z
  .object({ items: z.array(categoryNodeSchema) })
  .openapi("CategoryTree");

export const categoryDetailSchema = z
  .object({
    ...category,
    breadcrumbs: z
      .array(referenceSchema)
      .openapi({ description: "Categories from the root to this one" }),
    children: z.array(categoryNodeSchema),
  })
  .openapi("CategoryDetail");

export type CategoryDetail = z.infer<typeof categoryDetailSchema>;

/** The largest price that a JSON number holds exactly. */
const minorUnits = z
  .string()
  .regex(/^\d{1,15}$/, "not a whole number of minor units")
  .transform(Number)
  .optional()
  .openapi({
    param: { description: "In minor units" },
    type: "integer",
    minimum: 0,
    example: 1999,
  });

/**
 * An id as this service writes it. A bigint has up to 19 digits; ids are given one after another
 * and will not need the last.
 */
export const productId = /^[1-9]\d{0,17}$/;

/** As many as a page can hold. */
const maxIds = 100;

const idsParameter = z
  .string()
  .max(maxIds * 19)
  .transform((text, context) => {
    const given = text.split(",");
    if (given.some((one) => !productId.test(one)))
      context.addIssue({ code: "custom", message: "not ids separated by commas" });
    else if (given.length > maxIds)
      context.addIssue({ code: "custom", message: `more than ${maxIds} ids` });
    else return [...new Set(given.map(BigInt))].sort((a, b) => (a < b ? -1 : 1)).map(String);
    return z.NEVER;
  })
  .optional()
  .openapi({
    param: { description: "Product ids, comma-separated" },
    type: "string",
    example: "1,2,3",
  });

/** Attribute filters of one request, and the length of a name and a value. */
const maxAttributeFilters = 5;
const attributePrefix = "attr.";
const attributeName = /^attr\.[\p{L}\p{N}_-]{1,64}$/u;
const maxAttributeValueLength = 200;

const productListParameters = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  ids: idsParameter,
  category: slugParameter
    .optional()
    .openapi({ param: { description: "Slug; products of descendants are included" } }),
  vendor: slugParameter.optional().openapi({ param: { description: "Slug" } }),
  brand: slugParameter.optional().openapi({ param: { description: "Slug" } }),
  minPrice: minorUnits,
  maxPrice: minorUnits,
  inStock: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional()
    .openapi({ type: "boolean" }),
  sort: z.enum(productSorts).default("newest"),
  fields: fieldsParameter(summaryFields),
  lang: languageParameter,
});

/** A list request as it was understood: `attributes` by name, in the order of the names. */
export type ProductListParameters = z.infer<typeof productListParameters> & {
  readonly attributes: readonly (readonly [name: string, value: string])[];
};

/**
 * `attr.<name>` cannot be listed in a schema; every other key that is not listed is refused, since
 * each would be one more page of the same in the cache.
 */
export const productListQuery = productListParameters.loose().transform((query, context) => {
  const attributes: [string, string][] = [];
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    if (name in productListParameters.shape) continue;
    const refuse = (message: string) => context.addIssue({ code: "custom", path: [name], message });
    if (!name.startsWith(attributePrefix)) refuse("unknown parameter");
    else if (!attributeName.test(name)) refuse("not the name of an attribute");
    else if (typeof value !== "string") refuse("given twice");
    else if (!plainText.test(value) || value.length > maxAttributeValueLength)
      refuse(`not 1 to ${maxAttributeValueLength} plain characters`);
    else attributes.push([name.slice(attributePrefix.length), value]);
  }
  if (attributes.length > maxAttributeFilters)
    context.addIssue({
      code: "custom",
      path: [`${attributePrefix}${attributes[maxAttributeFilters]?.[0] ?? ""}`],
      message: `more than ${maxAttributeFilters} attribute filters`,
    });
  if (
    query.minPrice !== undefined &&
    query.maxPrice !== undefined &&
    query.minPrice > query.maxPrice
  )
    context.addIssue({ code: "custom", path: ["minPrice"], message: "above maxPrice" });
  return { ...query, attributes: attributes.sort(([a], [b]) => (a < b ? -1 : 1)) };
});

/** What the OpenAPI description says of `attr.<name>`, which no schema of the query can. */
export const attributeParameter = {
  in: "query",
  name: "attributes",
  description:
    "`attr.<name>=value`: products that have this value, on themselves or on a variant; several on the same one. Up to five",
  style: "form",
  explode: true,
  schema: {
    type: "object",
    patternProperties: { "^attr\\.": { type: "string", maxLength: maxAttributeValueLength } },
    additionalProperties: false,
  },
  example: { "attr.color": "rojo" },
} as const;

export const productDetailParameters = z.strictObject({
  fields: fieldsParameter(detailFields),
  lang: languageParameter,
});

export const idOrSlugParameter = z.object({
  idOrSlug: slugParameter.openapi({
    param: { description: "Id or slug of a product" },
    example: "42",
  }),
});

export const categoryParameters = z.strictObject({ lang: languageParameter });
export const categorySlugParameter = z.object({
  slug: slugParameter.openapi({ example: "cocina" }),
});
