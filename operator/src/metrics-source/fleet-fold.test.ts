import { expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { objectives } from "@mestore/contract/sla";
import fc from "fast-check";
import { createFleetCounters, type FleetSeries, type ProcessFigures } from "./fleet-fold.ts";
import { lawMetrics } from "./law-metrics.ts";

function figures(
  name: string,
  values: Readonly<Record<string, number>>,
  startSeconds: number | undefined = 1,
): ProcessFigures {
  const series = Object.entries(values).map(([metricName, value]) => {
    const metric = lawMetrics.get(metricName);
    if (metric === undefined) throw new Error(`${metricName} is no metric of the laws`);
    return { metric, name: metricName, labels: {}, id: `${metricName}{}`, value };
  });
  return { name, series, startSeconds, revision: undefined };
}

const requests = `${serviceMetrics.requestDuration.name}_count`;
const valueOf = (series: readonly FleetSeries[], name: string) =>
  series.find((one) => one.name === name)?.value;

/** Folds readings one after the other, 15 s apart, of whoever reports. */
function foldAll(name: string, readings: readonly (readonly ProcessFigures[])[]) {
  const counters = createFleetCounters();
  return readings.map((reading, index) =>
    valueOf(
      counters.fold(
        100 + 15 * index,
        reading,
        reading.map((one) => one.name),
      ),
      name,
    ),
  );
}

test("increases are exact over resets, restarts, missed readings and series that come and go, of three pods", () => {
  const happening = fc.constantFrom("grow", "reset", "restart", "vanish", "silent");
  const step = fc.tuple(fc.nat(1000), happening);
  fc.assert(
    fc.property(fc.array(fc.tuple(step, step, step), { minLength: 2, maxLength: 40 }), (steps) => {
      const counters = createFleetCounters();
      const names = ["a", "b", "c"];
      const raw = [0, 0, 0];
      const starts = [1, 1, 1];
      let folded = 0;
      let total = 0;
      const unseen = [0, 0, 0];
      counters.fold(
        0,
        names.map((name) => figures(name, { [requests]: 0 })),
        names,
      );
      steps.forEach((now, index) => {
        const reporting = now.flatMap(([amount, happened], pod): ProcessFigures[] => {
          const last = raw[pod] ?? 0;
          const vanished = happened === "vanish";
          // A counter set back to more than it had shows only by the restart of its process.
          const reset = happened === "reset" && amount < last && unseen[pod] === 0;
          if (happened === "restart" || vanished) {
            starts[pod] = 100 * (index + 1) + pod;
            total -= unseen[pod] ?? 0;
            unseen[pod] = 0;
          }
          if (reset || happened === "restart" || vanished) raw[pod] = 0;
          const name = names[pod] ?? "";
          if (vanished) return [figures(name, {}, starts[pod])];
          raw[pod] = (raw[pod] ?? 0) + amount;
          total += amount;
          // What a pod counts while nobody reads it is read with its next page, unless it restarts first.
          if (happened === "silent") {
            unseen[pod] = (unseen[pod] ?? 0) + amount;
            return [];
          }
          unseen[pod] = 0;
          return [figures(name, { [requests]: raw[pod] ?? 0 }, starts[pod])];
        });
        folded += valueOf(counters.fold(15 * (index + 1), reporting, names), requests) ?? 0;
      });
      expect(folded).toBe(total - unseen.reduce((sum, one) => sum + one, 0));
    }),
  );
});

test("a pod that appears adds what it counted if it has just started, else only what follows", () => {
  const old = figures("old", { [requests]: 100 });
  expect(
    foldAll(requests, [
      [old],
      [old, figures("started", { [requests]: 7 }, 110)],
      [old, figures("started", { [requests]: 9 }, 110), figures("found", { [requests]: 5000 }, 20)],
      [old, figures("started", { [requests]: 9 }, 110), figures("found", { [requests]: 5003 }, 20)],
      [
        old,
        figures("started", { [requests]: 9 }, 110),
        figures("silent", { [requests]: 4 }, undefined),
      ],
    ]),
  ).toEqual([0, 7, 2, 3, 0]);
});

test("a pod that left and came back is read anew", () => {
  const one = (value: number) => figures("one", { [requests]: value });
  const other = (value: number) => figures("other", { [requests]: value });
  expect(foldAll(requests, [[one(1), other(1)], [one(2)], [one(3), other(500)]])).toEqual([
    0, 1, 1,
  ]);
});

const folds = [
  ["sum", requests, 30],
  ["max", serviceMetrics.storeEvictions.name, 20],
  ["mean", serviceMetrics.processCpu.name, 15],
] as const;
for (const [fold, name, expected] of folds)
  test(`increases of counters: ${fold} (${name})`, () => {
    const at = (a: number, b: number) => [figures("a", { [name]: a }), figures("b", { [name]: b })];
    expect(foldAll(name, [at(100, 5), at(110, 25)])).toEqual([0, expected]);
  });

const gauges = [
  ["sum", serviceMetrics.cacheBytes.name, 30],
  ["max", serviceMetrics.cacheTtl.name, 20],
  ["mean", serviceMetrics.shadowFleet.name, 15],
  ["min", serviceMetrics.tuningRevision.name, 10],
] as const;
for (const [fold, name, expected] of gauges)
  test(`latest values of gauges: ${fold} (${name})`, () => {
    expect(foldAll(name, [[figures("a", { [name]: 10 }), figures("b", { [name]: 20 })]])).toEqual([
      expected,
    ]);
  });

test("a pod whose growth is not known yet does not pull down a mean", () => {
  const { name } = serviceMetrics.processCpu;
  expect(
    foldAll(name, [
      [figures("a", { [name]: 100 })],
      [figures("a", { [name]: 110 }), figures("found", { [name]: 900 })],
    ]),
  ).toEqual([0, 10]);
});

test("every label that an objective selects by is one that laws tell apart", () => {
  for (const { name, indicator } of objectives) {
    const selectors =
      indicator.kind === "ratio"
        ? [...indicator.good, ...indicator.total]
        : [
            indicator.kind === "gauge"
              ? indicator.metric
              : indicator.kind === "rate"
                ? indicator.counter
                : indicator.histogram,
          ];
    for (const { metric, labels, except } of selectors) {
      const known = lawMetrics.get(metric) ?? lawMetrics.get(`${metric}_count`);
      const used = Object.keys({ ...labels, ...except });
      expect([name, used.filter((label) => known?.kept.includes(label) !== true)]).toEqual([
        name,
        [],
      ]);
    }
  }
});
