import type { Category } from "./category-tree.ts";
import { decidePopularity, decideRating } from "./demand.ts";
import { slugify } from "./grammar.ts";
import type { Lexicon, ProductType } from "./lexicon.ts";
import { decidePriceMinor, endPriceMinor } from "./price.ts";
import { writeText } from "./prose.ts";
import { mix, permute, type Random } from "./random.ts";
import { drawOptions, type Options } from "./variants.ts";

export interface Product {
  readonly id: number;
  readonly slug: string;
  /** Department code and number: the same for every seed whose product is of that department. */
  readonly productKey: string;
  readonly vendorId: number;
  readonly brandId: number;
  readonly categoryId: number;
  readonly categoryPath: string;
  readonly title: string;
  readonly description: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The lowest of its variants. */
  readonly priceMinor: number;
  readonly inStock: boolean;
  /** Hundredths of a star; 0 without ratings. */
  readonly ratingHundredths: number;
  readonly ratingCount: number;
  readonly popularity: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly variants: readonly Variant[];
}

export interface Variant {
  readonly sku: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly priceMinor: number;
  readonly onHand: number;
}

/** The newest product is created just before this moment, whenever the catalogue is made. */
export const catalogueEndsAtMs = Date.UTC(2026, 10, 1);

/** How far back the oldest product goes: two years. */
export const catalogueSpanMs = 730 * 24 * 3600 * 1000;

/** Codes at the end of slugs have five digits to the base 36. */
export const mostProducts = 36 ** 5;

/** What a product of one type draws from besides the lexicon. */
export interface TypeShelf {
  readonly type: ProductType;
  readonly leaf: Category;
  /** Brands that make this type, the commonest first; `tier` 0 … 1 is how dear the brand is. */
  readonly brands: readonly { readonly id: number; readonly name: string; readonly tier: number }[];
  /** Vendors of its department, the busiest first. */
  readonly vendorIds: readonly number[];
}

export interface ProductPlan {
  readonly seed: number;
  /** Products in the whole catalogue: popularity and dates spread over them. */
  readonly products: number;
  /** One a leaf of the tree. */
  readonly shelves: readonly TypeShelf[];
  readonly lexicon: Lexicon;
}

/**
 * Builds product `id`, 1 … `plan.products`, from nothing but the plan: any product can be had without
 * making those before it. `random` is reseeded and used up.
 */
export function buildProduct(plan: ProductPlan, id: number, random: Random): Product {
  random.reseed(mix(plan.seed, id));
  const index = id - 1;
  const count = plan.shelves.length;
  const round = Math.floor(index / count);
  const shelf = plan.shelves[permute(index % count, count, mix(plan.seed ^ 0x5e1f, round))];
  if (shelf === undefined) throw new RangeError(`no product ${id}`);
  const { type, leaf } = shelf;

  const brand = pickSkewed(shelf.brands, random);
  const vendorId = pickSkewed(shelf.vendorIds, random);
  const model = drawModel(plan.lexicon, type, random);
  const options = drawOptions(type, random);
  const values: Record<string, string> = { brand: brand.name, model, ...options.slots };
  const attributes: Record<string, string> = { modelo: model };
  const position = drawAttributes(type, values, attributes, random);
  for (const [key, value] of options.fixed) attributes[key] = value;

  const slots = type.slotNames.map((name) => values[name] ?? "");
  const text = writeText(type, options, slots, round + leaf.id, random);
  const productKey = `${type.department.code}-${String(id).padStart(6, "0")}`;
  const variants = buildVariants(type, options, productKey, position, brand.tier, random);

  const rank = permute(index, plan.products, mix(plan.seed, 0x9a7e)) + 1;
  const popularity = decidePopularity(rank);
  const standing = 1 - rank / plan.products;
  const rating = decideRating(popularity, standing, random);
  const createdAtMs = placeInTime(index, plan.products, random);
  const touched = random.chance(0.7) ? random.unit() * random.unit() : 0;
  return {
    id,
    slug: `${shorten(slugify(text.title))}-${codeOf(index)}`,
    productKey,
    vendorId,
    brandId: brand.id,
    categoryId: leaf.id,
    categoryPath: leaf.path,
    title: text.title,
    description: text.description,
    attributes,
    priceMinor: Math.min(...variants.map((variant) => variant.priceMinor)),
    inStock: variants.some((variant) => variant.onHand > 0),
    ratingHundredths: rating.averageHundredths,
    ratingCount: rating.count,
    popularity,
    createdAtMs,
    updatedAtMs: createdAtMs + Math.floor((catalogueEndsAtMs - createdAtMs) * touched),
    variants,
  };
}

/** Early members are drawn far more often than late ones. */
function pickSkewed<T>(list: readonly T[], random: Random): T {
  const member = list[Math.floor(random.unit() * random.unit() * list.length)];
  if (member === undefined) throw new RangeError("pick from an empty list");
  return member;
}

/** "Alba", or for technical goods "KV-420", now and then "KV-420 Pro". */
function drawModel(lexicon: Lexicon, type: ProductType, random: Random): string {
  if (type.department.models === "names") return random.pick(lexicon.modelNames);
  const letters = random.pick("BDFGHKLMNPRTVXZ".split(""));
  const second = random.chance(0.5) ? random.pick("AEKLTVX".split("")) : "";
  const number = 10 * (10 + random.below(90)) + (random.chance(0.2) ? 5 : 0);
  const suffix = random.chance(0.2) ? ` ${random.pick(lexicon.modelSuffixes)}` : "";
  return `${letters}${second}-${number}${suffix}`;
}

/** Draws every attribute into both records; answers how well equipped the product is, 0 … 1. */
function drawAttributes(
  type: ProductType,
  values: Record<string, string>,
  attributes: Record<string, string>,
  random: Random,
): number {
  let sum = 0;
  for (const group of type.attributes) {
    const place = random.below(group.rows.length);
    const row = group.rows[place] ?? [];
    for (const [column, key] of group.keys.entries()) {
      const value = row[column] ?? "";
      values[key] = value;
      attributes[key] = value;
    }
    sum += group.rows.length > 1 ? place / (group.rows.length - 1) : 0.5;
  }
  return type.attributes.length > 0 ? sum / type.attributes.length : 0.5;
}

function buildVariants(
  type: ProductType,
  options: Options,
  productKey: string,
  equipment: number,
  brandTier: number,
  random: Random,
): readonly Variant[] {
  const hasSteps = type.steps !== null;
  const base = hasSteps ? 0.3 * equipment + 0.35 * options.stepPosition : 0.6 * equipment;
  const room = hasSteps ? 0.35 : 0.4;
  const position = base + room * (0.6 * brandTier + 0.4 * random.unit());
  const ending = random.unit();
  const priceMinor = decidePriceMinor(type.price, position, ending);
  const dearerPerStep = 0.18 + 0.14 * random.unit();
  const soldOut = random.chance(0.05);
  return options.variants.map((option, place) => ({
    sku: `${productKey}-${place < 9 ? "0" : ""}${place + 1}`,
    attributes: option.attributes,
    priceMinor:
      option.step === 0
        ? priceMinor
        : endPriceMinor(
            (priceMinor / 100) * (1 + dearerPerStep * option.step) + option.step,
            ending,
          ),
    onHand: soldOut || random.chance(0.08) ? 0 : drawOnHand(random),
  }));
}

/** Mostly a few dozen, up to 240. */
function drawOnHand(random: Random): number {
  const share = random.unit() * random.unit();
  return 1 + Math.floor(240 * share);
}

/** Ids and dates grow together, evenly over the span. */
function placeInTime(index: number, products: number, random: Random): number {
  const share = (index + random.unit()) / products;
  return Math.floor(catalogueEndsAtMs - catalogueSpanMs + catalogueSpanMs * share);
}

/** At most 70 characters, cut between words. */
function shorten(slug: string): string {
  return slug.length <= 70 ? slug : slug.slice(0, slug.lastIndexOf("-", 70));
}

/** Five characters that differ for every index: an affine bijection of 0 … 36⁵-1. */
function codeOf(index: number): string {
  return ((index * 23_456_789 + 11_111_117) % mostProducts).toString(36).padStart(5, "0");
}
