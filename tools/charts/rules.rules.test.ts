import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { operatorMetrics, serviceMetrics } from "@mestore/contract/metrics";
import type { Objective } from "@mestore/contract/sla";
import {
  budgetLeftName,
  budgetObjectives,
  type BurnRate,
  burnRates,
  createOperatorRules,
  createServiceRules,
  errorBudget,
  leastRequests,
  type RulesFile,
} from "@mestore/dashboards/rules";
import { stringify } from "yaml";
import { repositoryRoot } from "../stack/paths.ts";
import {
  filterRules,
  formatReleaseRules,
  runPromtool,
  testPod,
  testRelease,
} from "./rules.fixture.ts";

/** A promtool unit test: series by the minute, and what a query gives at a time. */
interface Scenario {
  readonly name: string;
  readonly series: Readonly<Record<string, string>>;
  readonly checks: readonly {
    readonly atSeconds: number;
    readonly query: string;
    readonly gives: readonly Sample[];
  }[];
}

interface Sample {
  readonly labels: string;
  readonly value: number;
}

interface Pace {
  /** Between two samples of a series. */
  readonly sampleSeconds: number;
  /** Between two evaluations; a check looks at one of them. */
  readonly evaluationSeconds: number;
}

/** Plays the scenarios on the rules. @throws what promtool says when one goes another way */
async function play(
  rules: RulesFile,
  scenarios: readonly Scenario[],
  { sampleSeconds, evaluationSeconds }: Pace = { sampleSeconds: 60, evaluationSeconds: 60 },
): Promise<void> {
  const tests = {
    rule_files: ["rules.yaml"],
    evaluation_interval: `${evaluationSeconds}s`,
    group_eval_order: rules.groups.map(({ name }) => name),
    tests: scenarios.map(({ name, series, checks }) => ({
      name,
      interval: `${sampleSeconds}s`,
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      promql_expr_test: checks.map(({ atSeconds, query, gives }) => ({
        expr: query,
        eval_time: `${atSeconds}s`,
        exp_samples: gives,
      })),
    })),
  };
  const { exitCode, output } = await runPromtool(["test", "rules", "tests.yaml"], {
    "rules.yaml": formatReleaseRules(rules),
    "tests.yaml": stringify(tests),
  });
  if (exitCode !== 0) throw new Error(output);
}

const podLabels = `namespace="${testRelease.namespace}",pod="${testPod}"`;
const minute = 60;

/** Requests and bad ones a minute, as the series that an objective counts them by. */
function requestSeries(
  { indicator }: Objective,
  total: string,
  bad: string,
  good: string,
): Record<string, string> {
  const { name } = serviceMetrics.requestDuration;
  if (indicator.kind === "overThreshold")
    return {
      [`${name}_bucket{${podLabels},le="${indicator.edgeSeconds}"}`]: good,
      [`${name}_bucket{${podLabels},le="+Inf"}`]: total,
    };
  return {
    [`${name}_count{${podLabels},http_response_status_code="200"}`]: good,
    [`${name}_count{${podLabels},http_response_status_code="500"}`]: bad,
  };
}

/** `perMinute` for a while, then another rate, in promtool's notation of a counter. */
function growth(parts: readonly (readonly [perMinute: number, seconds: number])[]): string {
  let reached = 0;
  return parts
    .map(([perMinute, seconds]) => {
      const minutes = Math.round(seconds / minute);
      const text = `${reached}+${perMinute}x${minutes}`;
      reached += perMinute * (minutes + 1);
      return text;
    })
    .join(" ");
}

const requestsPerMinute = 600;

/** A share of bad requests, then none at all. */
function burning(objective: Objective, share: number, seconds: number, calmSeconds = 0) {
  const bad = requestsPerMinute * share;
  const parts = (perMinute: number, calm: number) =>
    growth([[perMinute, seconds], ...(calmSeconds === 0 ? [] : [[calm, calmSeconds] as const])]);
  return requestSeries(
    objective,
    parts(requestsPerMinute, requestsPerMinute),
    parts(bad, 0),
    parts(requestsPerMinute - bad, requestsPerMinute),
  );
}

const alertQuery = (objective: Objective, window?: string) =>
  `ALERTS{alertname="MeStoreErrorBudgetBurn",alertstate="firing",objective="${objective.name}"${window === undefined ? "" : `,window="${window}"`}}`;

const windowOf = ({ longSeconds }: BurnRate) =>
  longSeconds >= 86_400 ? `${longSeconds / 86_400}d` : `${longSeconds / 3600}h`;

const firing = (objective: Objective, { severity, ...rate }: BurnRate): Sample => ({
  labels: `ALERTS{alertname="MeStoreErrorBudgetBurn",alertstate="firing",namespace="${testRelease.namespace}",objective="${objective.name}",service="${testRelease.name}",severity="${severity}",window="${windowOf({ severity, ...rate })}"}`,
  value: 1,
});

const rules = createServiceRules();

for (const [file, generated] of [
  ["charts/mestore/rules/mestore.rules.yaml", rules],
  ["charts/mestore-operator/rules/operator.rules.yaml", createOperatorRules()],
] as const)
  test(`${file}: promtool takes it, as it is and filled in`, async () => {
    const { exitCode, output } = await runPromtool(
      ["check", "rules", "--lint-fatal", "generated.yaml", "filled.yaml"],
      {
        "generated.yaml": readFileSync(join(repositoryRoot, file), "utf8"),
        "filled.yaml": formatReleaseRules(generated),
      },
    );
    expect(output).toContain("SUCCESS");
    expect(exitCode).toBe(0);
  });

for (const objective of budgetObjectives)
  describe(`the error budget of ${objective.name}`, () => {
    const own = filterRules(rules, (labels) => labels["objective"] === objective.name);
    for (const rate of burnRates) {
      const { factor, longSeconds, shortSeconds } = rate;
      const window = windowOf(rate);
      const limit = factor * errorBudget(objective);
      // A twelfth of the long window: enough looks, and no hour of computing.
      const pace = { sampleSeconds: minute, evaluationSeconds: shortSeconds };

      test(`${factor} times too fast over ${window}: fires, and stops soon after the fault does`, async () => {
        const stopped = longSeconds + shortSeconds;
        await play(
          own,
          [
            {
              name: "burning, then calm",
              series: burning(objective, Math.min(1, 1.1 * limit), stopped, 2 * shortSeconds),
              checks: [
                {
                  atSeconds: longSeconds,
                  query: alertQuery(objective),
                  gives: burnRates
                    .filter((one) => one.factor <= factor)
                    .map((one) => firing(objective, one)),
                },
                {
                  atSeconds: stopped + 2 * shortSeconds,
                  query: alertQuery(objective, window),
                  gives: [],
                },
              ],
            },
          ],
          pace,
        );
      });

      test(`${factor} times over ${window}: not below that rate, and not on few requests`, async () => {
        const few = (0.9 * leastRequests(objective, factor)) / (longSeconds / minute);
        await play(
          own,
          [
            {
              name: "just below",
              series: burning(objective, 0.9 * limit, longSeconds),
              checks: [{ atSeconds: longSeconds, query: alertQuery(objective, window), gives: [] }],
            },
            {
              name: "every request is bad, but they are few",
              series: requestSeries(
                objective,
                growth([[few, longSeconds]]),
                growth([[few, longSeconds]]),
                growth([[0, longSeconds]]),
              ),
              checks: [{ atSeconds: longSeconds, query: alertQuery(objective, window), gives: [] }],
            },
          ],
          pace,
        );
      });
    }
  });

describe("what is left of a budget", () => {
  const objective = budgetObjectives.find(({ name }) => name === "availability");
  if (objective === undefined) throw new Error("availability has a budget");
  const own = filterRules(rules, (labels) => labels["objective"] === objective.name);
  const day = 86_400;
  const hours = (days: number) => `x${days * 24}`;
  const series = (days: number) =>
    requestSeries(objective, "", `0+${0.25 * 36}${hours(days)}`, `0+${36_000 - 9}${hours(days)}`);

  test("three quarters after 30 days at a quarter of the rate; absent before", async () => {
    const query = `round(${budgetLeftName}, 0.01)`;
    await play(
      own,
      [
        {
          name: "a month",
          series: series(31),
          checks: [
            { atSeconds: 29 * day, query, gives: [] },
            {
              atSeconds: 31 * day,
              query,
              gives: [
                {
                  labels: `{namespace="${testRelease.namespace}",objective="availability",service="${testRelease.name}"}`,
                  value: 0.75,
                },
              ],
            },
          ],
        },
      ],
      { sampleSeconds: 3600, evaluationSeconds: 86_400 },
    );
  });
});

describe("absence", () => {
  const cases = [
    ["MeStoreMetricsAbsent", "critical", serviceMetrics.collectedAt.name, rules],
    ["MeStoreOperatorDown", "warning", operatorMetrics.leader.name, createOperatorRules()],
  ] as const;
  for (const [alert, severity, metric, file] of cases)
    test(`${alert}: five minutes after the last sample, not while there is one, whatever other releases do`, async () => {
      const query = `ALERTS{alertname="${alert}",alertstate="firing"}`;
      await play(file, [
        {
          name: "there, then gone",
          series: {
            [`${metric}{${podLabels}}`]: "1x60 _x30",
            [`${metric}{namespace="other",pod="${testPod}"}`]: "1x90",
            [`${metric}{namespace="${testRelease.namespace}",pod="another-5d4f8c7b9-abcde"}`]:
              "1x90",
          },
          checks: [
            { atSeconds: 60 * minute, query, gives: [] },
            {
              // Prometheus forgets a series after 5 minutes, and the alert waits 5 more.
              atSeconds: 73 * minute,
              query,
              gives: [
                {
                  labels: `ALERTS{alertname="${alert}",alertstate="firing",namespace="${testRelease.namespace}",service="${testRelease.name}",severity="${severity}"}`,
                  value: 1,
                },
              ],
            },
          ],
        },
      ]);
    });

  test("MeStoreOperatorDown: pods that all stand by are no operator", async () => {
    await play(createOperatorRules(), [
      {
        name: "standing by",
        series: { [`${operatorMetrics.leader.name}{${podLabels}}`]: "0x20" },
        checks: [
          {
            atSeconds: 10 * minute,
            query: `count(ALERTS{alertname="MeStoreOperatorDown",alertstate="firing"})`,
            gives: [{ labels: "{}", value: 1 }],
          },
        ],
      },
    ]);
  });
});
