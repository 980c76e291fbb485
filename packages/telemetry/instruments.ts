import type { Cell, Distribution } from "./registry.ts";

/** Numbers side by side that keep their index while the array behind them grows by doubling. */
export class Slots {
  values = new Float64Array(256);
  used = 0;

  take(count: number, initial: number): number {
    const start = this.used;
    this.used += count;
    if (this.used > this.values.length) {
      const grown = new Float64Array(Math.max(this.used, this.values.length * 2));
      grown.set(this.values);
      this.values = grown;
    }
    this.values.fill(initial, start, this.used);
    return start;
  }

  copy(): Float64Array {
    return this.values.slice(0, this.used);
  }
}

export class CounterCell implements Cell {
  private readonly slots: Slots;
  private readonly index: number;

  constructor(slots: Slots, index: number) {
    this.slots = slots;
    this.index = index;
  }

  add(amount: number): void {
    const { values } = this.slots;
    values[this.index] = (values[this.index] ?? 0) + amount;
  }

  set(value: number): void {
    this.slots.values[this.index] = value;
  }
}

/** Unset is NaN inside; adding to an unset gauge begins at 0. */
export class GaugeCell implements Cell {
  private readonly slots: Slots;
  private readonly index: number;

  constructor(slots: Slots, index: number) {
    this.slots = slots;
    this.index = index;
  }

  add(amount: number): void {
    const value = this.slots.values[this.index] ?? Number.NaN;
    this.slots.values[this.index] = Number.isNaN(value) ? amount : value + amount;
  }

  set(value: number): void {
    this.slots.values[this.index] = value;
  }
}

/** In its slots: one count per edge, one above the largest edge, then the sum. */
export class FlatDistribution implements Distribution {
  private readonly slots: Slots;
  private readonly start: number;
  private readonly edges: readonly number[];

  constructor(slots: Slots, start: number, edges: readonly number[]) {
    this.slots = slots;
    this.start = start;
    this.edges = edges;
  }

  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const edges = this.edges;
    // Most observations of a fast service fall into the first buckets; a scan finds those soonest.
    let bucket = 0;
    while (value > (edges[bucket] ?? Infinity)) bucket++;
    const { values } = this.slots;
    const count = this.start + bucket;
    const sum = this.start + edges.length + 1;
    values[count] = (values[count] ?? 0) + 1;
    values[sum] = (values[sum] ?? 0) + value;
  }
}
