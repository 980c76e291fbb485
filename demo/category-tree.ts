import { slugify } from "./grammar.ts";
import type { Lexicon } from "./lexicon.ts";

/** A row of the category tree. Ids count from 1, depth first. */
export interface Category {
  readonly id: number;
  readonly parentId: number | null;
  /** Ids from the root down, as an ltree: `3.17.52`. */
  readonly path: string;
  readonly slug: string;
  readonly name: string;
  /** Place among its siblings, from 0. */
  readonly position: number;
}

export interface CategoryTree {
  /** Parents before their children. */
  readonly categories: readonly Category[];
  /** The leaf of every product type, in the order of `lexicon.types`. */
  readonly leaves: readonly Category[];
}

/** Department, family, type: three levels. */
export function planCategoryTree(lexicon: Lexicon): CategoryTree {
  const categories: Category[] = [];
  const leaves: Category[] = [];
  const add = (name: string, parent: Category | null, position: number): Category => {
    const id = categories.length + 1;
    const category: Category = {
      id,
      parentId: parent?.id ?? null,
      path: parent === null ? String(id) : `${parent.path}.${id}`,
      slug: slugify(name),
      name,
      position,
    };
    categories.push(category);
    return category;
  };
  for (const [place, department] of lexicon.departments.entries()) {
    const root = add(department.name, null, place);
    for (const [familyPlace, family] of department.families.entries()) {
      const branch = add(family.name, root, familyPlace);
      for (const [typePlace, type] of family.types.entries())
        leaves.push(add(type.name, branch, typePlace));
    }
  }
  return { categories, leaves };
}
