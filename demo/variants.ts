import { joinList } from "./grammar.ts";
import type { ProductType } from "./lexicon.ts";
import type { Random } from "./random.ts";

/** What a product lets its buyer choose, and what that makes of its attributes and its text. */
export interface Options {
  /** One attribute set a variant, in the order they are shown. */
  readonly variants: readonly VariantOption[];
  /** Axes with one value only: attributes of the product itself. */
  readonly fixed: readonly (readonly [key: string, value: string])[];
  /** Slot values of the templates: `color`, `color~`, `color*`, `talla*`, the step and its list. */
  readonly slots: Readonly<Record<string, string>>;
  readonly severalColors: boolean;
  readonly severalSteps: boolean;
  /** 0 … 1: where the cheapest step stands among all of the type's; 0 without steps. */
  readonly stepPosition: number;
}

export interface VariantOption {
  readonly attributes: Readonly<Record<string, string>>;
  /** How many steps above the cheapest variant: each makes it dearer. */
  readonly step: number;
}

/**
 * Draws the colours, sizes and steps of one product. Colours number 1 to 4, or 1 to 2 when there is
 * another axis; sizes are a run of 3 to 5 neighbours, steps of 1 to 3.
 */
export function drawOptions(type: ProductType, random: Random): Options {
  const hasRuns = type.sizes !== null || type.steps !== null;
  const colors = drawSome(type.colors, hasRuns ? 2 : 4, random);
  const sizes = type.sizes === null ? [] : drawRun(type.sizes.values, 3, 5, random);
  const steps = type.steps === null ? [] : drawRun(type.steps.values, 1, 3, random);
  const [color] = colors;
  const [step] = steps;

  const fixed: (readonly [string, string])[] = [];
  const slots: Record<string, string> = {};
  if (colors.length > 1) slots["color*"] = joinList(colors.map((each) => each.name));
  else if (color !== undefined) {
    fixed.push(["color", color.name]);
    slots["color"] = color.name;
    slots["color~"] = color.agreed;
  }
  if (type.sizes !== null)
    slots["talla*"] = type.sizes.range
      .replace("{first}", sizes[0] ?? "")
      .replace("{last}", sizes.at(-1) ?? "");
  if (type.steps !== null && step !== undefined) {
    if (steps.length > 1) slots[`${type.steps.key}*`] = joinList(steps);
    else {
      fixed.push([type.steps.key, step]);
      slots[type.steps.key] = step;
    }
  }

  const variants: VariantOption[] = [];
  for (const eachColor of colors.length > 1 ? colors : [null])
    for (const size of sizes.length > 0 ? sizes : [null])
      for (const [place, eachStep] of (steps.length > 1 ? steps : [null]).entries()) {
        const attributes: Record<string, string> = {};
        if (eachColor !== null) attributes["color"] = eachColor.name;
        if (size !== null) attributes["talla"] = size;
        if (eachStep !== null && type.steps !== null) attributes[type.steps.key] = eachStep;
        variants.push({ attributes, step: place });
      }

  const stepCount = type.steps?.values.length ?? 1;
  const firstStep = step === undefined ? 0 : (type.steps?.values.indexOf(step) ?? 0);
  return {
    variants,
    fixed,
    slots,
    severalColors: colors.length > 1,
    severalSteps: steps.length > 1,
    stepPosition: stepCount > 1 ? firstStep / (stepCount - 1) : 0,
  };
}

/** One to `most` different members, in the order of the list; none of an empty list. */
function drawSome<T>(list: readonly T[], most: number, random: Random): readonly T[] {
  if (list.length === 0) return [];
  const count = Math.min(1 + random.below(most), list.length);
  let needed = count;
  return list.filter((_, place) => {
    const taken = random.below(list.length - place) < needed;
    if (taken) needed -= 1;
    return taken;
  });
}

/** A run of neighbours, `least` to `most` long, or the whole list when it is shorter. */
function drawRun<T>(list: readonly T[], least: number, most: number, random: Random): readonly T[] {
  const length = Math.min(list.length, least + random.below(most - least + 1));
  const first = random.below(list.length - length + 1);
  return list.slice(first, first + length);
}
