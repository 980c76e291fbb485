import type { MetricWindow } from "@mestore/contract/samples";
import { type Objective, objectives } from "@mestore/contract/sla";
import { judgeObjective } from "@mestore/laws/observation";
import { describeWindow, present, secondsOf } from "./figures.ts";
import type { Compliance } from "./schema.ts";

/** The period of the error budgets: 30 days. */
export const budgetPeriodSeconds = 30 * 24 * 3600;

const verdicts = { Met: "met", Violated: "violated", Inconclusive: "inconclusive" } as const;

/** Judges every standard objective on one window of this process. */
export function describeCompliance(window: MetricWindow): Compliance {
  return {
    scope: "pod",
    window: describeWindow(window),
    objectives: objectives.map((objective) => describeObjective(objective, window)),
  };
}

function describeObjective(
  objective: Objective,
  window: MetricWindow,
): Compliance["objectives"][number] {
  const judgement = judgeObjective(objective, window);
  const { verdict } = judgement;
  return {
    name: objective.name,
    area: objective.area,
    title: objective.title,
    unit: objective.unit,
    better: objective.better,
    target: judgement.target,
    ...present("current", judgement.current),
    verdict: verdicts[verdict],
    ...present("met", verdict === "Inconclusive" ? null : verdict === "Met"),
    ...present("reason", judgement.reason),
    samples: judgement.samples,
    minimumSamples: objective.minimumSamples,
    ...present("errorBudget", objective.budget ? absentBudget(window) : null),
  };
}

/** A process's own history ends long before a budget period does. */
function absentBudget(window: MetricWindow) {
  return {
    state: "absent",
    reason: "HistoryShorterThanPeriod",
    periodSeconds: budgetPeriodSeconds,
    historySeconds: secondsOf(window),
  } as const;
}
