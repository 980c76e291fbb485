import type { TallyReport } from "./tally.ts";

/** What a progress line says of a stretch of time. */
export interface TrafficReport extends TallyReport {
  readonly seconds: number;
  readonly sentPerSecond: number;
  /** CPU that the driver itself took, in cores: whether the generator was the bottleneck. */
  readonly cores: number;
}

/** Describes `tally` as counted over `seconds` that cost `cpuMicroseconds`. */
export function describeTraffic(
  tally: TallyReport,
  seconds: number,
  cpuMicroseconds: number,
): TrafficReport {
  const per = (amount: number) => (seconds > 0 ? amount / seconds : 0);
  return {
    ...tally,
    p95Ms: tally.p95Ms === null ? null : round(tally.p95Ms, 2),
    seconds: round(seconds, 1),
    sentPerSecond: round(per(tally.sent), 1),
    cores: round(per(cpuMicroseconds / 1e6), 3),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
