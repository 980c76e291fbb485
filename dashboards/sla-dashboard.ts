// The v1 model is what a ConfigMap for Grafana's sidecar holds and what Grafanas of all ages read; the SDK
// advises v2 to those who talk to a new Grafana's API.
/* oxlint-disable typescript/no-deprecated */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  VizLegendOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { operatorMetrics, serviceMetrics } from "@mestore/contract/metrics";
import {
  formatIncreaseBy,
  formatPromql,
  formatSelector,
  type LabelMatcher,
} from "@mestore/contract/promql";
import { type Objective, objectives } from "@mestore/contract/sla";
import { badRatioName, budgetObjectives, burnRates, errorBudget } from "./rules.ts";

/** Stable, so that links and an update find it. */
export const slaDashboardUid = "mestore-sla";

const datasource = { type: "prometheus", uid: "${datasource}" };

const matchers: readonly LabelMatcher[] = [
  { name: "namespace", operator: "=", value: "$namespace" },
  { name: "pod", operator: "=~", value: "$pod" },
];

/** At least four scrapes, whatever the resolution of the screen. */
const scope = { matchers, range: "$__rate_interval" } as const;

/** Grafana's names of the contract's units. */
const grafanaUnits = {
  seconds: "s",
  ratio: "percentunit",
  bytes: "bytes",
  cores: "suffix: cores",
} as const satisfies Record<Objective["unit"], string>;

interface Line {
  readonly expr: string;
  readonly legend: string;
}

interface PanelPlan {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Lines across the panel; `side` is where it is bad. */
  readonly limits?: readonly { readonly value: number; readonly side: "above" | "below" }[];
}

const [good, bad] = ["green", "red"] as const;

function createPanel(plan: PanelPlan, index: number): Builder<Panel> {
  const panel = new PanelBuilder()
    .id(index + 1)
    .title(plan.title)
    .description(plan.description)
    .unit(plan.unit)
    .min(0)
    .datasource(datasource)
    .lineWidth(2)
    .fillOpacity(5)
    .legend(new VizLegendOptionsBuilder().showLegend(plan.lines.length > 1 || isTemplated(plan)))
    .gridPos(placeOf(index));
  for (const [position, { expr, legend }] of plan.lines.entries())
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCodePoint(65 + position))
        .datasource(datasource)
        .expr(expr)
        .legendFormat(legend)
        .range(),
    );
  const limits = plan.limits ?? [];
  if (limits.length === 0) return panel;
  const startsBad = limits[0]?.side === "below";
  return panel
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps([
          { value: null, color: startsBad ? bad : good },
          ...limits.map(({ value, side }) => ({ value, color: side === "above" ? bad : good })),
        ]),
    );
}

const isTemplated = ({ lines }: PanelPlan): boolean =>
  lines.some(({ legend }) => legend.includes("{{"));

const [columns, panelWidth, panelHeight] = [3, 8, 7] as const;

const placeOf = (index: number) => ({
  x: (index % columns) * panelWidth,
  y: Math.floor(index / columns) * panelHeight,
  w: panelWidth,
  h: panelHeight,
});

function planObjective(name: string, description: string): PanelPlan {
  const objective = objectives.find((one) => one.name === name);
  if (objective === undefined) throw new Error(`the contract has no objective ${name}`);
  const { title, indicator, unit, target, better } = objective;
  return {
    title,
    description,
    unit: grafanaUnits[unit],
    lines: [{ expr: formatPromql(indicator, scope).shown, legend: title }],
    limits: [{ value: target, side: better === "below" ? "above" : "below" }],
  };
}

const { requestDuration, cacheTtl, tuningRevision } = serviceMetrics;

/** Rate, errors and duration first; then the cache, the database, the process; last what was tuned. */
const plans: readonly PanelPlan[] = [
  {
    title: "Requests",
    description: "Requests a second, by route.",
    unit: "reqps",
    lines: [
      {
        expr: `sum by (http_route) (rate(${formatSelector({ metric: `${requestDuration.name}_count` }, matchers)}[${scope.range}]))`,
        legend: "{{http_route}}",
      },
    ],
  },
  planObjective("error-rate", "Requests that the server failed to answer, of all requests."),
  planObjective("availability", "Requests answered without a failure of the server."),
  planObjective("api-mean", "Mean time from a request's arrival to its answer."),
  planObjective("api-p95", "95 % of the requests were answered within this time."),
  planObjective("api-p99", "99 % of the requests were answered within this time."),
  {
    title: "Error budget, burn rate over an hour",
    description:
      "How fast each error budget of 30 days is spent: 1 spends exactly the budget. From the recording rules of the chart.",
    unit: "none",
    lines: budgetObjectives.map((objective) => ({
      expr: `${badRatioName(3600)}{namespace="$namespace",objective="${objective.name}"} / ${errorBudget(objective)}`,
      legend: objective.title,
    })),
    limits: [{ value: Math.max(...burnRates.map(({ factor }) => factor)), side: "above" }],
  },
  planObjective("cache-hit-rate", "Look-ups of pages answered by a copy within its TTL."),
  planObjective("cache-operation", "95 % of the operations on Redis or Valkey took at most this."),
  planObjective("database-simple", "95 % of the simple statements took at most this."),
  planObjective("database-complex", "95 % of the complex statements took at most this."),
  planObjective("database-aggregation", "95 % of the aggregations took at most this."),
  planObjective("cpu", "CPU time a second, the mean of the pods."),
  planObjective("memory", "Resident memory of the largest pod."),
  {
    title: "Cache, TTL in force",
    description: "Lifetime of cached content by class: what the operator tunes.",
    unit: "s",
    lines: [
      {
        expr: `max by (class) (${formatSelector({ metric: cacheTtl.name }, matchers)})`,
        legend: "{{class}}",
      },
    ],
  },
  {
    title: "Tuning revision",
    description:
      "Revision of the tuning document that each pod runs. They differ while a change is under way.",
    unit: "none",
    lines: [{ expr: formatSelector({ metric: tuningRevision.name }, matchers), legend: "{{pod}}" }],
  },
  {
    title: "Decisions of the operator",
    description: "What it decided and what became of it, for all of its profiles.",
    unit: "none",
    lines: [
      {
        expr: formatIncreaseBy({ metric: operatorMetrics.decisions.name }, ["knob", "verdict"], {
          range: scope.range,
        }),
        legend: "{{knob}} {{verdict}}",
      },
    ],
  },
];

/** The dashboard of the objectives, in Grafana's v1 JSON. */
export function createSlaDashboard(): Dashboard {
  const dashboard = new DashboardBuilder("MeStore: objectives")
    .uid(slaDashboardUid)
    .description("Whether the shop keeps its objectives, and what the operator does about it.")
    .tags(["mestore"])
    .readonly()
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .timezone("browser")
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"),
    )
    .withVariable(
      new QueryVariableBuilder("namespace")
        .label("Namespace")
        .datasource(datasource)
        .query(`label_values(${tuningRevision.name}, namespace)`)
        .refresh(VariableRefresh.OnTimeRangeChanged),
    )
    .withVariable(
      new QueryVariableBuilder("pod")
        .label("Pod")
        .datasource(datasource)
        .query(`label_values(${tuningRevision.name}{namespace="$namespace"}, pod)`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue(".*"),
    );
  for (const [index, plan] of plans.entries()) dashboard.withPanel(createPanel(plan, index));
  return dashboard.build();
}
