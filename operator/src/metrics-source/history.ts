import { type MetricWindow, type Samples, type Series, seriesKey } from "@mestore/contract/samples";

/** One series of one scrape, its labels already reduced to those of the contract. */
export interface ReadSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly counter: boolean;
}

export interface SampleHistory {
  /** `restarted`: the process behind the figures is another one, so every counter began anew. */
  record(atSeconds: number, series: readonly ReadSeries[], restarted: boolean): void;
  /** The readings that span `seconds` up to the newest. Null before the first reading. */
  window(seconds: number): MetricWindow | null;
  /** Readings kept. */
  size(): number;
}

/**
 * Readings older than `fineSeconds` are kept only this share of their age apart, so that a window
 * grown to hours is at most 3 % shorter than asked and a day of history is a few hundred readings.
 */
const coarseShare = 1 / 32;

interface Entry {
  readonly atSeconds: number;
  /** By index of the series; NaN where the series was not there. */
  readonly values: Float64Array;
  samples?: Samples;
}

interface KnownSeries {
  readonly name: string;
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly counter: boolean;
  /** Sum of what was lost to resets. */
  offset: number;
  last: number;
}

/**
 * Readings of one process over time, counters free of resets. `toleranceSeconds`: a reading this
 * much older than asked still begins the window, because two scrapes are never exactly an interval
 * apart.
 */
export function createSampleHistory(options: {
  readonly fineSeconds: number;
  readonly longestSeconds: number;
  readonly toleranceSeconds: number;
}): SampleHistory {
  const known: KnownSeries[] = [];
  const byKey = new Map<string, number>();
  let entries: Entry[] = [];

  function indexOf(series: ReadSeries): number {
    const key = seriesKey(series.labels);
    const id = `${series.name}{${key}}`;
    const found = byKey.get(id);
    if (found !== undefined) return found;
    const { name, labels, counter } = series;
    byKey.set(id, known.length);
    return known.push({ name, key, labels, counter, offset: 0, last: 0 }) - 1;
  }

  function thin(nowSeconds: number): void {
    const kept: Entry[] = [];
    entries.forEach((entry, index) => {
      const age = nowSeconds - entry.atSeconds;
      if (age > options.longestSeconds + options.toleranceSeconds) return;
      const younger = entries[index + 1];
      const older = kept.at(-1);
      // An entry may go when its neighbours are close enough to stand in for it.
      const spare =
        age > options.fineSeconds &&
        older !== undefined &&
        younger !== undefined &&
        younger.atSeconds - older.atSeconds <= age * coarseShare;
      if (!spare) kept.push(entry);
    });
    entries = kept;
  }

  function samplesOf(entry: Entry): Samples {
    if (entry.samples !== undefined) return entry.samples;
    const samples = new Map<string, Map<string, Series>>();
    known.forEach(({ name, key, labels }, index) => {
      const value = entry.values[index];
      if (value === undefined || Number.isNaN(value)) return;
      let series = samples.get(name);
      if (series === undefined) samples.set(name, (series = new Map()));
      series.set(key, { labels, value });
    });
    return samples;
  }

  return {
    record(atSeconds, series, restarted) {
      const present = new Map(series.map((one) => [indexOf(one), one.value]));
      const values = new Float64Array(known.length).fill(Number.NaN);
      known.forEach((one, index) => {
        const value = present.get(index);
        if (!one.counter) {
          if (value !== undefined) values[index] = value;
          return;
        }
        if (restarted || (value !== undefined && value < one.last)) {
          one.offset += one.last;
          one.last = 0;
        }
        one.last = value ?? one.last;
        // A counter that a restart took away keeps what it had counted.
        values[index] = one.offset + one.last;
      });
      const newest = entries.at(-1);
      if (newest !== undefined) delete newest.samples;
      const entry: Entry = { atSeconds, values };
      entry.samples = samplesOf(entry);
      entries.push(entry);
      thin(atSeconds);
    },

    window(seconds) {
      const newest = entries.at(-1);
      if (newest === undefined) return null;
      const from = newest.atSeconds - seconds - options.toleranceSeconds;
      const first = entries.find((entry) => entry.atSeconds >= from) ?? newest;
      return {
        fromSeconds: first.atSeconds,
        toSeconds: newest.atSeconds,
        first: samplesOf(first),
        last: samplesOf(newest),
      };
    },

    size: () => entries.length,
  };
}
