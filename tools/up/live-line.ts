import type { ProfileDecision } from "@mestore/operator/profile/status";
import colours from "picocolors";
import type { ServiceFigures } from "../status/service-metrics.ts";
import { formatSeconds } from "../terminal.ts";

/** `79.1 %`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `4.2 ms`, `240 ms`. */
export function formatLatency(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** `ttl/product 10 -> 20: CurveBelowTarget (Verified)`. */
export function formatDecision({ knob, from, to, reason, verdict }: ProfileDecision): string {
  return `${knob} ${from} -> ${to}: ${reason} (${verdict})`;
}

/** The one line that says how the shop is doing. */
export function formatLiveLine(
  figures: ServiceFigures | null,
  decision: ProfileDecision | undefined,
): string {
  if (figures === null)
    return "the service gives no answer: ./mestore status, ./mestore logs service";
  const { requestsPerSecond, p95Ms, productHitRate, productTtlSeconds } = figures;
  const shown = <T>(value: T | null, format: (value: T) => string) =>
    value === null ? "–" : format(value);
  return [
    `${shown(requestsPerSecond, (rate) => rate.toFixed(0))} req/s`,
    `P95 ${shown(p95Ms, formatLatency)}`,
    `product fresh hits ${shown(productHitRate, formatShare)}`,
    `TTL ${shown(productTtlSeconds, formatSeconds)}`,
    ...(decision === undefined ? [] : [`last: ${formatDecision(decision)}`]),
  ].join(colours.dim("  |  "));
}
