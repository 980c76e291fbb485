import type {
  CategoryDetail,
  CategoryNode,
  ProductDetail,
  ProductSummary,
  Reference,
} from "./schema.ts";

/** Columns of a product in a list, as the statements name them. */
export interface ProductSummaryRow {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly currency: string;
  readonly priceMinor: string;
  readonly inStock: boolean;
  readonly ratingAverage: string;
  readonly ratingCount: number;
  readonly image: string | null;
  readonly createdAt: string;
  readonly vendorId: string;
  readonly vendorSlug: string;
  readonly vendorName: string;
  readonly brandId: string | null;
  readonly brandSlug: string | null;
  readonly brandName: string | null;
  readonly categoryId: string;
  readonly categorySlug: string;
  readonly categoryName: string;
}

export interface VariantRow {
  readonly id: string;
  readonly sku: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly priceMinor: number;
  /** On hand and not reserved. */
  readonly available: number;
}

export interface ProductDetailRow extends ProductSummaryRow {
  readonly description: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly images: readonly string[];
  readonly updatedAt: string;
  readonly variants: readonly VariantRow[];
  readonly breadcrumbs: readonly Reference[];
}

export interface CategoryRow {
  readonly id: string;
  readonly parentId: string | null;
  readonly slug: string;
  readonly name: string;
  /** On sale and directly in this category. */
  readonly products: number;
}

/** What a list shows of a product. */
export function formatProductSummary(row: ProductSummaryRow): ProductSummary {
  const { brandId, brandSlug, brandName, image } = row;
  return {
    id: row.id,
    slug: row.slug,
    title: row.title,
    price: { amountMinor: Number(row.priceMinor), currency: row.currency },
    inStock: row.inStock,
    rating: { average: Number(row.ratingAverage), count: row.ratingCount },
    ...(image === null ? {} : { image }),
    vendor: { id: row.vendorId, slug: row.vendorSlug, name: row.vendorName },
    ...(brandId === null || brandSlug === null || brandName === null
      ? {}
      : { brand: { id: brandId, slug: brandSlug, name: brandName } }),
    category: { id: row.categoryId, slug: row.categorySlug, name: row.categoryName },
    createdAt: row.createdAt,
  };
}

/** Fewer than this are "the last few"; shoppers are not told how many. */
const lowStockBelow = 5;

type StockState = ProductDetail["stock"]["state"];

export function decideStockState(available: number): StockState {
  if (available <= 0) return "outOfStock";
  return available < lowStockBelow ? "lowStock" : "inStock";
}

/** What the page of a product shows. Its stock is what its best-stocked variant has. */
export function formatProductDetail(row: ProductDetailRow): ProductDetail {
  const { currency } = row;
  const state = decideStockState(Math.max(0, ...row.variants.map(({ available }) => available)));
  return {
    ...formatProductSummary(row),
    inStock: state !== "outOfStock",
    description: row.description,
    attributes: row.attributes,
    images: [...row.images],
    stock: { state },
    variants: row.variants.map((variant) => ({
      id: variant.id,
      sku: variant.sku,
      attributes: variant.attributes,
      price: { amountMinor: variant.priceMinor, currency },
      stock: { state: decideStockState(variant.available) },
    })),
    breadcrumbs: [...row.breadcrumbs],
    updatedAt: row.updatedAt,
  };
}

/**
 * The tree of categories, siblings in the order of `rows`; a count takes in all descendants. A
 * category whose parent is not among `rows` is a root.
 */
export function buildCategoryTree(rows: readonly CategoryRow[]): CategoryNode[] {
  const nodes = new Map(
    rows.map(({ id, slug, name, products }) => [
      id,
      { id, slug, name, productCount: products, children: [] as CategoryNode[] },
    ]),
  );
  const roots: CategoryNode[] = [];
  for (const { id, parentId } of rows) {
    const node = nodes.get(id);
    if (node === undefined) continue;
    const siblings = parentId === null ? roots : (nodes.get(parentId)?.children ?? roots);
    siblings.push(node);
  }
  for (const root of roots) countDescendants(root);
  return roots;
}

function countDescendants(node: CategoryNode): number {
  for (const child of node.children) node.productCount += countDescendants(child);
  return node.productCount;
}

/** The category with this slug, with the way to it; null where there is none. */
export function findCategory(tree: readonly CategoryNode[], slug: string): CategoryDetail | null {
  for (const node of tree) {
    const here: Reference = { id: node.id, slug: node.slug, name: node.name };
    if (node.slug === slug) return { ...node, breadcrumbs: [here] };
    const below = findCategory(node.children, slug);
    if (below !== null) return { ...below, breadcrumbs: [here, ...below.breadcrumbs] };
  }
  return null;
}

/**
 * Tags of a product's page: itself, and what its page names. They are surrogate keys for shared
 * caches, and what an invalidation moves.
 */
export function tagsOfProduct(product: ProductDetail): string[] {
  return [
    `product:${product.id}`,
    `vendor:${product.vendor.id}`,
    ...(product.brand === undefined ? [] : [`brand:${product.brand.id}`]),
    ...product.breadcrumbs.map(({ id }) => `category:${id}`),
  ];
}

/** What narrows a list, by id. */
export interface ListScope {
  readonly categoryId?: string | undefined;
  readonly vendorId?: string | undefined;
  readonly brandId?: string | undefined;
}

/** Tags of a list: what narrows it, so that a new product finds it, and the products that it shows. */
export function tagsOfProductList(
  { categoryId, vendorId, brandId }: ListScope,
  items: readonly { readonly id: string }[],
): string[] {
  return [
    ...(categoryId === undefined ? ["products"] : [`category:${categoryId}`]),
    ...(vendorId === undefined ? [] : [`vendor:${vendorId}`]),
    ...(brandId === undefined ? [] : [`brand:${brandId}`]),
    ...items.map(({ id }) => `product:${id}`),
  ];
}
