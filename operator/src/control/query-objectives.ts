import { minimumSamples } from "@mestore/contract/sla";
import { verdictZ, wilsonInterval } from "@mestore/laws/observation";
import { fillWindow, type QueryObjective } from "../profile/objectives.ts";
import type { MetricsSource, QueryReading } from "./ports.ts";

/** What one's own PromQL came to. It is reported, and no law reads it. */
export interface QueriedObjective {
  readonly name: string;
  /** Share from 0 to 1; null when nothing could be measured. */
  readonly current: number | null;
  readonly verdict: "Met" | "Violated" | "Inconclusive";
  /** Why it is inconclusive: the interval holds the target, too little happened, or no figure came. */
  readonly reason?: "TooClose" | "TooFewSamples" | "NotMeasured";
}

/**
 * Measures and judges objectives that are written in PromQL, as shares of good events among all. Both
 * are taken as counts over the window, so that the verdict has the statistical error of the others.
 * @returns null where the source understands no PromQL
 */
export async function judgeQueries(
  { query }: MetricsSource,
  objectives: readonly QueryObjective[],
  windowSeconds: number,
): Promise<readonly QueriedObjective[] | null> {
  if (query === undefined) return null;
  return Promise.all(
    objectives.map(async (objective) => {
      const [good, total] = await Promise.all(
        [objective.good, objective.total].map((text) => query(fillWindow(text, windowSeconds))),
      );
      return judgeShare(objective, good, total);
    }),
  );
}

function judgeShare(
  { name, target }: QueryObjective,
  good: QueryReading | undefined,
  total: QueryReading | undefined,
): QueriedObjective {
  const inconclusive = (
    reason: NonNullable<QueriedObjective["reason"]>,
    current: number | null = null,
  ): QueriedObjective => ({ name, current, verdict: "Inconclusive", reason });
  if (good?.ok !== true || total?.ok !== true) return inconclusive("NotMeasured");
  if (![good.value, total.value].every(Number.isFinite)) return inconclusive("NotMeasured");
  if (total.value <= 0) return inconclusive("TooFewSamples");
  const current = good.value / total.value;
  if (total.value < minimumSamples.any) return inconclusive("TooFewSamples", current);
  const { low, high } = wilsonInterval(good.value, total.value, verdictZ);
  if (low >= target) return { name, current, verdict: "Met" };
  if (high < target) return { name, current, verdict: "Violated" };
  return inconclusive("TooClose", current);
}
