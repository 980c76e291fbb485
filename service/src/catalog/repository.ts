import type { Database } from "../database/database.ts";
import type { CategoryRow, ProductDetailRow, ProductSummaryRow } from "./catalog.ts";
import { productId } from "./schema.ts";
import {
  categoryCounts,
  type FilterSlugs,
  planFilterLookup,
  planProductDetail,
  planProductList,
  type ProductListPlan,
} from "./statements.ts";

export interface ProductListRow extends ProductSummaryRow {
  /** Values that the list is ordered by, for a cursor. */
  readonly position: readonly string[];
}

/** What slugs stand for; null where there is no such thing, or none was asked for. */
export interface FilterLookup {
  readonly categoryId: string | null;
  readonly categoryPath: string | null;
  readonly vendorId: string | null;
  readonly brandId: string | null;
}

/** Every read of the catalogue. Rejects as `Database.query` does. */
export interface CatalogRepository {
  lookUpFilters(slugs: FilterSlugs): Promise<FilterLookup>;
  /** Up to `limit` rows and whether there are more. */
  listProducts(plan: ProductListPlan): Promise<{ rows: readonly ProductListRow[]; more: boolean }>;
  /** Null where no product on sale has this id or slug. */
  loadProduct(idOrSlug: string): Promise<ProductDetailRow | null>;
  loadCategories(): Promise<readonly CategoryRow[]>;
}

const noFilters: FilterLookup = {
  categoryId: null,
  categoryPath: null,
  vendorId: null,
  brandId: null,
};

export function createCatalogRepository(database: Database): CatalogRepository {
  return {
    async lookUpFilters(slugs) {
      const [found] = await database.query<FilterLookup>(planFilterLookup(slugs));
      return found ?? noFilters;
    },
    async listProducts(plan) {
      const rows = await database.query<ProductListRow>(planProductList(plan));
      return { rows: rows.slice(0, plan.limit), more: rows.length > plan.limit };
    },
    async loadProduct(idOrSlug) {
      const by = productId.test(idOrSlug) ? { id: idOrSlug } : { slug: idOrSlug };
      const [row] = await database.query<ProductDetailRow>(planProductDetail(by));
      return row ?? null;
    },
    loadCategories: () => database.query<CategoryRow>(categoryCounts),
  };
}
