import { describe, expect, test } from "bun:test";
import { planCategoryTree } from "./category-tree.ts";
import { slugify } from "./grammar.ts";
import { loadLexicon } from "./lexicon.ts";

const lexicon = loadLexicon();
const tree = planCategoryTree(lexicon);

describe("the category tree", () => {
  test("three levels of a general store", () => {
    const depths = Map.groupBy(tree.categories, ({ path }) => path.split(".").length);
    expect(depths.get(1)?.map(({ name }) => name)).toEqual([
      "Hogar",
      "Cocina",
      "Ropa y calzado",
      "Electrónica",
      "Deporte",
    ]);
    expect(depths.get(2)?.length).toBeGreaterThanOrEqual(25);
    expect(depths.get(2)?.length).toBeLessThanOrEqual(40);
    expect(depths.get(3)?.length).toBeGreaterThanOrEqual(120);
    expect(depths.size).toBe(3);
    expect(tree.leaves.length).toBe(depths.get(3)?.length ?? 0);
  });

  test("a path is the parent's path and the own id, parents first", () => {
    for (const { id, parentId, path } of tree.categories) {
      const parent = tree.categories.find((other) => other.id === parentId);
      expect(path).toBe(parent === undefined ? `${id}` : `${parent.path}.${id}`);
      expect(parent?.id ?? 0).toBeLessThan(id);
    }
  });

  test("slugs are unique", () => {
    expect(new Set(tree.categories.map(({ slug }) => slug)).size).toBe(tree.categories.length);
  });
});

test("every department has vendors, and their slugs are unique", () => {
  const { vendors, departments } = lexicon;
  expect(vendors.length).toBe(60);
  expect(new Set(vendors.map(({ name }) => slugify(name))).size).toBe(vendors.length);
  const codes = departments.map(({ code }) => code);
  for (const code of codes)
    expect(vendors.filter(({ sells }) => sells.includes(code)).length).toBeGreaterThanOrEqual(10);
  for (const { sells } of vendors) expect(codes).toEqual(expect.arrayContaining([...sells]));
});

test("no brand belongs to two departments", () => {
  const brands = lexicon.departments.flatMap(({ brands: names }) => names);
  expect(new Set(brands.map(slugify)).size).toBe(brands.length);
});

test("only the opening may call a product by its model, for titles are matched to it", () => {
  for (const type of lexicon.types)
    for (const template of [type.shared, type.closings, type.options].flat(2))
      expect(template.slots).not.toContain("model");
});

test("attribute keys can stand in an address", () => {
  for (const type of lexicon.types)
    for (const key of [...type.attributes.flatMap(({ keys }) => keys), type.steps?.key ?? "color"])
      expect(key).toMatch(/^[a-z_]+$/);
});

test("prices have a range", () => {
  for (const { name, price } of lexicon.types)
    expect(price[1] / price[0], name).toBeGreaterThan(1.5);
});
