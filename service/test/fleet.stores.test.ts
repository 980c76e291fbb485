import { afterEach, beforeAll, expect, test } from "bun:test";
import { type TestStores, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { migrateFully } from "./app.fixture.ts";
import { seedCatalogue } from "./catalogue.fixture.ts";
import { type ServiceProcess, startService } from "./process.fixture.ts";

let stores: TestStores;
const services: ServiceProcess[] = [];

beforeAll(async () => {
  stores = await useStores();
  await migrateFully(stores.postgresUrl);
  await seedCatalogue(stores.postgresUrl, 50);
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const service = await startService({
    DATABASE_URL: stores.postgresUrl,
    DRAIN_SECONDS: "0",
    ...environment,
  });
  services.push(service);
  return service;
}

async function read(service: ServiceProcess, series: string): Promise<number> {
  const page = await (await fetch(service.metricsUrl)).text();
  const line = page.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.split(" ")[1] ?? Number.NaN);
}

const lookups = 'mestore_cache_shadow_lookups_total{class="product"}';
const misses = 'mestore_cache_shadow_misses_total{class="product",ttl_seconds="32768"}';
const following = 'mestore_cache_shadow_fleet{class="product"}';
const processes = "mestore_cache_shadow_processes";

test("two services on one Redis count as one cache, and one of them that leaves is told of", async () => {
  const [first, second] = [
    await start({ REDIS_URL: stores.redisUrl }),
    await start({ REDIS_URL: stores.redisUrl }),
  ];
  for (const service of [first, second])
    await waitFor(() =>
      service.log().some(({ msg }) => msg === "following the fleet's shadow sample"),
    );
  const ask = async (service: ServiceProcess) => {
    for (let id = 2; id < 22; id++)
      expect((await fetch(`${service.url}/api/v1/products/${id}`)).status).toBe(200);
  };
  await ask(first);
  await waitFor(async () => (await read(first, lookups)) === 20);
  await ask(second);
  await waitFor(async () => (await read(second, lookups)) === 20);
  // What the one has loaded is a hit to the other, at a TTL of hours.
  expect([await read(first, misses), await read(second, misses)]).toEqual([20, 0]);
  for (const service of [first, second])
    expect([await read(service, following), await read(service, processes)]).toEqual([1, 2]);

  const status = (await (await fetch(`${first.url}/api/v1/performance/cache/status`)).json()) as {
    classes: { class: string; shadowCurve?: { scope: string } }[];
  };
  const product = status.classes.find((one) => one.class === "product");
  expect(product?.shadowCurve?.scope).toBe("fleet");

  second.signal("SIGTERM");
  expect(await second.exited).toBe(0);
  await waitFor(async () => (await read(first, processes)) === 1);
});

test("a service without Redis is a cache of its own", async () => {
  const service = await start();
  expect((await fetch(`${service.url}/api/v1/products/2`)).status).toBe(200);
  expect(await read(service, lookups)).toBe(1);
  expect([await read(service, following), await read(service, processes)]).toEqual([0, 1]);
});
