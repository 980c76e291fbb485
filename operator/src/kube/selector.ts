import type { LabelSelector } from "./watched-objects.ts";

export type Labels = Readonly<Record<string, string>>;
export type LabelMatch = (labels: Labels) => boolean;

/** A selector as Deployments carry it. An empty one of a workload selects nothing. */
export function matchSelector(selector: LabelSelector): LabelMatch {
  const requirements: LabelMatch[] = [
    ...Object.entries(selector.matchLabels ?? {}).map(
      ([key, value]): LabelMatch =>
        (labels) =>
          labels[key] === value,
    ),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
      requirement(key, operator.toLowerCase(), values),
    ),
  ];
  if (requirements.length === 0) return () => false;
  return (labels) => requirements.every((holds) => holds(labels));
}

/** `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, separated by commas. */
const term =
  /^(?:(?<absent>!)\s*)?(?<key>[A-Za-z0-9][-A-Za-z0-9_./]*)\s*(?:(?<operator>==?|!=)\s*(?<value>[-A-Za-z0-9_.]*)|(?<set>in|notin)\s*\((?<values>[^)]*)\))?$/;

/**
 * A selector as the scale subresource writes it, as text. Null: none that can be read, or an empty one,
 * which would select every pod of the namespace.
 */
export function parseSelector(text: string): LabelMatch | null {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements: LabelMatch[] = [];
  for (const part of parts) {
    const groups = term.exec(part)?.groups;
    if (groups === undefined) return null;
    const { key = "", absent, operator, value = "", set, values = "" } = groups;
    if (set !== undefined)
      requirements.push(
        requirement(
          key,
          set,
          values.split(",").map((one) => one.trim()),
        ),
      );
    else if (operator !== undefined)
      requirements.push(requirement(key, operator === "!=" ? "notin" : "in", [value]));
    else requirements.push(requirement(key, absent === undefined ? "exists" : "doesnotexist", []));
  }
  return (labels) => requirements.every((holds) => holds(labels));
}

/** Of an operator that is not known nothing holds. */
function requirement(key: string, operator: string, values: readonly string[]): LabelMatch {
  switch (operator) {
    case "in":
      return (labels) => values.includes(labels[key] ?? "\u0000");
    case "notin":
      return (labels) => !values.includes(labels[key] ?? "\u0000");
    case "exists":
      return (labels) => key in labels;
    case "doesnotexist":
      return (labels) => !(key in labels);
    default:
      return () => false;
  }
}
