import type { Brand, Catalogue, Vendor } from "./catalogue.ts";
import type { Category } from "./category-tree.ts";
import { formatCopyRow } from "./copy-text.ts";
import { currency } from "./price.ts";
import type { Product } from "./product.ts";

/** The catalogue as COPY text: one table's columns and rows belong together and live here. */

/** Tables of the catalogue, each after those that it refers to. */
export const catalogueTables = [
  "vendors",
  "brands",
  "categories",
  "products",
  "variants",
  "stock",
] as const;

export type CatalogueTable = (typeof catalogueTables)[number];

const columns: Readonly<Record<CatalogueTable, string>> = {
  vendors: "id, slug, name, description, city, rating_average, rating_count, created_at",
  brands: "id, slug, name",
  categories: "id, parent_id, path, slug, name, position",
  products:
    "id, slug, product_key, vendor_id, brand_id, category_id, category_path, title, description, " +
    "attributes, currency, price_minor, in_stock, rating_average, rating_count, popularity, " +
    "created_at, updated_at",
  variants: "id, product_id, sku, position, attributes, price_minor",
  stock: "variant_id, on_hand",
};

/** The statement whose rows the formatters below write. */
export function copyStatement(table: CatalogueTable): string {
  return `COPY ${table} (${columns[table]}) FROM STDIN`;
}

export function formatVendor(vendor: Vendor): string {
  return formatCopyRow([
    vendor.id,
    vendor.slug,
    vendor.name,
    vendor.description,
    vendor.city,
    formatStars(vendor.ratingHundredths),
    vendor.ratingCount,
    new Date(vendor.createdAtMs).toISOString(),
  ]);
}

export function formatBrand(brand: Brand): string {
  return formatCopyRow([brand.id, brand.slug, brand.name]);
}

export function formatCategory(category: Category): string {
  const { id, parentId, path, slug, name, position } = category;
  return formatCopyRow([id, parentId, path, slug, name, position]);
}

export function formatProduct(product: Product): string {
  return formatCopyRow([
    product.id,
    product.slug,
    product.productKey,
    product.vendorId,
    product.brandId,
    product.categoryId,
    product.categoryPath,
    product.title,
    product.description,
    JSON.stringify(product.attributes),
    currency,
    product.priceMinor,
    product.inStock,
    formatStars(product.ratingHundredths),
    product.ratingCount,
    product.popularity,
    new Date(product.createdAtMs).toISOString(),
    new Date(product.updatedAtMs).toISOString(),
  ]);
}

/** Rows of a run of products, to go into their tables together. */
export interface ProductRows {
  readonly lastId: number;
  readonly lastVariantId: number;
  readonly products: string;
  readonly variants: string;
  readonly stock: string;
}

/**
 * The rows of all products in order, `size` products at a time. Variants are numbered from 1 without
 * gaps. Holds one run in memory, whatever the size of the catalogue.
 */
export function* productRows(catalogue: Catalogue, size: number): Generator<ProductRows> {
  let variantId = 0;
  for (let first = 1; first <= catalogue.products; first += size) {
    const lastId = Math.min(first + size - 1, catalogue.products);
    const products: string[] = [];
    const variants: string[] = [];
    const stock: string[] = [];
    for (let id = first; id <= lastId; id += 1) {
      const product = catalogue.product(id);
      products.push(formatProduct(product));
      for (const [position, variant] of product.variants.entries()) {
        variantId += 1;
        const { sku, attributes, priceMinor, onHand } = variant;
        const json = JSON.stringify(attributes);
        variants.push(formatCopyRow([variantId, id, sku, position, json, priceMinor]));
        stock.push(formatCopyRow([variantId, onHand]));
      }
    }
    yield {
      lastId,
      lastVariantId: variantId,
      products: products.join(""),
      variants: variants.join(""),
      stock: stock.join(""),
    };
  }
}

/** 427 is "4.27". */
function formatStars(hundredths: number): string {
  return (hundredths / 100).toFixed(2);
}
