import { expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase } from "@mestore/contract/samples";
import { formatFaultyPage, formatPage, processSeries } from "../../test/exposition-text.ts";
import { createManualClock } from "../control/clock.ts";
import {
  describeMetricsSource,
  type MetricsSourceBench,
  sourceFaults,
} from "./metrics-source.contract.ts";
import { createPageSource, type Rejected, rejected } from "./page-source.ts";

/** The pages are real texts; only the way they come, which the scrape's own test covers, is short-cut. */
function createBench(): MetricsSourceBench {
  const clock = createManualClock(1_800_000_000);
  const intervalSeconds = 15;
  let startSeconds = clock.nowSeconds() - 3600;
  let page: () => string | Rejected = () => "";
  const source = createPageSource({
    readPage: () => Promise.resolve(page()),
    scrapeSeconds: intervalSeconds,
    longestWindowSeconds: 12 * 3600,
    now: clock.nowSeconds,
  });
  return {
    source,
    intervalSeconds,
    leastIntervals: 1,
    slack: 0,
    publish(series) {
      page = () => formatPage([...series, ...processSeries(clock.nowSeconds(), startSeconds)]);
    },
    fail(fault) {
      page = () =>
        formatFaultyPage(fault, clock.nowSeconds()) ?? rejected(sourceFaults[fault], fault);
    },
    restart() {
      startSeconds = clock.nowSeconds();
    },
    advance: clock.advance,
    close: () => undefined,
  };
}

describeMetricsSource("page source", createBench);

test("what was counted while readings were rejected comes with the next page", async () => {
  const bench = createBench();
  const lookups = (value: number) => [
    {
      name: serviceMetrics.cacheLookups.name,
      labels: { class: "product", outcome: "hit" },
      value,
    },
  ];
  bench.publish(lookups(10));
  await bench.source.window(3600);
  bench.fail("notANumber");
  await bench.advance(bench.intervalSeconds);
  await bench.source.window(3600);
  bench.publish(lookups(30));
  await bench.advance(bench.intervalSeconds);
  const reading = await bench.source.window(3600);
  if (!reading.ok) throw new Error(reading.detail);
  expect(increase(reading.window, [{ metric: serviceMetrics.cacheLookups.name }])).toBe(20);
  // Outside Kubernetes no pods are known.
  expect(reading.pods).toEqual([]);
});
