import { afterEach, describe, expect, test } from "bun:test";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { createArrivals } from "./arrivals.ts";
import { type Driver, type DriverOptions, startDriver } from "./driver.ts";
import { createRandom } from "./random.ts";

/** A shop on loopback whose speed and answers a test can change while it runs. */
function openShop(port = 0) {
  const gate = { closed: false, status: 200, asked: 0, waiting: 0, mostWaiting: 0 };
  let open = Promise.withResolvers<void>();
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/api/v1/categories") return Response.json({ items: [{ slug: "hogar" }] });
      if (searchParams.get("sort") === "popular")
        return Response.json({ items: [{ id: 1 }, { id: 2 }, { id: 3 }] });
      gate.asked += 1;
      gate.waiting += 1;
      gate.mostWaiting = Math.max(gate.mostWaiting, gate.waiting);
      if (gate.closed) await open.promise;
      gate.waiting -= 1;
      return Response.json({ pathname }, { status: gate.status });
    },
  });
  const shop = {
    origin: server.url.origin,
    port: server.port ?? 0,
    gate,
    stall() {
      gate.closed = true;
      open = Promise.withResolvers();
    },
    resume() {
      gate.closed = false;
      open.resolve();
    },
    async close() {
      shop.resume();
      await server.stop(true);
    },
  };
  opened.push(() => shop.close());
  return shop;
}

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

function drive(origin: string, options: Partial<DriverOptions> & { rate: number }): Driver {
  const driver = startDriver({
    origin,
    nextPath: () => "/api/v1/products/1",
    nextArrivalMs: createArrivals(options.rate, createRandom(1)),
    durationMs: 60_000,
    ...options,
  });
  opened.push(async () => driver.stop());
  return driver;
}

describe("driver", () => {
  test("keeps its rate within 5 % and loses nothing", async () => {
    const shop = openShop();
    const driver = drive(shop.origin, { rate: 400, durationMs: 4000 });
    await driver.finished;
    const { sent, dropped, errors, p95Ms } = driver.tally.total();
    expect(Math.abs(sent - 1600)).toBeLessThan(80);
    expect({ dropped, errors, asked: shop.gate.asked }).toEqual({
      dropped: 0,
      errors: {},
      asked: sent,
    });
    expect(p95Ms).toBeGreaterThan(0);
  });

  test("a stalled server slows no arrival: the bound holds and the rest is dropped", async () => {
    const shop = openShop();
    const driver = drive(shop.origin, { rate: 1000, maxInFlight: 20 });
    await waitFor(() => driver.tally.total().sent > 50, { what: "first requests" });
    shop.stall();
    await waitFor(() => driver.inFlight() === 20, { what: "the bound to be reached" });
    const before = driver.tally.total();
    const startMs = performance.now();
    await waitFor(() => driver.tally.total().dropped - before.dropped > 500, { what: "drops" });
    // 500 arrivals at 1,000/s are half a second, stalled server or not.
    expect(performance.now() - startMs).toBeLessThan(1500);
    expect(driver.tally.total().sent).toBe(before.sent);
    expect(shop.gate.mostWaiting).toBeLessThanOrEqual(20);

    shop.resume();
    await waitFor(() => driver.tally.total().sent > before.sent + 100, { what: "new requests" });
    expect(driver.tally.total().errors).toEqual({});
    // Those that were due during the stall waited for it, and are counted so.
    expect(driver.tally.total().p95Ms).toBeGreaterThan(100);
  });

  test("an answer that never comes is given up and counted", async () => {
    const shop = openShop();
    shop.stall();
    const driver = drive(shop.origin, { rate: 200, maxInFlight: 5, timeoutMs: 100 });
    await waitFor(() => (driver.tally.total().errors["TimeoutError"] ?? 0) >= 10, {
      what: "time-outs",
    });
    expect(driver.inFlight()).toBeLessThanOrEqual(5);
  });

  test("errors are counted by status", async () => {
    const shop = openShop();
    shop.gate.status = 503;
    const driver = drive(shop.origin, { rate: 400, durationMs: 500 });
    await driver.finished;
    const { sent, errors } = driver.tally.total();
    expect(errors).toEqual({ "503": sent });
  });

  test("a shop that restarts is left alone meanwhile and found again", async () => {
    const shop = openShop();
    const driver = drive(shop.origin, { rate: 500 });
    await waitFor(() => driver.tally.total().sent > 50, { what: "first requests" });
    await shop.close();
    await waitFor(() => driver.tally.total().dropped > 200, { what: "the driver to hold back" });
    const failed = Object.values(driver.tally.total().errors).reduce((a, b) => a + b, 0);
    expect(failed).toBeGreaterThanOrEqual(5);
    expect(failed).toBeLessThan(100);
    const reopened = openShop(shop.port);
    await waitFor(() => reopened.gate.asked > 100, { what: "requests to come back" });
  });

  test("with no end by the clock it outlives a restart of the shop, and ends when that is gone", async () => {
    const shop = openShop();
    const endless = { durationMs: Number.POSITIVE_INFINITY, maxSilenceMs: 2000 };
    const driver = drive(shop.origin, { rate: 500, ...endless });
    await waitFor(() => driver.tally.total().sent > 50, { what: "first requests" });
    await shop.close();
    await waitFor(() => driver.tally.total().dropped > 200, { what: "the driver to hold back" });
    const reopened = openShop(shop.port);
    await waitFor(() => reopened.gate.asked > 100, { what: "requests to come back" });
    await reopened.close();
    const goneMs = performance.now();
    await driver.finished;
    expect(performance.now() - goneMs).toBeGreaterThan(1500);
  });
});

describe("program", () => {
  function run(...args: string[]) {
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/traffic.ts`, ...args], {
      stdout: "pipe",
      stderr: "pipe",
    });
    opened.push(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    return child;
  }

  const parseLines = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test("waits for the shop, visits it, and ends with a summary on SIGTERM", async () => {
    const vacant = openShop();
    await vacant.close();
    const child = run("--against", vacant.origin, "--workload", "light", "--seed", "3");
    const lines: string[] = [];
    const reading = (async () => {
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream()))
        lines.push(chunk);
    })();
    await waitFor(() => lines.join("").includes('"waiting"'), { what: "the program to wait" });

    const shop = openShop(vacant.port);
    await waitFor(() => shop.gate.asked > 100, { what: "visits" });
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await reading;

    const events = parseLines(lines.join(""));
    expect(events.map(({ event }) => event)).toEqual(["start", "waiting", "catalogue", "end"]);
    expect(events[0]).toMatchObject({
      workload: "light",
      requestsPerSecond: 200,
      redistributed: ["search", "suggestions", "checkout"],
    });
    expect(events[2]).toMatchObject({ products: 3, categories: 1 });
    expect(events[3]).toMatchObject({ errors: {}, dropped: 0 });
    expect(events[3]?.["sent"]).toBeGreaterThan(100);
  });

  test("ends by itself when nobody has answered for --until-silent-seconds", async () => {
    const shop = openShop();
    const child = run(
      "--against",
      shop.origin,
      "--workload",
      "demo",
      "--until-silent-seconds",
      "1",
    );
    await waitFor(() => shop.gate.asked > 100, { what: "visits" });
    await shop.close();
    const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
    expect(code).toBe(0);
    expect(parseLines(text).at(-1)).toMatchObject({ event: "end" });
  });

  test("ends by itself after --seconds", async () => {
    const shop = openShop();
    const child = run("--against", shop.origin, "--workload", "demo", "--seconds", "2");
    const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
    expect(code).toBe(0);
    expect(parseLines(text).at(-1)).toMatchObject({ event: "end", errors: {} });
  });

  test.each([
    [["--workload", "demo"], "--against"],
    [["--against", "http://127.0.0.1:1", "--workload", "black-friday"], "Allowed choices are"],
    [["--against", "http://127.0.0.1:1", "--workload", "demo", "--seconds", "0"], "whole number"],
    [
      [
        ...["--against", "http://127.0.0.1:1", "--workload", "demo"],
        ...["--seconds", "5", "--until-silent-seconds", "5"],
      ],
      "cannot be used with",
    ],
    [["--against", "http://192.0.2.1", "--workload", "demo"], "--allow-remote"],
  ])("wrong usage %j exits with 2", async (args, message) => {
    const child = run(...args);
    const [text, code] = await Promise.all([child.stderr.text(), child.exited]);
    expect(text).toContain(message);
    expect(code).toBe(2);
  });
});
