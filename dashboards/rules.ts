import { type MetricDefinition, operatorMetrics, serviceMetrics } from "@mestore/contract/metrics";
import {
  formatPromql,
  formatRange,
  formatSelector,
  type LabelMatcher,
} from "@mestore/contract/promql";
import { type Objective, objectives } from "@mestore/contract/sla";

/**
 * Prometheus rules, from the objectives that have an error budget. Several releases may share one
 * Prometheus, so every rule looks at one release alone: `releaseNamespace` and `releaseName` stand in
 * the generated files, and the charts put the real ones in their place.
 */
export const releaseNamespace = "RELEASE_NAMESPACE";
export const releaseName = "RELEASE_NAME";

export interface RecordingRule {
  readonly record: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the expression must hold. Absent: at once. */
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

/** A file as Prometheus reads it, and the `spec` of a PrometheusRule. */
export interface RulesFile {
  readonly groups: readonly RuleGroup[];
}

/** Pods of a Deployment: its name, the hash of the pod's template, five random characters. */
const releaseMatchers: readonly LabelMatcher[] = [
  { name: "namespace", operator: "=", value: releaseNamespace },
  { name: "pod", operator: "=~", value: `${releaseName}-[a-z0-9]{1,10}-[a-z0-9]{5}` },
];

const releaseLabels = { namespace: releaseNamespace, service: releaseName } as const;

const hour = 3600;
const day = 24 * hour;

/** How fast a budget burns, over two windows: the long one is significant, the short one still true. */
export interface BurnRate {
  /** 1 spends exactly the budget of the period. */
  readonly factor: number;
  readonly longSeconds: number;
  readonly shortSeconds: number;
  readonly severity: "critical" | "warning";
}

/** Google SRE Workbook, chapter 5, table 5-8, and its tickets of 3 days and 6 hours. */
export const burnRates: readonly BurnRate[] = [
  { factor: 14.4, longSeconds: hour, shortSeconds: 300, severity: "critical" },
  { factor: 6, longSeconds: 6 * hour, shortSeconds: 1800, severity: "critical" },
  { factor: 3, longSeconds: day, shortSeconds: 2 * hour, severity: "warning" },
  { factor: 1, longSeconds: 3 * day, shortSeconds: 6 * hour, severity: "warning" },
];

/** The period of an error budget. */
const budgetPeriodSeconds = 30 * day;

/** Windows from here on move slowly, and cost more to compute. */
const slowSeconds = day;

/** Objectives with an error budget: availability, and the shares of slow requests. */
export const budgetObjectives: readonly Objective[] = objectives.filter(({ budget }) => budget);

/** Share of requests that may be bad. */
export function errorBudget({ indicator, target }: Objective): number {
  const share = indicator.kind === "overThreshold" ? 1 - indicator.quantile : 1 - target;
  // 1 - 0.95 is 0.050000000000000044.
  return Number(share.toPrecision(6));
}

/**
 * Fewer requests than this in the long window are no alert: one bad one must not be enough, and a
 * percentile needs its samples (docs/tuning.md, "Observation quality").
 */
export function leastRequests(objective: Objective, factor: number): number {
  return Math.max(
    objective.minimumSamples,
    Math.ceil(2 / Math.min(1, factor * errorBudget(objective))),
  );
}

const windowName = (seconds: number): string =>
  seconds % day === 0
    ? `${seconds / day}d`
    : seconds % hour === 0
      ? `${seconds / hour}h`
      : `${seconds / 60}m`;

/** Of the share of bad requests over a window: `mestore:bad_requests:ratio_5m`. */
export const badRatioName = (seconds: number): string =>
  `mestore:bad_requests:ratio_${windowName(seconds)}`;
const samplesName = (seconds: number): string => `mestore:requests:increase_${windowName(seconds)}`;
/** What is left of the budget of 30 days, 1 to less than 0. Absent until there are 30 days. */
export const budgetLeftName = `mestore:error_budget_left:ratio_${windowName(budgetPeriodSeconds)}`;

function badRatioOf({ indicator }: Objective, seconds: number): { bad: string; samples: string } {
  const { value, samples } = formatPromql(indicator, {
    matchers: releaseMatchers,
    range: formatRange(seconds),
  });
  return { bad: indicator.kind === "overThreshold" ? value : `1 - (${value})`, samples };
}

function recordWindow(objective: Objective, seconds: number): RecordingRule[] {
  const labels = { ...releaseLabels, objective: objective.name };
  const { bad, samples } = badRatioOf(objective, seconds);
  return [
    { record: badRatioName(seconds), labels, expr: bad },
    { record: samplesName(seconds), labels, expr: samples },
  ];
}

/** The recorded series of one objective of this release. */
function recorded(name: string, objective: Objective): string {
  return `${name}{namespace="${releaseNamespace}",service="${releaseName}",objective="${objective.name}"}`;
}

function recordBudget(objective: Objective): RecordingRule {
  const oldest = `${formatSelector({ metric: `${serviceMetrics.requestDuration.name}_count` }, releaseMatchers)} offset ${windowName(budgetPeriodSeconds)}`;
  const { bad } = badRatioOf(objective, budgetPeriodSeconds);
  return {
    record: budgetLeftName,
    labels: { ...releaseLabels, objective: objective.name },
    // Never extrapolated: a history shorter than the period says nothing about it.
    expr: `(1 - (${bad}) / ${errorBudget(objective)}) and count(${oldest}) > 0`,
  };
}

function alertOnBurn(objective: Objective, rate: BurnRate): AlertingRule {
  const { factor, longSeconds, shortSeconds, severity } = rate;
  const limit = Number((factor * errorBudget(objective)).toPrecision(6));
  const over = (seconds: number) => `${recorded(badRatioName(seconds), objective)} > ${limit}`;
  const [long, short] = [windowName(longSeconds), windowName(shortSeconds)];
  return {
    alert: "MeStoreErrorBudgetBurn",
    expr: [
      over(longSeconds),
      over(shortSeconds),
      `${recorded(samplesName(longSeconds), objective)} >= ${leastRequests(objective, factor)}`,
    ].join("\nand\n"),
    labels: { severity, objective: objective.name, window: long },
    annotations: {
      summary: `${objective.title}: the error budget burns ${factor} times too fast`,
      description: `{{ $value | humanizePercentage }} of the requests of {{ $labels.service }} in {{ $labels.namespace }} were bad over ${long}, and more than ${limit * 100} % still are over ${short}.`,
      runbook_url: "docs/install.md#alerts",
    },
  };
}

const seriesOf = ({ name }: MetricDefinition): string =>
  formatSelector({ metric: name }, releaseMatchers);

/** Without metrics no other alert can fire, so their absence is one. */
function alertOnAbsence(): AlertingRule {
  return {
    alert: "MeStoreMetricsAbsent",
    expr: `absent(${seriesOf(serviceMetrics.collectedAt)})`,
    for: "5m",
    labels: { severity: "critical", ...releaseLabels },
    annotations: {
      summary: "No pod of the shop reports metrics",
      description: `Prometheus has no metrics of ${releaseName} in ${releaseNamespace}: no other alert can fire, and the operator holds.`,
      runbook_url: "docs/install.md#alerts",
    },
  };
}

/** Rules of the chart mestore. */
export function createServiceRules(): RulesFile {
  const windows = [
    ...new Set(burnRates.flatMap(({ longSeconds, shortSeconds }) => [longSeconds, shortSeconds])),
  ].sort((a, b) => a - b);
  const record = (those: readonly number[]) =>
    budgetObjectives.flatMap((objective) =>
      those.flatMap((seconds) => recordWindow(objective, seconds)),
    );
  return {
    groups: [
      { name: "mestore-windows", rules: record(windows.filter((one) => one < slowSeconds)) },
      {
        name: "mestore-long-windows",
        // Below the five minutes after which Prometheus takes a series for gone.
        interval: "2m",
        rules: [
          ...record(windows.filter((one) => one >= slowSeconds)),
          ...budgetObjectives.map(recordBudget),
        ],
      },
      {
        name: "mestore-alerts",
        rules: [
          ...budgetObjectives.flatMap((objective) =>
            burnRates.map((rate) => alertOnBurn(objective, rate)),
          ),
          alertOnAbsence(),
        ],
      },
    ],
  };
}

/** Rules of the chart mestore-operator. */
export function createOperatorRules(): RulesFile {
  return {
    groups: [
      {
        name: "mestore-operator-alerts",
        rules: [
          {
            alert: "MeStoreOperatorDown",
            expr: `absent(${seriesOf(operatorMetrics.leader)} == 1)`,
            for: "5m",
            labels: { severity: "warning", ...releaseLabels },
            annotations: {
              summary: "No operator holds the lease",
              description: `No pod of ${releaseName} in ${releaseNamespace} works on the profiles. Services run on with the values that they have.`,
              runbook_url: "docs/install.md#alerts",
            },
          },
        ],
      },
    ],
  };
}
