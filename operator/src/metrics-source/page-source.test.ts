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
