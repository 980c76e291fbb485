import {
  type FleetFold,
  type MetricDefinition,
  operatorMetrics,
  serviceMetrics,
} from "./metrics.ts";
import type { Selector } from "./samples.ts";
import type { Indicator } from "./sla.ts";

/**
 * Writes an Indicator as PromQL; `measure.ts` interprets the same Indicators on samples, and a suite
 * runs both on the same samples. Figures of several pods are folded as the contract says metric by
 * metric, first within each set of the contract's labels, then over what the selector names.
 */

/** One matcher of a selector, `name="value"`. */
export interface LabelMatcher {
  readonly name: string;
  /** Regular expressions are RE2 and fully anchored. */
  readonly operator: "=" | "!=" | "=~" | "!~";
  readonly value: string;
}

/** Where and over how long an expression looks. */
export interface PromqlScope {
  /** Of the target: its namespace, its pods. Default none. */
  readonly matchers?: readonly LabelMatcher[];
  /**
   * Length of the window as PromQL writes it: `300s`, `5m`, `$__rate_interval`. At least twice the
   * scrape interval, and four times where a lost scrape must not empty it.
   */
  readonly range: string;
}

/** The expressions of one Indicator: each gives one number without labels, or nothing. */
export interface IndicatorPromql {
  /** What the objective is judged by, as `Measurement.value`. */
  readonly value: string;
  /** Observations behind it, as `Measurement.samples`. */
  readonly samples: string;
  /** What people are shown, as `Measurement.shown`. */
  readonly shown: string;
}

/** The PromQL duration of a whole number of seconds. */
export function formatRange(seconds: number): string {
  return `${Math.max(1, Math.round(seconds))}s`;
}

/** Writes `indicator` over `scope`. Without samples every expression is empty, never zero. */
export function formatPromql(indicator: Indicator, scope: PromqlScope): IndicatorPromql {
  switch (indicator.kind) {
    case "ratio": {
      const total = formatIncrease(indicator.total, scope);
      const good = `(${formatIncrease(indicator.good, scope)} or vector(0))`;
      const value = `${good} / (${total} > 0)`;
      return { value, samples: `${total} > 0`, shown: value };
    }
    case "mean": {
      const [count, sum] = (["_count", "_sum"] as const).map((suffix) =>
        formatIncrease([suffixed(indicator.histogram, suffix)], scope),
      ) as [string, string];
      const value = `${sum} / (${count} > 0)`;
      return { value, samples: `${count} > 0`, shown: value };
    }
    case "overThreshold": {
      const bucket = suffixed(indicator.histogram, "_bucket");
      const below = (edge: string) =>
        formatIncrease([bucket], scope, [{ name: "le", operator: "=~", value: edge }]);
      const total = `${below("\\+Inf")} > 0`;
      return {
        value: `1 - ${below(edgePattern(indicator.edgeSeconds))} / (${total})`,
        samples: total,
        shown: `histogram_quantile(${indicator.quantile}, ${formatIncreaseBy(bucket, ["le"], scope)})`,
      };
    }
    case "gauge": {
      const folded = formatLatest(indicator.metric, scope);
      return { value: `max(${folded})`, samples: `count(${folded})`, shown: `max(${folded})` };
    }
    case "rate": {
      const { counter } = indicator;
      const value = `sum(${formatFold(counter.metric, `rate(${formatSelector(counter, scope.matchers)}[${scope.range}])`)})`;
      return { value, samples: `${value} * 0 + 1`, shown: value };
    }
  }
}

/** The selector of a metric's series on the target: `name{namespace="shop",outcome=~"hit|miss"}`. */
export function formatSelector(selector: Selector, matchers: readonly LabelMatcher[] = []): string {
  const own = [
    ...Object.entries(selector.labels ?? {}).map(([name, wanted]) =>
      typeof wanted === "string" ? matchOne(name, wanted) : matchSome(name, wanted, true),
    ),
    ...Object.entries(selector.except ?? {}).map(([name, unwanted]) =>
      matchSome(name, unwanted, false),
    ),
  ];
  const all = [...matchers, ...own].map(
    ({ name, operator, value }) => `${name}${operator}${JSON.stringify(value)}`,
  );
  return all.length === 0 ? selector.metric : `${selector.metric}{${all.join(",")}}`;
}

/** Summed increase of the selected counters over the window: one number, or nothing. */
export function formatIncrease(
  selectors: readonly Selector[],
  scope: PromqlScope,
  more: readonly LabelMatcher[] = [],
): string {
  const grown = (selector: Selector) =>
    `sum(${formatFold(
      selector.metric,
      `increase(${formatSelector(selector, [...(scope.matchers ?? []), ...more])}[${scope.range}])`,
    )})`;
  const [only, ...others] = selectors;
  if (only === undefined) throw new Error("an increase needs a counter");
  if (others.length === 0) return grown(only);
  // `or` keeps one of several vectors with the same labels: a label of their own keeps all.
  const parts = selectors.map(
    (selector, index) => `label_replace(${grown(selector)}, "part", "${index}", "", "")`,
  );
  return `sum(${parts.join(" or ")})`;
}

/** Increase of the selected counters over the window, kept apart by `labels`. */
export function formatIncreaseBy(
  selector: Selector,
  labels: readonly string[],
  scope: PromqlScope,
): string {
  const grown = `increase(${formatSelector(selector, scope.matchers)}[${scope.range}])`;
  return `sum by (${labels.join(", ")}) (${formatFold(selector.metric, grown)})`;
}

/** The latest values of the selected gauges, one for each set of the contract's labels. */
export function formatLatest(selector: Selector, scope: Pick<PromqlScope, "matchers">): string {
  return foldOver(selector.metric, formatSelector(selector, scope.matchers));
}

const aggregators = { sum: "sum", max: "max", min: "min", mean: "avg" } as const satisfies Record<
  FleetFold,
  string
>;

/**
 * `expression` with the pods' series folded into one for each set of the contract's labels; unchanged
 * where the fold is a sum, which whoever sums over it does anyway.
 */
function formatFold(metric: string, expression: string): string {
  return (contractOf(metric)?.fold ?? "sum") === "sum" ? expression : foldOver(metric, expression);
}

/** The same for every fold, `sum` included. A metric that the contract lacks keeps its labels. */
function foldOver(metric: string, expression: string): string {
  const contract = contractOf(metric);
  if (contract === undefined) return expression;
  return formatAggregation(contract.fold, contract.labels, expression);
}

/** `max by (class) (expression)`. */
export function formatAggregation(
  fold: FleetFold,
  labels: readonly string[],
  expression: string,
): string {
  const by = labels.length === 0 ? "" : ` by (${labels.join(", ")})`;
  return `${aggregators[fold]}${by} (${expression})`;
}

interface Contract {
  readonly fold: FleetFold;
  readonly labels: readonly string[];
}

const contracts: ReadonlyMap<string, Contract> = new Map(
  [...Object.values(serviceMetrics), ...Object.values(operatorMetrics)].flatMap(
    (definition: MetricDefinition): [string, Contract][] => {
      const { name, kind, fleet: fold = "sum" } = definition;
      const labels = Object.keys(definition.labels);
      return kind === "histogram"
        ? [
            [`${name}_bucket`, { fold, labels: [...labels, "le"] }],
            [`${name}_sum`, { fold, labels }],
            [`${name}_count`, { fold, labels }],
          ]
        : [[name, { fold, labels }]];
    },
  ),
);

const contractOf = (metric: string): Contract | undefined => contracts.get(metric);

function suffixed(selector: Selector, suffix: string): Selector {
  return { ...selector, metric: selector.metric + suffix };
}

const matchOne = (name: string, value: string): LabelMatcher => ({ name, operator: "=", value });

function matchSome(name: string, values: readonly string[], wanted: boolean): LabelMatcher {
  const [only, ...others] = values;
  if (only !== undefined && others.length === 0)
    return { name, operator: wanted ? "=" : "!=", value: only };
  return {
    name,
    operator: wanted ? "=~" : "!~",
    // Of no values at all none matches; an empty expression would match the label's absence.
    value: only === undefined ? ".^" : values.map(quoteRegex).join("|"),
  };
}

/** `text` as a regular expression (RE2) that matches it and nothing else. */
export function quoteRegex(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}

/** A bucket's `le`: a Prometheus 3 writes the edge 1 as `1.0`, an older one as it is exported. */
function edgePattern(edge: number): string {
  const text = quoteRegex(String(edge));
  return Number.isInteger(edge) ? `${text}(\\.0)?` : text;
}
