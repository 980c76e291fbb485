import { describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { increase, latestSeries } from "@mestore/contract/samples";
import { formatFaultyPage, formatPage, processSeries } from "../../test/exposition-text.ts";
import { createManualClock } from "../control/clock.ts";
import type { Reading } from "../control/ports.ts";
import {
  describeMetricsSource,
  type MetricsSourceBench,
  type PublishedSeries,
} from "./metrics-source.contract.ts";
import { createScrapeSource } from "./scrape.ts";

const timeoutMs = 150;

/** A real HTTP server whose pages and faults are scripted: a healthy service emits none of the faults. */
function serve() {
  let answer: () => Response | Promise<Response> = () => new Response("");
  const hanging = Promise.withResolvers<Response>();
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
  return {
    url: `${server.url.origin}/metrics`,
    answerWith(next: () => Response | Promise<Response>) {
      answer = next;
    },
    hang() {
      answer = () => hanging.promise;
    },
    async close() {
      hanging.resolve(new Response(""));
      await server.stop(true);
    },
  };
}

function createBench(): MetricsSourceBench {
  const clock = createManualClock(1_800_000_000);
  const intervalSeconds = 15;
  const server = serve();
  let startSeconds = clock.nowSeconds() - 3600;
  // A port on which nothing listens: it was free a moment ago, and its server is gone.
  const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const goneUrl = `${gone.url.origin}/metrics`;
  void gone.stop(true);
  const options = {
    scrapeSeconds: intervalSeconds,
    longestWindowSeconds: 12 * 3600,
    now: clock.nowSeconds,
    timeoutMs,
  };
  const reached = createScrapeSource({
    ...options,
    pages: () => [{ name: null, url: server.url }],
  });
  const unreached = createScrapeSource({ ...options, pages: () => [{ name: null, url: goneUrl }] });
  let isGone = false;
  return {
    source: { window: (seconds) => (isGone ? unreached : reached).window(seconds) },
    intervalSeconds,
    leastIntervals: 1,
    slack: 0,
    publish(series) {
      isGone = false;
      server.answerWith(
        () =>
          new Response(formatPage([...series, ...processSeries(clock.nowSeconds(), startSeconds)])),
      );
    },
    fail(fault) {
      const page = formatFaultyPage(fault, clock.nowSeconds());
      if (page !== null) server.answerWith(() => new Response(page));
      else if (fault === "timeout") server.hang();
      else if (fault === "serverError")
        server.answerWith(() => new Response("no", { status: 503 }));
      else isGone = true;
    },
    restart() {
      startSeconds = clock.nowSeconds();
    },
    advance: clock.advance,
    close: server.close,
  };
}

describeMetricsSource("scrape over HTTP", createBench);

test("a page larger than allowed is refused without being read to its end", async () => {
  const server = serve();
  let sent = 0;
  server.answerWith(
    () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 1;
            controller.enqueue(new Uint8Array(64 * 1024).fill(35));
          },
        }),
      ),
  );
  const source = createScrapeSource({
    pages: () => [{ name: null, url: server.url }],
    scrapeSeconds: 15,
    longestWindowSeconds: 3600,
    now: () => 0,
    maximumBytes: 1024 * 1024,
  });
  const reading = await source.window(60);
  expect(reading).toMatchObject({ ok: false, reason: "MetricsInvalid" });
  expect(sent).toBeLessThan(200);
  await server.close();
});

test("a body that stops half-way is a time-out", async () => {
  const server = serve();
  server.answerWith(
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("a 1\n"));
          },
        }),
      ),
  );
  const source = createScrapeSource({
    pages: () => [{ name: null, url: server.url }],
    scrapeSeconds: 15,
    longestWindowSeconds: 3600,
    now: () => 0,
    timeoutMs,
  });
  expect(await source.window(60)).toMatchObject({ ok: false, reason: "MetricsTimeout" });
  await server.close();
});

describe("of several pods", () => {
  const hits = (value: number): PublishedSeries => ({
    name: serviceMetrics.cacheLookups.name,
    labels: { class: "product", outcome: "hit" },
    value,
  });
  const ttl = (value: number): PublishedSeries => ({
    name: serviceMetrics.cacheTtl.name,
    labels: { class: "product" },
    value,
  });
  const revision = (value: number): PublishedSeries => ({
    name: serviceMetrics.tuningRevision.name,
    labels: {},
    value,
  });

  interface Pod {
    readonly server: ReturnType<typeof serve>;
    readonly startSeconds: number;
  }

  /** Pods by name, each with its own server; the source looks at whoever is there. */
  function createFleet() {
    const clock = createManualClock(1_800_000_000);
    const pods = new Map<string, Pod>();
    const source = createScrapeSource({
      pages: () => [...pods].map(([name, { server }]) => ({ name, url: server.url })),
      scrapeSeconds: 15,
      longestWindowSeconds: 12 * 3600,
      now: clock.nowSeconds,
      timeoutMs,
    });
    return {
      pods,
      publish(name: string, series: readonly PublishedSeries[]) {
        const pod = pods.get(name) ?? { server: serve(), startSeconds: clock.nowSeconds() };
        pods.set(name, pod);
        pod.server.answerWith(
          () =>
            new Response(
              formatPage([...series, ...processSeries(clock.nowSeconds(), pod.startSeconds)]),
            ),
        );
      },
      async read(seconds = 3600) {
        clock.advance(15);
        return source.window(seconds);
      },
      close: () => Promise.all([...pods.values()].map(({ server }) => server.close())),
    };
  }

  const grownIn = (reading: Reading) => {
    if (!reading.ok) throw new Error(`${reading.reason}: ${reading.detail}`);
    return increase(reading.window, [{ metric: serviceMetrics.cacheLookups.name }]);
  };

  test("increases add up, gauges are folded, each pod tells its revision", async () => {
    const fleet = createFleet();
    for (const name of ["a", "b", "c"]) fleet.publish(name, [hits(1000), ttl(60), revision(1)]);
    await fleet.read();
    fleet.publish("a", [hits(1010), ttl(60), revision(1)]);
    fleet.publish("b", [hits(1020), ttl(120), revision(2)]);
    fleet.publish("c", [hits(1003), ttl(120), revision(2)]);
    const reading = await fleet.read();
    expect(grownIn(reading)).toBe(33);
    if (!reading.ok) throw new Error(reading.detail);
    const [inForce] = latestSeries(reading.window, { metric: serviceMetrics.cacheTtl.name });
    expect(inForce?.value).toBe(120);
    expect(reading.pods.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: "a", revision: 1 },
      { name: "b", revision: 2 },
      { name: "c", revision: 2 },
    ]);
    await fleet.close();
  });

  test("a pod that goes takes nothing with it, a pod that comes brings what it counted", async () => {
    const fleet = createFleet();
    for (const name of ["a", "b"]) fleet.publish(name, [hits(1000)]);
    await fleet.read();
    fleet.publish("a", [hits(1010)]);
    fleet.publish("b", [hits(1010)]);
    await fleet.read();
    await fleet.pods.get("b")?.server.close();
    fleet.pods.delete("b");
    fleet.publish("a", [hits(1020)]);
    fleet.publish("c", [hits(7)]);
    expect(grownIn(await fleet.read())).toBe(37);
    await fleet.close();
  });

  test("fewer than 80 % of them reporting are too few; their own reason where none does", async () => {
    const fleet = createFleet();
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) fleet.publish(name, [hits(1000)]);
    await fleet.read();
    fleet.pods.get("a")?.server.answerWith(() => new Response("no", { status: 503 }));
    expect(await fleet.read()).toMatchObject({ ok: true });
    fleet.pods.get("b")?.server.hang();
    const reading = await fleet.read();
    expect(reading).toMatchObject({ ok: false, reason: "TooFewPodsReporting" });
    expect(!reading.ok && reading.detail).toMatch(
      /^3 of 5 pods report, at least 80 % must; .*MetricsUnreachable.*MetricsTimeout/,
    );
    for (const name of names)
      fleet.pods.get(name)?.server.answerWith(() => new Response("no", { status: 503 }));
    expect(await fleet.read()).toMatchObject({ reason: "MetricsUnreachable" });
    for (const name of names) fleet.publish(name, [hits(1010)]);
    expect(grownIn(await fleet.read())).toBe(50);
    for (const { server } of fleet.pods.values()) await server.close();
    fleet.pods.clear();
    expect(await fleet.read()).toMatchObject({
      reason: "TooFewPodsReporting",
      detail: "no pod is ready to be read",
    });
  });

  test("a pod without the port is one that should report and does not", async () => {
    const server = serve();
    server.answerWith(() => new Response(formatPage([hits(1)])));
    const withPort = (count: number) => {
      const source = createScrapeSource({
        pages: () =>
          Array.from({ length: 10 }, (_, index) => ({
            name: `pod-${index}`,
            url: index < count ? server.url : null,
          })),
        scrapeSeconds: 15,
        longestWindowSeconds: 3600,
        now: () => 1_800_000_000,
        timeoutMs,
      });
      return source.window(60);
    };
    expect(await withPort(8)).toMatchObject({ ok: true });
    const two = await withPort(2);
    expect(two).toMatchObject({ ok: false, reason: "TooFewPodsReporting" });
    expect(!two.ok && two.detail).toMatch(/^2 of 10 pods report.*has no port of the name/);
    expect(await withPort(0)).toMatchObject({ ok: false, reason: "MetricsUnreachable" });
    await server.close();
  });

  test("of a large fleet no more than sixteen pages are on their way at a time", async () => {
    const fleet = createFleet();
    let open = 0;
    let most = 0;
    const gate = Promise.withResolvers<undefined>();
    for (let index = 0; index < 40; index += 1) {
      const server = serve();
      fleet.pods.set(`pod-${index}`, { server, startSeconds: 0 });
      server.answerWith(async () => {
        open += 1;
        most = Math.max(most, open);
        if (open === 16) gate.resolve(undefined);
        await gate.promise;
        open -= 1;
        return new Response(formatPage([hits(1)]));
      });
    }
    expect(await fleet.read()).toMatchObject({ ok: true });
    expect(most).toBe(16);
    await fleet.close();
  });
});
