import { afterEach, beforeAll, expect, test } from "bun:test";
import { type TestStores, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import postgres from "postgres";
import { migrateFully } from "./app.fixture.ts";
import { seedCatalogue } from "./catalogue.fixture.ts";
import { type ServiceProcess, startService } from "./process.fixture.ts";
import { createClient, type Outcome } from "./traffic.fixture.ts";

let stores: TestStores;
let service: ServiceProcess;

beforeAll(async () => {
  stores = await useStores();
  await migrateFully(stores.postgresUrl);
  await seedCatalogue(stores.postgresUrl, 200);
});
afterEach(() => service.stop());

async function start(drainSeconds: number): Promise<void> {
  service = await startService({
    DATABASE_URL: stores.postgresUrl,
    REDIS_URL: stores.redisUrl,
    DRAIN_SECONDS: String(drainSeconds),
  });
}

test("keep-alive clients see no reset while the process is told to stop under load", async () => {
  await start(1);
  const outcomes: Outcome[] = [];
  const clients = Array.from({ length: 24 }, async (_, number) => {
    const client = createClient(service.url);
    for (let asked = 0; ; asked += 1) {
      const outcome = await client.get(`/api/v1/products/${2 + ((number + asked) % 40)}`);
      outcomes.push(outcome);
      // What a balancer does: a connection that is to be closed is not used again.
      if (outcome.error !== undefined || outcome.headers.connection === "close") return outcome;
    }
  });
  await waitFor(() => outcomes.length > 500);
  service.signal("SIGTERM");
  const last = await Promise.all(clients);
  expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
  expect(last.map(({ headers }) => headers.connection)).toEqual(last.map(() => "close"));
  // New connections are answered until the drain ends, and told that there is a better place.
  const late = createClient(service.url);
  const ready = await late.get("/readyz");
  expect([ready.status, JSON.parse(ready.body)]).toMatchObject([503, { status: "draining" }]);
  expect((await late.get("/api/v1/products/2")).status).toBe(200);
  expect((await late.get("/livez")).status).toBe(200);
  late.close();
  expect(await service.exited).toBe(0);
  expect(service.log().map(({ msg }) => msg)).toContain("stopped");
});

test("a request in flight at the end of the drain gets its answer", async () => {
  await start(0);
  const sql = postgres(stores.postgresUrl, { max: 1 });
  const client = createClient(service.url);
  let answer: Promise<Outcome> | undefined;
  await sql.begin(async (tx) => {
    await tx`LOCK TABLE products IN ACCESS EXCLUSIVE MODE`;
    answer = client.get("/api/v1/products/77");
    await waitFor(async () => {
      const [row] = await tx<{ waiting: number }[]>`
        SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      return row?.waiting === 1;
    });
    service.signal("SIGTERM");
    await waitFor(() => service.log().some(({ msg }) => msg === "draining"));
  });
  expect(await answer).toMatchObject({ status: 200, headers: { connection: "close" } });
  expect(await service.exited).toBe(0);
  client.close();
  await sql.end();
});

test("a second signal ends it at once, with the code of the signal", async () => {
  await start(60);
  service.signal("SIGTERM");
  await waitFor(() => service.log().some(({ msg }) => msg === "draining"));
  service.signal("SIGTERM");
  expect(await service.exited).toBe(143);
});

test("an interrupt drains like an order to stop", async () => {
  await start(0);
  service.signal("SIGINT");
  expect(await service.exited).toBe(0);
});
