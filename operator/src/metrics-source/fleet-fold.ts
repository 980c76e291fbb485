import type { FleetFold as Fold } from "@mestore/contract/metrics";
import type { PageFigures, ProcessSeries } from "./page-figures.ts";

/** One series of the whole fleet at one reading. */
export interface FleetSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly id: string;
  readonly counter: boolean;
  /** Of a counter, what it grew by since the reading before; of a gauge, its value now. */
  readonly value: number;
}

/** The figures of one process, by the name under which it is known from reading to reading. */
export interface ProcessFigures extends PageFigures {
  readonly name: string;
}

export interface FleetCounters {
  /**
   * Folds what every process of the fleet says at `atSeconds` into one. Of a process that is seen
   * for the first time only that is counted which came after: all that it counted, if it started
   * since the reading before; otherwise what it will count from now on. A process that is not among
   * `present` is forgotten.
   */
  fold(
    atSeconds: number,
    reporting: readonly ProcessFigures[],
    present: readonly string[],
  ): readonly FleetSeries[];
}

/** A start time that differs by less is the same process: exporters compute it from an uptime. */
const sameStartSeconds = 1;

interface Known {
  readonly startSeconds: number | undefined;
  /** Raw counters by the series' id. */
  readonly counters: Map<string, number>;
}

interface Sum {
  readonly of: ProcessSeries;
  value: number;
  count: number;
}

/** Remembers the latest counters of each process, and nothing older. */
export function createFleetCounters(): FleetCounters {
  const known = new Map<string, Known>();
  let lastAtSeconds: number | null = null;

  /** Adds what the counters of one process grew by, and remembers them. */
  function take(process: ProcessFigures, sums: Map<string, Sum>): void {
    const before = known.get(process.name);
    const restarted = hasRestarted(before?.startSeconds, process.startSeconds);
    const isNew =
      before === undefined &&
      lastAtSeconds !== null &&
      (process.startSeconds ?? -Infinity) >= lastAtSeconds;
    const counters =
      restarted || before === undefined ? new Map<string, number>() : before.counters;
    for (const series of process.series) {
      const { id, value, metric } = series;
      if (!metric.counter) {
        add(sums, series, value);
        continue;
      }
      // A series that is new began at zero, and one that fell began anew.
      const last = counters.get(id) ?? 0;
      const growth = value < last ? value : value - last;
      add(sums, series, before === undefined && !isNew ? null : growth);
      counters.set(id, value);
    }
    known.set(process.name, { startSeconds: process.startSeconds, counters });
  }

  return {
    fold(atSeconds, reporting, present) {
      const sums = new Map<string, Sum>();
      for (const process of reporting) take(process, sums);
      for (const name of known.keys()) if (!present.includes(name)) known.delete(name);
      lastAtSeconds = atSeconds;
      return [...sums.values()].map(({ of: { metric, name, labels, id }, value, count }) => ({
        name,
        labels,
        id,
        counter: metric.counter,
        value: metric.fold === "mean" && count > 0 ? value / count : value,
      }));
    },
  };
}

/** `value` null: the series is there, and what it grew by is not known. */
function add(sums: Map<string, Sum>, series: ProcessSeries, value: number | null): void {
  const { id, metric } = series;
  let sum = sums.get(id);
  if (sum === undefined) sums.set(id, (sum = { of: series, value: 0, count: 0 }));
  if (value === null) return;
  sum.value = sum.count === 0 ? value : folded(metric.fold, sum.value, value);
  sum.count += 1;
}

function folded(fold: Fold, one: number, other: number): number {
  switch (fold) {
    case "max":
      return Math.max(one, other);
    case "min":
      return Math.min(one, other);
    case "sum":
    case "mean":
      return one + other;
  }
}

function hasRestarted(before: number | undefined, now: number | undefined): boolean {
  return before !== undefined && now !== undefined && Math.abs(now - before) > sameStartSeconds;
}
