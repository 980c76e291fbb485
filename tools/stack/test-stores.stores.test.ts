import { expect, test } from "bun:test";
import Redis from "ioredis";
import postgres from "postgres";
import { startPostgres, startValkey, useStores } from "./test-stores.ts";
import { waitFor } from "./wait-for.ts";

test("each caller gets an empty database and an empty logical database", async () => {
  const [one, other] = await Promise.all([useStores(), useStores()]);
  expect(one.postgresUrl).not.toBe(other.postgresUrl);
  expect(one.redisUrl).not.toBe(other.redisUrl);
  const sql = postgres(one.postgresUrl, { max: 1 });
  const [row] = await sql`select version(), current_setting('server_encoding') as encoding`;
  expect(row?.["encoding"]).toBe("UTF8");
  await sql`create extension ltree`;
  await sql.end();
  const redis = new Redis(one.redisUrl);
  expect(await redis.dbsize()).toBe(0);
  expect(await redis.set("a", "1")).toBe("OK");
  redis.disconnect();
});

test("a Valkey can be killed, suspended and started again on its address", async () => {
  const server = await startValkey();
  const redis = new Redis(server.url, { retryStrategy: () => 20 });
  redis.on("error", () => {});
  await redis.set("a", "1");
  const { pid } = server;
  await server.kill("SIGKILL");
  await server.restart();
  expect(server.pid).not.toBe(pid);
  await waitFor(async () => (await redis.dbsize()) === 0, { what: "an empty Valkey" });
  await server.kill("SIGSTOP");
  await server.kill("SIGCONT");
  expect(await redis.ping()).toBe("PONG");
  redis.disconnect();
  await server.stop();
  await server.stop();
});

test("a PostgreSQL that is killed and started again has kept its data", async () => {
  const server = await startPostgres();
  const before = postgres(server.url, { max: 1 });
  await before`create table kept (a int)`;
  await before`insert into kept values (1)`;
  await before.end();
  await server.kill("SIGKILL");
  await server.restart();
  const after = postgres(server.url, { max: 1 });
  expect([...(await after`select a from kept`)]).toEqual([{ a: 1 }]);
  await after.end();
  await server.stop();
});
