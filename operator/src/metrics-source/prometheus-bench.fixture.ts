import { serviceMetrics } from "@mestore/contract/metrics";
import type { LabelMatcher } from "@mestore/contract/promql";
import { startPrometheus, type TestPrometheus } from "@mestore/tools/stack/test-prometheus";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { formatFaultyPage, formatPage, processSeries } from "../../test/exposition-text.ts";
import { createManualClock } from "../control/clock.ts";
import type {
  MetricsSourceBench,
  PublishedSeries,
  SourceFault,
} from "./metrics-source.contract.ts";
import { createPrometheusSource, type PrometheusOptions } from "./prometheus.ts";
import type { PodPage } from "./scrape.ts";

/** Seconds between two time stamps of the pages; how often they are really scraped is `realInterval`. */
export const intervalSeconds = 15;

/**
 * Pages carry time stamps of the bench's clock, which a Prometheus takes over: it may look often and
 * still hold samples of every 15 s. It takes samples of the last hour, so the clock begins before that.
 */
const realInterval = "200ms";
const clockBehindSeconds = 3000;

/** How far back a Prometheus looks for the latest sample of a series that has not ended. */
const lookBackSeconds = 300;

export interface PrometheusBench extends MetricsSourceBench {
  readonly nowSeconds: () => number;
  readonly matchers: readonly LabelMatcher[];
  /** Where the pods export, for whoever reads them without the Prometheus. */
  readonly podPages: readonly PodPage[];
  /** What pod number `index` exports from the next `advance` on; null: it exports nothing more. */
  publishPod(index: number, series: readonly PublishedSeries[] | null): void;
  /** Another source on the same series. */
  open(options: Partial<PrometheusOptions>): MetricsSourceBench["source"];
  /** The next answers to queries. Null: those of the Prometheus. */
  answerWith(answer: ((request: Request) => Response | Promise<Response>) | null): void;
}

/** One Prometheus of a test file, and the benches that it scrapes, each in a namespace of its own. */
export interface ScrapingPrometheus {
  readonly prometheus: TestPrometheus;
  /** A bench that nobody had before. @throws Error when all are taken */
  openBench(): Promise<PrometheusBench>;
  stop(): Promise<void>;
}

export const podName = (index: number) => `mestore-7c9d8b6f5d-abcd${index}`;

const podPattern = "mestore-[a-z0-9]{1,10}-[a-z0-9]{5}";
const revisionMetric = serviceMetrics.tuningRevision.name;

type Page = (() => string) | null;

/**
 * Starts a Prometheus for `benches` benches of `pods` pods each. Pod 0 of a bench is scraped twice:
 * its second page is empty until it is to be "ambiguous".
 */
export async function startScrapingPrometheus(
  benches: number,
  pods: number,
): Promise<ScrapingPrometheus> {
  const pageOf = new Map<string, Page>();
  const exporter = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const page = pageOf.get(new URL(request.url).pathname) ?? null;
      return page === null ? new Response("", { status: 503 }) : new Response(page());
    },
  });
  const jobs = Array.from({ length: benches }, (_, bench) => [
    ...Array.from({ length: pods }, (_, pod) => [bench, pod, `pod-${pod}`] as const),
    [bench, 0, "twin"] as const,
  ]).flat();
  const prometheus = await startPrometheus({
    config: JSON.stringify({
      global: { scrape_interval: realInterval, scrape_timeout: realInterval },
      scrape_configs: jobs.map(([bench, pod, job]) => ({
        job_name: `${bench}-${job}`,
        metrics_path: `/${bench}/${job}`,
        static_configs: [
          {
            targets: [`127.0.0.1:${exporter.port}`],
            labels: { namespace: `shop-${bench}`, pod: podName(pod) },
          },
        ],
      })),
    }),
  });
  let taken = 0;
  return {
    prometheus,
    openBench() {
      if (taken === benches) throw new Error("every bench is taken");
      const bench = taken;
      taken += 1;
      const podPages = Array.from({ length: pods }, (_, pod) => ({
        name: podName(pod),
        url: `${exporter.url.origin}/${bench}/pod-${pod}`,
      }));
      return createBench(prometheus.url, bench, podPages, (job, page) =>
        pageOf.set(`/${bench}/${job}`, page),
      );
    },
    async stop() {
      await Promise.all([exporter.stop(true), prometheus.stop()]);
    },
  };
}

async function createBench(
  prometheusUrl: string,
  bench: number,
  podPages: readonly PodPage[],
  serve: (job: string, page: Page) => void,
): Promise<PrometheusBench> {
  const namespace = `shop-${bench}`;
  const matchers: readonly LabelMatcher[] = [
    { name: "namespace", operator: "=", value: namespace },
    { name: "pod", operator: "=~", value: podPattern },
  ];
  const clock = createManualClock(
    Math.floor(Date.now() / 1000 / intervalSeconds) * intervalSeconds - clockBehindSeconds,
  );
  const pods = podPages.length;
  const startSeconds = Array.from({ length: pods }, () => clock.nowSeconds() - 3600);
  // A page comes into force when the clock moves: none has two texts at one time.
  const coming: Page[] = Array.from({ length: pods }, () => null);
  let twin: Page = null;
  let hadTwin = false;
  const stamped = (page: string) => page.replaceAll("\n", ` ${clock.nowSeconds() * 1000}\n`);
  let answer: ((request: Request) => Response | Promise<Response>) | null = null;
  const hanging = Promise.withResolvers<Response>();
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (answer !== null) return answer(request);
      const { pathname } = new URL(request.url);
      const { status, headers, body } = await fetch(`${prometheusUrl}${pathname}`, {
        method: request.method,
        headers: { "content-type": request.headers.get("content-type") ?? "" },
        body: await request.text(),
      });
      return new Response(body, {
        status,
        headers: { "content-type": headers.get("content-type") ?? "" },
      });
    },
  });
  // A port on which nothing listens: it was free a moment ago, and its server is gone.
  const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const goneUrl = gone.url.origin;
  await gone.stop(true);

  const options: PrometheusOptions = {
    url: proxy.url.origin,
    timeoutSeconds: 5,
    matchers: () => matchers,
    scrapeSeconds: intervalSeconds,
    expectedPods: () => coming.map((_, index) => podName(index)),
    allow: ["127.0.0.1"],
    now: clock.nowSeconds,
  };
  const reached = createPrometheusSource(options);
  const unreached = createPrometheusSource({ ...options, url: goneUrl });
  const hurried = createPrometheusSource({ ...options, timeoutSeconds: 0.15 });
  let source = reached;

  /** The time stamp of the newest sample that the Prometheus has of a job. */
  async function newestOf(job: string, metric: string): Promise<number> {
    const response = await fetch(`${prometheusUrl}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({
        query: `timestamp(${metric}{job="${bench}-${job}"})`,
        time: String(clock.nowSeconds()),
      }),
    });
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1]);
  }

  function publishPod(index: number, series: readonly PublishedSeries[] | null): void {
    const hasRevision = series?.some(({ name }) => name === revisionMetric) === true;
    const own = hasRevision ? [] : [{ name: revisionMetric, labels: {}, value: 0 }];
    coming[index] =
      series === null
        ? null
        : () =>
            formatPage([
              ...series,
              ...own,
              ...processSeries(clock.nowSeconds(), startSeconds[index] ?? 0),
            ]);
  }

  function heal(): void {
    source = reached;
    answer = null;
    twin = null;
  }

  const faults: Readonly<Partial<Record<SourceFault, () => void>>> = {
    unreachable: () => (source = unreached),
    serverError: () => (answer = () => new Response("no", { status: 503 })),
    timeout() {
      source = hurried;
      answer = () => hanging.promise;
    },
    invalid: () => (answer = () => new Response("<html>502 Bad Gateway</html>")),
    empty: () =>
      (answer = () =>
        Response.json({ status: "success", data: { resultType: "vector", result: [] } })),
    ambiguous: () => (twin = () => `${revisionMetric} 0\n`),
  };

  return {
    get source() {
      return source;
    },
    matchers,
    podPages,
    nowSeconds: clock.nowSeconds,
    intervalSeconds,
    leastIntervals: 4,
    // One reading less may lie in the window; what it would have added is extrapolated from the others.
    slack: 1,
    publishPod,
    publish(series) {
      heal();
      coming.forEach((_, index) => publishPod(index, series));
    },
    fail(fault) {
      const own = faults[fault];
      if (own !== undefined) own();
      else coming[0] = () => formatFaultyPage(fault, clock.nowSeconds()) ?? "";
    },
    answerWith(next) {
      answer = next;
    },
    open: (other) => createPrometheusSource({ ...options, ...other }),
    restart() {
      startSeconds.fill(clock.nowSeconds());
    },
    async advance(seconds) {
      // Series with time stamps of their own do not end when their page does.
      clock.advance(twin === null && hadTwin ? seconds + lookBackSeconds : seconds);
      hadTwin = twin !== null;
      const now = clock.nowSeconds();
      const live = new Map<string, string>(hadTwin ? [["twin", revisionMetric]] : []);
      for (const [index, page] of coming.entries()) {
        if (page !== null) live.set(`pod-${index}`, serviceMetrics.processStart.name);
        serve(`pod-${index}`, page === null ? null : () => stamped(page()));
      }
      const ownTwin = twin;
      serve("twin", () => stamped(ownTwin?.() ?? ""));
      await waitFor(
        async () => {
          const newest = await Promise.all([...live].map(([job, metric]) => newestOf(job, metric)));
          return newest.every((one) => one === now);
        },
        { what: `Prometheus to have the pages of ${now}`, timeoutMs: 20_000 },
      );
    },
    async close() {
      hanging.resolve(new Response(""));
      await proxy.stop(true);
    },
  };
}
