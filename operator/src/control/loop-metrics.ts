import { operatorMetrics } from "@mestore/contract/metrics";
import type { Registry } from "@mestore/telemetry/registry";
import type { PassListener } from "./reconcile.ts";
import type { DecisionRecord } from "./step.ts";

/** A verdict as the metric counts it; holds are no decisions that were made. */
const countedAs = {
  Applied: "applied",
  Recommended: "recommended",
  Verified: "verified",
  Unverified: "unverified",
  Kept: "unverified",
  RolledBack: "rolled_back",
  Withdrawn: "rolled_back",
  Held: null,
} as const satisfies Record<DecisionRecord["verdict"], string | null>;

/** What passes come to, as the operator's own metrics. */
export function createLoopMetrics(registry: Registry): PassListener {
  const available = registry.cell(operatorMetrics.metricsAvailable, {});
  const untrusted = new Set<string>();
  const showAvailable = () => available.set(untrusted.size === 0 ? 1 : 0);
  return {
    onDecision({ verdict }) {
      const counted = countedAs[verdict];
      if (counted !== null)
        registry.cell(operatorMetrics.decisions, { knob: "ttl", verdict: counted }).add(1);
      if (verdict === "RolledBack")
        registry.cell(operatorMetrics.rollbacks, { knob: "ttl" }).add(1);
    },
    onObservation(key, { ok }) {
      if (ok) untrusted.delete(key);
      else untrusted.add(key);
      showAvailable();
    },
    onForgotten(key) {
      untrusted.delete(key);
      showAvailable();
    },
  };
}
