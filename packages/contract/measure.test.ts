import { describe, expect, test } from "bun:test";
import { histogramIncrease, interpolateQuantile, measure } from "./measure.ts";
import { collectSamples, type MetricWindow } from "./samples.ts";
import type { Indicator } from "./sla.ts";

type Readings = Readonly<Record<string, number>>;

/** `{ 'n{class="a"}': 3 }` as samples. */
function samples(readings: Readings) {
  return collectSamples(
    Object.entries(readings).map(([series, value]) => {
      const [name = "", labels = ""] = series.split("{");
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)];
      return {
        name,
        labels: Object.fromEntries(pairs.map(([, key = "", text = ""]) => [key, text])),
        value,
      };
    }),
  );
}

const window = (first: Readings, last: Readings, seconds = 60): MetricWindow => ({
  fromSeconds: 100,
  toSeconds: 100 + seconds,
  first: samples(first),
  last: samples(last),
});

/** Cumulative counts at .1, .5, 1 and +Inf of a histogram `d`. */
const histogram = (counts: readonly [number, number, number, number], sum: number): Readings => ({
  'd_bucket{le="0.1"}': counts[0],
  'd_bucket{le="0.5"}': counts[1],
  'd_bucket{le="1"}': counts[2],
  'd_bucket{le="+Inf"}': counts[3],
  d_count: counts[3],
  d_sum: sum,
});

const noSamples = { ok: false, reason: "NoSamples" } as const;

describe("ratio", () => {
  const ratio: Indicator = {
    kind: "ratio",
    good: [{ metric: "n", labels: { outcome: "hit" } }],
    total: [{ metric: "n" }],
  };

  test("is the share of increases, not of totals", () => {
    const before = { 'n{outcome="hit"}': 1000, 'n{outcome="miss"}': 0 };
    const after = { 'n{outcome="hit"}': 1030, 'n{outcome="miss"}': 10 };
    expect(measure(ratio, window(before, after))).toEqual({
      ok: true,
      measurement: { samples: 40, value: 0.75, shown: 0.75 },
    });
  });

  test("nothing happened: NoSamples, which is not zero", () => {
    const still = { 'n{outcome="hit"}': 5, 'n{outcome="miss"}': 5 };
    expect(measure(ratio, window(still, still))).toEqual(noSamples);
    expect(measure(ratio, window({}, {}))).toEqual(noSamples);
  });

  test("only bad ones is zero, and a measurement", () => {
    for (const after of [
      { 'n{outcome="miss"}': 4 },
      { 'n{outcome="hit"}': 0, 'n{outcome="miss"}': 4 },
    ])
      expect(measure(ratio, window({}, after))).toMatchObject({
        ok: true,
        measurement: { samples: 4, value: 0 },
      });
  });

  test("a series born in the window counts from zero", () => {
    const born = window(
      { 'n{outcome="miss"}': 10 },
      { 'n{outcome="hit"}': 30, 'n{outcome="miss"}': 20 },
    );
    expect(measure(ratio, born)).toMatchObject({ measurement: { samples: 40, value: 0.75 } });
  });
});

describe("mean", () => {
  const mean: Indicator = { kind: "mean", histogram: { metric: "d" } };

  test("is the sum of the window over its count", () => {
    const result = measure(
      mean,
      window(histogram([1, 1, 1, 1], 0.05), histogram([1, 3, 4, 5], 8.05)),
    );
    expect(result).toEqual({ ok: true, measurement: { samples: 4, value: 2, shown: 2 } });
  });

  test("without an observation it is not there", () => {
    const still = histogram([1, 1, 1, 1], 0.05);
    expect(measure(mean, window(still, still))).toEqual(noSamples);
    expect(measure(mean, window({}, {}))).toEqual(noSamples);
  });
});

describe("overThreshold", () => {
  const over = (edgeSeconds: number): Indicator => ({
    kind: "overThreshold",
    histogram: { metric: "d" },
    edgeSeconds,
    quantile: 0.95,
  });

  test("is judged by the share above the edge, and shown as a quantile", () => {
    const result = measure(over(0.5), window({}, histogram([80, 90, 100, 100], 30)));
    expect(result).toMatchObject({ ok: true, measurement: { samples: 100, value: 0.1 } });
    // Rank 95 lies halfway between 90 (at 0.5 s) and 100 (at 1 s).
    expect(result.ok && result.measurement.shown).toBeCloseTo(0.75, 12);
  });

  test("an edge between buckets is refused, never interpolated", () => {
    expect(measure(over(0.3), window({}, histogram([80, 90, 100, 100], 30)))).toEqual({
      ok: false,
      reason: "ThresholdNotABucket",
    });
  });

  test("nothing observed comes before an edge that is no bucket", () => {
    const still = histogram([5, 5, 5, 5], 1);
    expect(measure(over(0.3), window(still, still))).toEqual(noSamples);
    expect(measure(over(0.5), window({}, {}))).toEqual(noSamples);
  });

  test("above the largest edge is over the threshold, and shown as that edge", () => {
    expect(measure(over(1), window({}, histogram([0, 0, 0, 10], 900)))).toEqual({
      ok: true,
      measurement: { samples: 10, value: 1, shown: 1 },
    });
  });

  test("routes and pods are summed bucket by bucket", () => {
    const two = window(
      {},
      {
        'd_bucket{le="0.5",route="a"}': 10,
        'd_bucket{le="+Inf",route="a"}': 10,
        'd_bucket{le="0.5",route="b"}': 5,
        'd_bucket{le="+Inf",route="b"}': 10,
      },
    );
    expect(measure(over(0.5), two)).toMatchObject({ measurement: { samples: 20, value: 0.25 } });
  });

  test("edges written differently are one edge", () => {
    const written = window({}, { 'd_bucket{le="1.0"}': 3, 'd_bucket{le="+Inf"}': 4 });
    expect(measure(over(1), written)).toMatchObject({ measurement: { samples: 4, value: 0.25 } });
  });
});

describe("gauge and rate", () => {
  test("a gauge is the largest latest value, whatever the first reading was", () => {
    const memory = window({ 'm{pod="a"}': 900 }, { 'm{pod="a"}': 100, 'm{pod="b"}': 300 });
    expect(measure({ kind: "gauge", metric: { metric: "m" } }, memory)).toEqual({
      ok: true,
      measurement: { samples: 2, value: 300, shown: 300 },
    });
    expect(measure({ kind: "gauge", metric: { metric: "x" } }, memory)).toEqual(noSamples);
  });

  test("a gauge of zero is a measurement", () => {
    const idle = window({}, { m: 0 });
    expect(measure({ kind: "gauge", metric: { metric: "m" } }, idle)).toMatchObject({
      ok: true,
      measurement: { value: 0 },
    });
  });

  const cpu: Indicator = { kind: "rate", counter: { metric: "cpu" } };

  test("a rate is the increase a second; none is zero, and a measurement", () => {
    expect(measure(cpu, window({ cpu: 10 }, { cpu: 25 }, 30))).toMatchObject({
      measurement: { value: 0.5 },
    });
    expect(measure(cpu, window({ cpu: 10 }, { cpu: 10 }))).toMatchObject({
      ok: true,
      measurement: { value: 0 },
    });
  });

  test("a window without length has no rate", () => {
    expect(measure(cpu, window({ cpu: 10 }, { cpu: 25 }, 0))).toEqual(noSamples);
    expect(measure(cpu, window({}, {}))).toEqual(noSamples);
  });
});

describe("interpolateQuantile", () => {
  const counts = [80, 90, 100, 100];
  const edges = [0.1, 0.5, 1, Infinity];

  test("agrees with histogram_quantile by hand", () => {
    expect(interpolateQuantile({ edges, counts }, 0.5)).toBeCloseTo(0.0625, 12);
    expect(interpolateQuantile({ edges, counts }, 0.8)).toBeCloseTo(0.1, 12);
    expect(interpolateQuantile({ edges, counts }, 0.85)).toBeCloseTo(0.3, 12);
    expect(interpolateQuantile({ edges, counts }, 1)).toBe(1);
  });

  test("of nothing is no number", () => {
    expect(interpolateQuantile({ edges, counts: [0, 0, 0, 0] }, 0.5)).toBeNaN();
  });

  test("buckets are read in the order of their edges, not of their text", () => {
    const unordered = window(
      {},
      { 'd_bucket{le="+Inf"}': 3, 'd_bucket{le="10"}': 3, 'd_bucket{le="2.5"}': 1 },
    );
    expect(histogramIncrease(unordered, { metric: "d" })).toEqual({
      edges: [2.5, 10, Infinity],
      counts: [1, 3, 3],
    });
    expect(histogramIncrease(unordered, { metric: "e" })).toBeUndefined();
  });
});
