import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startPostgres, startValkey, type TestServer } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { migrateFully } from "./app.fixture.ts";
import { seedCatalogue } from "./catalogue.fixture.ts";
import { type ServiceProcess, startService } from "./process.fixture.ts";
import { type Outcome, startTraffic } from "./traffic.fixture.ts";

let database: TestServer;
let cache: TestServer;
let service: ServiceProcess;

beforeAll(async () => {
  [database, cache] = await Promise.all([startPostgres(), startValkey()]);
  await migrateFully(database.url);
  await seedCatalogue(database.url, 5000);
  service = await startService({ DATABASE_URL: database.url, REDIS_URL: cache.url });
});
afterAll(async () => {
  await service.stop();
  await Promise.all([database.stop(), cache.stop()]);
});

/** Pages that are asked for over and over: none of them archived or a suspended vendor's. */
const popular = Array.from({ length: 40 }, (_, i) => i + 2).map((id) => `/api/v1/products/${id}`);

/** Pages that nobody asked for before: each is a miss. */
let unseen = 100;
function nextUnseen(): string {
  unseen += 1;
  // Without those that are not on sale: 50, 100, … are archived, 61, 121, … a suspended vendor's.
  while (unseen % 50 === 0 || unseen % 60 === 1) unseen += 1;
  return `/api/v1/products/producto-${unseen}`;
}

let turn = 0;
function nextPopular(): string {
  turn += 1;
  return popular[turn % popular.length] ?? "";
}

const mixed = () => (turn % 5 === 4 && unseen < 4900 ? (turn++, nextUnseen()) : nextPopular());

const isPopular = ({ path }: Outcome) => popular.includes(path);
const failed = (outcomes: readonly Outcome[]) =>
  outcomes
    .filter(({ status }) => status !== 200)
    .map(({ path, status, error, body }) => ({ path, status, error, body }));

async function readiness(): Promise<{ status: number; state: string }> {
  const response = await fetch(`${service.url}/readyz`);
  const { status } = (await response.json()) as { status: string };
  return { status: response.status, state: status };
}

describe("the shared cache layer", () => {
  test("killed under traffic fails no request, and is used again when it is back", async () => {
    const traffic = startTraffic(service.url, 8, mixed);
    await waitFor(() => traffic.outcomes.length > 300);
    await cache.kill("SIGKILL");
    const killed = traffic.mark();
    await waitFor(() => traffic.outcomes.length > killed + 500);
    expect(await readiness()).toEqual({ status: 200, state: "degraded" });
    await cache.restart();
    await waitFor(async () => (await readiness()).state === "ready");
    const back = traffic.mark();
    await waitFor(() => traffic.outcomes.length > back + 100);
    expect(failed(await traffic.stop())).toEqual([]);
  });

  test("hung under traffic fails no request and holds none up", async () => {
    const traffic = startTraffic(service.url, 8, mixed);
    await waitFor(() => traffic.outcomes.length > 300);
    await cache.kill("SIGSTOP");
    const hung = traffic.mark();
    try {
      await waitFor(() => traffic.outcomes.length > hung + 500);
      await waitFor(async () => (await readiness()).state === "degraded");
    } finally {
      await cache.kill("SIGCONT");
    }
    await waitFor(async () => (await readiness()).state === "ready");
    const outcomes = await traffic.stop();
    expect(failed(outcomes)).toEqual([]);
    // Some wait for the deadline of 40 ms; the rest is a busy machine's.
    expect(Math.max(...outcomes.slice(hung).map(({ tookMs }) => tookMs))).toBeLessThan(1000);
  });
});

describe("the database", () => {
  test("restarted under traffic: hits are served on, misses say when to ask again, it recovers by itself", async () => {
    const cached = startTraffic(service.url, 4, nextPopular);
    await waitFor(() => cached.outcomes.length > 200);
    // Refusals are faster than a shop has products. A refused page is not kept, so it may be asked for again.
    let refusedFrom: number | null = null;
    const misses = startTraffic(service.url, 2, () => {
      if (refusedFrom !== null && unseen >= refusedFrom + 500) unseen = refusedFrom;
      return nextUnseen();
    });
    await waitFor(() => misses.outcomes.length > 20);
    await database.kill("SIGQUIT");
    refusedFrom = unseen;
    const down = misses.mark();
    await waitFor(() => misses.outcomes.length > down + 50);
    await waitFor(async () => (await readiness()).state === "degraded");
    expect((await readiness()).status).toBe(200);
    const refusals = misses.outcomes.slice(down + 10);
    await database.restart();
    const up = misses.mark();
    await waitFor(() => misses.outcomes.slice(up).some(({ status }) => status === 200));
    await waitFor(async () => (await readiness()).state === "ready");
    const allMisses = await misses.stop();
    const allCached = await cached.stop();

    expect(allCached.every(isPopular)).toBe(true);
    expect(failed(allCached)).toEqual([]);
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([503]));
    for (const { headers, body, tookMs } of refusals.slice(0, 20)) {
      expect(headers["content-type"]).toBe("application/problem+json");
      expect(headers["retry-after"]).toBe("2");
      expect(JSON.parse(body)).toMatchObject({ status: 503, code: "DATABASE_UNAVAILABLE" });
      expect(tookMs).toBeLessThan(1000);
    }
    expect(new Set(allMisses.map(({ status }) => status))).toEqual(new Set([200, 503]));
    expect(service.log().filter(({ level }) => level === "error")).toEqual([]);
  });
});
