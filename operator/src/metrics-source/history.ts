import { type MetricWindow, type Samples, type Series, seriesKey } from "@mestore/contract/samples";
import type { FleetSeries } from "./fleet-fold.ts";
import { createGrowthTable } from "./growth-table.ts";

export interface SampleHistory {
  /** Adds a reading: what counters grew by since the one before, and gauges as they are now. */
  record(atSeconds: number, series: readonly FleetSeries[]): void;
  /** What the readings that span `seconds` up to the newest come to. Null before the first. */
  window(seconds: number): MetricWindow | null;
  /** Readings kept. */
  size(): number;
}

/**
 * Readings older than `fineSeconds` are kept only this share of their age apart, so that a window
 * grown to hours is at most 4 % shorter than asked and twelve hours at 15 s are some 200 readings.
 */
const coarseShare = 1 / 24;

/** A label that has lost its bound makes ever new counters: then the history begins anew. */
const mostCounters = 20_000;

/** A reading, and the row of what counters grew by up to it since the one that is kept before. */
interface Entry {
  readonly atSeconds: number;
  readonly row: number;
}

interface Counter {
  readonly name: string;
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Readings of one target over time. `toleranceSeconds`: a reading this much older than asked still
 * begins the window, because two scrapes are never exactly an interval apart.
 */
export function createSampleHistory(options: {
  readonly fineSeconds: number;
  readonly longestSeconds: number;
  readonly toleranceSeconds: number;
}): SampleHistory {
  let table = createGrowthTable();
  let counters: Counter[] = [];
  const indexById = new Map<string, number>();
  let entries: Entry[] = [];
  let gauges: readonly FleetSeries[] = [];

  function indexOf({ id, name, labels }: FleetSeries): number {
    const found = indexById.get(id);
    if (found !== undefined) return found;
    indexById.set(id, counters.length);
    return counters.push({ name, key: seriesKey(labels), labels }) - 1;
  }

  function thin(nowSeconds: number): void {
    const kept: Entry[] = [];
    entries.forEach((entry, index) => {
      const age = nowSeconds - entry.atSeconds;
      const younger = entries[index + 1];
      const older = kept.at(-1);
      const isPast = age > options.longestSeconds + options.toleranceSeconds;
      // A reading may go when its neighbours are close enough to stand in for it.
      const isSpare =
        age > options.fineSeconds &&
        older !== undefined &&
        younger !== undefined &&
        younger.atSeconds - older.atSeconds <= age * coarseShare;
      if (!isPast && !isSpare) {
        kept.push(entry);
        return;
      }
      if (isSpare) table.addRow(younger.row, entry.row);
      table.releaseRow(entry.row);
    });
    entries = kept;
  }

  function samplesSince(first: Entry): Samples {
    const totals = new Float64Array(counters.length);
    for (const { row } of entries.slice(entries.indexOf(first) + 1)) table.addTo(totals, row);
    const samples = new Map<string, Map<string, Series>>();
    const add = (name: string, key: string, series: Series) => {
      let byKey = samples.get(name);
      if (byKey === undefined) samples.set(name, (byKey = new Map()));
      byKey.set(key, series);
    };
    // A counter that was ever there has grown by nothing rather than being absent.
    counters.forEach(({ name, key, labels }, index) =>
      add(name, key, { labels, value: totals[index] ?? 0 }),
    );
    for (const { name, labels, value } of gauges) add(name, seriesKey(labels), { labels, value });
    return samples;
  }

  function beginAnew(): void {
    table = createGrowthTable();
    counters = [];
    indexById.clear();
    entries = [];
  }

  return {
    record(atSeconds, series) {
      if (counters.length > mostCounters) beginAnew();
      const row = table.takeRow();
      for (const one of series) if (one.counter) table.set(row, indexOf(one), one.value);
      gauges = series.filter(({ counter }) => !counter);
      entries.push({ atSeconds, row });
      thin(atSeconds);
    },

    window(seconds) {
      const newest = entries.at(-1);
      if (newest === undefined) return null;
      const from = newest.atSeconds - seconds - options.toleranceSeconds;
      const first = entries.find(({ atSeconds }) => atSeconds >= from) ?? newest;
      return {
        fromSeconds: first.atSeconds,
        toSeconds: newest.atSeconds,
        // Counters that the first reading lacks began at zero: what follows is what they grew by.
        first: new Map(),
        last: samplesSince(first),
      };
    },

    size: () => entries.length,
  };
}
