import { optionState, type ProductType, type TemplatesByState } from "./lexicon.ts";
import type { Random } from "./random.ts";
import { renderTemplate, type Template } from "./template.ts";
import type { Options } from "./variants.ts";

/**
 * Title and description. `turn` counts the products of this type, so that neighbours in a list of
 * the category open with different sentences and titles.
 */
export function writeText(
  type: ProductType,
  options: Options,
  slots: readonly string[],
  turn: number,
  random: Random,
): { readonly title: string; readonly description: string } {
  const state = optionState(options.severalColors, options.severalSteps);
  const fitting = (templates: TemplatesByState): readonly Template[] => templates[state] ?? [];
  const render = (template: Template): string => renderTemplate(template, slots);

  const opening = atTurn(fitting(type.openings), turn);
  const details = fitting(type.details);
  const firstPlace = random.below(details.length);
  const first = atTurn(details, firstPlace);
  const second = atTurn(details, firstPlace + 1 + random.below(details.length - 1));
  const shared = random.pick(fitting(type.shared));
  const closing = random.pick(fitting(type.closings));
  const choices = fitting(type.options);
  const choice = choices.length > 0 ? [random.pick(choices)] : [];
  const sentences = arrange(random.below(7), opening, first, second, shared, closing, choice);

  let title = renderTitle(atTurn(fitting(type.titles), turn), opening, slots);
  const { color, "color~": agreed } = options.slots;
  const mention = random.unit();
  if (color !== undefined && mention < 0.3) title += `, color ${color}`;
  else if (agreed !== undefined && mention < 0.6) title += `, ${agreed}`;
  return { title, description: sentences.map(render).join(" ") };
}

/** A description may call the product by its model only where the title has introduced it. */
function renderTitle(template: Template, opening: Template, slots: readonly string[]): string {
  const introduces = template.slots.includes("model") || !opening.slots.includes("model");
  const [brand = "", model = "", ...rest] = slots;
  return renderTemplate(template, introduces ? slots : [`${brand} ${model}`, model, ...rest]);
}

/** One of seven orders, so that descriptions differ in build as well as in words. */
function arrange(
  order: number,
  opening: Template,
  first: Template,
  second: Template,
  shared: Template,
  closing: Template,
  choice: readonly Template[],
): readonly Template[] {
  switch (order) {
    case 0:
      return [opening, first, shared];
    case 1:
      return [opening, first, second, closing];
    case 2:
      return [opening, shared, first];
    case 3:
      return [opening, first, second, ...choice];
    case 4:
      return [opening, first, second, shared];
    case 5:
      return [opening, first, ...choice, closing];
    default:
      return [opening, shared, first, second, ...choice];
  }
}

function atTurn(templates: readonly Template[], turn: number): Template {
  const template = templates[turn % templates.length];
  if (template === undefined) throw new RangeError("no template fits");
  return template;
}
