import { expect, test } from "bun:test";
import { formatFaultyPage, formatPage, processSeries } from "../../test/exposition-text.ts";
import { createManualClock } from "../control/clock.ts";
import { describeMetricsSource, type MetricsSourceBench } from "./metrics-source.contract.ts";
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
  const reached = createScrapeSource({ ...options, url: server.url });
  const unreached = createScrapeSource({ ...options, url: goneUrl });
  let isGone = false;
  return {
    source: { window: (seconds) => (isGone ? unreached : reached).window(seconds) },
    intervalSeconds,
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
    url: server.url,
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
    url: server.url,
    scrapeSeconds: 15,
    longestWindowSeconds: 3600,
    now: () => 0,
    timeoutMs,
  });
  expect(await source.window(60)).toMatchObject({ ok: false, reason: "MetricsTimeout" });
  await server.close();
});
