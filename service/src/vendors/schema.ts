import { z } from "@hono/zod-openapi";
import {
  cursorParameter,
  languageParameter,
  limitParameter,
  slugParameter,
} from "../http/parameters.ts";

const vendor = {
  id: z.string().regex(/^\d+$/).openapi({ example: "7" }),
  slug: z.string().openapi({ example: "casa-lupe" }),
  name: z.string().openapi({ example: "Casa Lupe" }),
  city: z.string().openapi({ example: "Sevilla" }),
  rating: z.object({
    average: z.number().min(0).max(5).openapi({ description: "0 while there is no review" }),
    count: z.int().min(0),
  }),
};

export const vendorSummarySchema = z.object(vendor).openapi("VendorSummary");
export type VendorSummary = z.infer<typeof vendorSummarySchema>;

export const vendorDetailSchema = z
  .object({
    ...vendor,
    description: z.string(),
    productCount: z.int().min(0).openapi({ description: "Products on sale" }),
    createdAt: z.iso.datetime(),
  })
  .openapi("VendorDetail");
export type VendorDetail = z.infer<typeof vendorDetailSchema>;

export const vendorListSchema = z
  .object({
    items: z.array(vendorSummarySchema),
    nextCursor: z.string().optional().openapi({ description: "Absent on the last page" }),
  })
  .openapi("VendorList");

export const vendorListParameters = z.strictObject({
  limit: limitParameter,
  cursor: cursorParameter,
  lang: languageParameter,
});

export const vendorParameters = z.strictObject({ lang: languageParameter });
export const vendorSlugParameter = z.object({
  slug: slugParameter.openapi({ example: "casa-lupe" }),
});
