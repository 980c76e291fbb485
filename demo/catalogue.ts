import { planCategoryTree, type Category } from "./category-tree.ts";
import { slugify } from "./grammar.ts";
import { loadLexicon } from "./lexicon.ts";
import { buildProduct, mostProducts, type Product, type TypeShelf } from "./product.ts";
import { mix, Random } from "./random.ts";

/** Seed of the demonstration catalogue unless another is asked for. */
export const defaultSeed = 1;

export interface CatalogueOptions {
  /** How many products, 1 … `mostProducts`. */
  readonly products: number;
  /** 32-bit integer, `defaultSeed` by default. */
  readonly seed?: number;
}

export interface Brand {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
}

export interface Vendor {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly city: string;
  /** Hundredths of a star. */
  readonly ratingHundredths: number;
  readonly ratingCount: number;
  readonly createdAtMs: number;
}

/**
 * A whole shop that exists only as a rule: the same seed and size give the same rows everywhere, and
 * a product is made when it is asked for, so that any size fits in the same memory.
 */
export interface Catalogue {
  readonly categories: readonly Category[];
  readonly brands: readonly Brand[];
  readonly vendors: readonly Vendor[];
  readonly products: number;
  /** Product `id`, counted from 1. */
  product(id: number): Product;
}

/** Before this the vendors opened their shops. */
const vendorsOpenUntilMs = Date.UTC(2024, 9, 1);

/** How many of its department's brands make one product type. */
const brandsPerType = 9;

/** Throws a RangeError when `products` or `seed` is out of range. */
export function createCatalogue({ products, seed = defaultSeed }: CatalogueOptions): Catalogue {
  if (!Number.isInteger(products) || products < 1 || products > mostProducts)
    throw new RangeError(`products must be a whole number from 1 to ${mostProducts}`);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new RangeError("seed must be a whole number from 0 to 4294967295");

  const lexicon = loadLexicon();
  const tree = planCategoryTree(lexicon);
  const random = new Random(mix(seed, 0));
  const brands = lexicon.departments
    .flatMap((department) => department.brands)
    .map((name, place): Brand => ({ id: place + 1, slug: slugify(name), name }));
  const brandIds = new Map(brands.map((brand) => [brand.name, brand.id]));
  const vendors = lexicon.vendors.map((vendor, place): Vendor => ({
    id: place + 1,
    slug: slugify(vendor.name),
    name: vendor.name,
    description: vendor.description,
    city: vendor.city,
    ratingHundredths: 380 + random.below(110),
    ratingCount: Math.floor(24_000 / (place + 1)) + random.below(200),
    createdAtMs: vendorsOpenUntilMs - random.below(2000) * 24 * 3600 * 1000,
  }));

  const shelves = lexicon.types.map((type, place): TypeShelf => {
    const leaf = tree.leaves[place];
    if (leaf === undefined) throw new RangeError(`${type.name} has no category`);
    const names = type.department.brands;
    const first = mix(seed ^ 0xb4a2d, place) % names.length;
    return {
      type,
      leaf,
      brands: Array.from({ length: Math.min(brandsPerType, names.length) }, (_, step) => {
        const name = names[(first + step * 5) % names.length] ?? "";
        const id = brandIds.get(name) ?? 0;
        return { id, name, tier: mix(seed, id) / 0xffffffff };
      }),
      vendorIds: lexicon.vendors.flatMap((vendor, index) =>
        vendor.sells.includes(type.department.code) ? [index + 1] : [],
      ),
    };
  });

  const plan = { seed, products, shelves, lexicon };
  return {
    categories: tree.categories,
    brands,
    vendors,
    products,
    product(id) {
      if (!Number.isInteger(id) || id < 1 || id > products)
        throw new RangeError(`product ids go from 1 to ${products}`);
      return buildProduct(plan, id, random);
    },
  };
}
