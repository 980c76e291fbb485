import { describe, expect, test } from "bun:test";
import { createCatalogue } from "./catalogue.ts";
import { catalogueEndsAtMs, catalogueSpanMs, type Product } from "./product.ts";
import { formatBrand, formatCategory, formatVendor, productRows } from "./rows.ts";

/** SHA-256 of the COPY text of a catalogue of 2,000: changes with the lexicon, never with the machine. */
const digest = "b955a63cf8013a3450b7d2be4a60e1b58ca9b91ad8a6428c38c712bc2f82f512";

const size = 20_000;
const catalogue = createCatalogue({ products: size });
const products = Array.from({ length: size }, (_, index) => catalogue.product(index + 1));

function digestOf(options: { products: number; seed?: number }, run: number): string {
  const { vendors, brands, categories } = createCatalogue(options);
  const hashers = [0, 1, 2].map(() => new Bun.CryptoHasher("sha256"));
  for (const rows of productRows(createCatalogue(options), run))
    for (const [place, table] of (["products", "variants", "stock"] as const).entries())
      hashers[place]?.update(rows[table]);
  const whole = new Bun.CryptoHasher("sha256");
  whole.update(vendors.map(formatVendor).join(""));
  whole.update(brands.map(formatBrand).join(""));
  whole.update(categories.map(formatCategory).join(""));
  for (const hasher of hashers) whole.update(hasher.digest("hex"));
  return whole.digest("hex");
}

describe("determinism", () => {
  test("the same seed and size give the same bytes on every machine", () => {
    expect(digestOf({ products: 2000 }, 64)).toBe(digest);
  });

  test("another seed gives another catalogue", () => {
    expect(digestOf({ products: 2000, seed: 2 }, 64)).not.toBe(digest);
  });

  test("a product does not depend on those made before it", () => {
    const other = createCatalogue({ products: size });
    for (const id of [20_000, 1, 777, 19_999, 777])
      expect(products[id - 1]).toEqual(other.product(id));
  });

  test("the runs that rows are made in leave no trace", () => {
    expect(digestOf({ products: 2000 }, 2000)).toBe(digest);
  });

  test("keys and SKUs depend on department and number alone", () => {
    for (const { id, productKey, variants } of products.slice(0, 500)) {
      expect(productKey).toMatch(/^(HOG|COC|ROP|ELE|DEP)-\d{6}$/);
      expect(Number(productKey.slice(4))).toBe(id);
      expect(variants[0]?.sku).toBe(`${productKey}-01`);
    }
  });
});

describe("rows that the schema accepts", () => {
  test("slugs, keys and SKUs are unique; slugs are ASCII with single hyphens", () => {
    expect(new Set(products.map(({ slug }) => slug)).size).toBe(size);
    expect(new Set(products.map(({ productKey }) => productKey)).size).toBe(size);
    const skus = products.flatMap(({ variants }) => variants.map(({ sku }) => sku));
    expect(new Set(skus).size).toBe(skus.length);
    for (const { slug } of products) {
      expect(slug).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(slug.length).toBeLessThanOrEqual(80);
    }
  });

  test("the price is the lowest of the variants, in stock is any of them", () => {
    for (const { priceMinor, inStock, variants } of products) {
      expect(variants.length).toBeGreaterThanOrEqual(1);
      expect(priceMinor).toBe(Math.min(...variants.map((variant) => variant.priceMinor)));
      expect(priceMinor).toBeGreaterThan(0);
      expect(inStock).toBe(variants.some(({ onHand }) => onHand > 0));
    }
  });

  test("variants differ in the attributes that they let one choose", () => {
    for (const { variants } of products) {
      const choices = variants.map(({ attributes }) => JSON.stringify(attributes));
      expect(new Set(choices).size).toBe(variants.length);
    }
  });

  test("every leaf and nearly every brand and vendor is used", () => {
    const leaves = catalogue.categories.filter(({ path }) => path.split(".").length === 3);
    const counts = Map.groupBy(products, ({ categoryId }) => categoryId);
    for (const { id, path } of leaves) {
      const group = counts.get(id) ?? [];
      expect(group.length).toBeGreaterThan(100);
      expect(group[0]?.categoryPath).toBe(path);
    }
    expect(counts.size).toBe(leaves.length);
    expect(new Set(products.map(({ vendorId }) => vendorId)).size).toBe(catalogue.vendors.length);
    expect(new Set(products.map(({ brandId }) => brandId)).size).toBe(catalogue.brands.length);
  });
});

describe("figures like a shop's", () => {
  test("popularity is Zipf's: the first tenth has most of it", () => {
    const sorted = products.map(({ popularity }) => popularity).toSorted((a, b) => b - a);
    const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);
    expect(sorted[0]).toBe(100_000);
    expect(sorted[99]).toBe(1000);
    expect(sum(sorted.slice(0, size / 10)) / sum(sorted)).toBeGreaterThan(0.7);
    expect(
      new Set(products.slice(0, 2000).map(({ popularity }) => popularity)).size,
    ).toBeGreaterThan(60);
  });

  test("what sells more is rated more often and a little better", () => {
    const ranked = products.toSorted((a, b) => b.popularity - a.popularity);
    const mean = (group: readonly Product[], of: (product: Product) => number): number =>
      group.reduce((all, product) => all + of(product), 0) / group.length;
    const rated = ranked.filter(({ ratingCount }) => ratingCount > 0);
    const head = rated.slice(0, 2000);
    const tail = rated.slice(-2000);
    expect(mean(head, ({ ratingCount }) => ratingCount)).toBeGreaterThan(
      3 * mean(tail, ({ ratingCount }) => ratingCount),
    );
    const better =
      mean(head, ({ ratingHundredths }) => ratingHundredths) -
      mean(tail, ({ ratingHundredths }) => ratingHundredths);
    expect(better).toBeGreaterThan(20);
    expect(better).toBeLessThan(80);
  });

  test("some are sold out, few products altogether", () => {
    const out = products.filter(({ inStock }) => !inStock).length / size;
    expect(out).toBeGreaterThan(0.04);
    expect(out).toBeLessThan(0.15);
  });

  test("created evenly over two years up to the fixed end, ids and dates in one order", () => {
    let before = catalogueEndsAtMs - catalogueSpanMs - 1;
    for (const { createdAtMs, updatedAtMs } of products) {
      expect(createdAtMs).toBeGreaterThan(before);
      expect(updatedAtMs).toBeGreaterThanOrEqual(createdAtMs);
      expect(updatedAtMs).toBeLessThanOrEqual(catalogueEndsAtMs);
      before = createdAtMs;
    }
    expect(before).toBeLessThan(catalogueEndsAtMs);
  });
});

describe("prose", () => {
  test("nothing is left unfilled, doubled or without its full stop", () => {
    for (const { title, description } of products) {
      expect(title).not.toMatch(/[{}]|undefined| {2}|,,| ,|^\p{Ll}/u);
      expect(description).toMatch(/^\p{Lu}.*\.$/u);
      expect(description).not.toMatch(/[{}*~]|undefined| {2}|\.\.| [.,;]|\. \p{Ll}/u);
      expect(description).not.toMatch(/\b(de el|a el|del el)\b/);
    }
  });

  test("articles agree with the noun", () => {
    const wrong =
      /\b(el|un|este) (lámpara|olla|mesa|silla|taza|camiseta|mochila|bicicleta)|\b(la|una|esta) (jarrón|vestido|reloj|balón|teclado)|\b(los) (gafas|zapatillas|sandalias)|\b(las) (guantes|calcetines|zapatos|botines) /i;
    for (const { description } of products) expect(description).not.toMatch(wrong);
  });

  test("colours agree with the noun", () => {
    const forms: Readonly<Record<string, string>> = {
      o: "vestido|jarrón|cojín|bolso|jersey|casco",
      a: "taza|olla|camiseta|sudadera|blusa|maceta",
      os: "guantes|botines|calcetines|bóxers|auriculares",
      as: "zapatillas|sandalias|gafas|mallas|botas",
    };
    for (const [ending, nouns] of Object.entries(forms)) {
      const coloured = products.flatMap(({ title }) => {
        const found = new RegExp(
          `^(?:${nouns}) .*, (negr|roj|blanc|amarill)(o|a|os|as)$`,
          "i",
        ).exec(title);
        return found === null ? [] : [found[2]];
      });
      expect(coloured.length).toBeGreaterThan(5);
      expect(new Set(coloured)).toEqual(new Set([ending]));
    }
  });

  test("no sentence comes twice in a description", () => {
    for (const { description } of products) {
      const sentences = description.split(/(?<=\.) /);
      expect(new Set(sentences).size).toBe(sentences.length);
      expect(sentences.length).toBeGreaterThanOrEqual(3);
    }
  });

  test("neighbours do not read alike, in the whole shop and in a category", () => {
    const lists = [...Map.groupBy(products, ({ categoryId }) => categoryId).values(), products];
    for (const list of lists) {
      const pairs = list.slice(1).map((product, place) => [list[place], product] as const);
      const share = (alike: (a: Product, b: Product) => boolean): number =>
        pairs.filter(([a, b]) => a !== undefined && alike(a, b)).length / pairs.length;
      expect(share((a, b) => a.description === b.description)).toBe(0);
      expect(share((a, b) => a.title === b.title)).toBeLessThan(0.05);
      const opening = ({ description }: Product): string => description.split(". ")[0] ?? "";
      expect(share((a, b) => opening(a) === opening(b))).toBeLessThan(0.05);
    }
  });

  test("descriptions rarely repeat in the whole shop", () => {
    const texts = new Set(products.map(({ title, description }) => `${title}\n${description}`));
    expect(texts.size / size).toBeGreaterThan(0.99);
  });

  test("a description calls a product by its model only when the title has said it", () => {
    for (const { title, description, attributes } of products.slice(0, 5000)) {
      const model = attributes["modelo"] ?? "";
      if (new RegExp(`\\b(El|La|Los|Las|juego) ${model}\\b`).test(description))
        expect(title).toContain(model);
    }
  });
});

test("making products takes no memory with their number", () => {
  const measure = (): number => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  const large = createCatalogue({ products: 1_000_000 });
  for (let id = 1; id <= 5000; id += 1) large.product(id);
  const before = measure();
  for (let id = 5001; id <= 45_000; id += 1) large.product(id);
  expect(measure() - before).toBeLessThan(4 * 1024 * 1024);
});

test.each([
  [{ products: 0 }, "products must be a whole number"],
  [{ products: 1.5 }, "products must be a whole number"],
  [{ products: 10, seed: -1 }, "seed must be a whole number"],
])("refuses %p", (options, message) => {
  expect(() => createCatalogue(options)).toThrow(message);
});

test("there is no product outside the catalogue", () => {
  expect(() => catalogue.product(0)).toThrow(RangeError);
  expect(() => catalogue.product(size + 1)).toThrow(RangeError);
});
