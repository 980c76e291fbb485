import { afterAll, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { createLogger } from "@mestore/telemetry/logger";
import { startValkey, type TestServer, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { Redis } from "ioredis";
import { createRedisStore, type RedisStore } from "./redis-store.ts";
import { describeCacheStore } from "./store.contract.ts";

function createStore(url: string): { store: RedisStore; logged: string[] } {
  const logged: string[] = [];
  const logger = createLogger({ name: "test", level: "info", write: (line) => logged.push(line) });
  const monotonic = () => performance.now();
  return { store: createRedisStore({ url, logger, monotonic }), logged };
}

async function createConnectedStore(url: string): Promise<RedisStore> {
  const { store } = createStore(url);
  expect(await store.connected()).toBe(true);
  return store;
}

/** For what is not about the deadline: a busy machine may take longer than it over a first command. */
async function createPatientStore(): Promise<RedisStore> {
  const { redisUrl: url } = await useStores();
  const logger = createLogger({ name: "test", level: "info", write: () => {} });
  const monotonic = () => performance.now();
  const store = createRedisStore({ url, logger, monotonic, deadlineMs: 10_000 });
  expect(await store.connected()).toBe(true);
  return store;
}

describeCacheStore(createPatientStore);

describe("on a shared Valkey", () => {
  test("entries carry their expiry, in the logical database of the URL", async () => {
    const { redisUrl } = await useStores();
    const store = await createConnectedStore(redisUrl);
    await store.set("key", Uint8Array.of(1), 300);
    const client = new Redis(redisUrl);
    expect(await client.ttl("key")).toBeGreaterThan(290);
    client.disconnect();
    await store.close();
  });

  test("its clock is measured against the monotonic one, before it is up", async () => {
    const { redisUrl } = await useStores();
    const { store } = createStore(redisUrl);
    expect(store.clockOffsetMs()).toBeNull();
    setSystemTime(Date.now() + 3_600_000);
    try {
      expect(await store.connected()).toBe(true);
    } finally {
      setSystemTime();
    }
    // The same machine: what its wall clock says now is the server's time.
    const serverNowMs = performance.now() + (store.clockOffsetMs() ?? Number.NaN);
    expect(Math.abs(serverNowMs - Date.now())).toBeLessThan(250);
    await store.close();
  });

  test("an event loop that was held up does not count as a time-out of Redis", async () => {
    const { redisUrl } = await useStores();
    const store = await createConnectedStore(redisUrl);
    const other = new Redis(redisUrl);
    await other.ping();
    await store.set("key", Uint8Array.of(7), 60);
    for (let round = 0; round < 20; round++) {
      const reads = Array.from({ length: 10 }, () => store.getBuffer("key"));
      // Held up where a reply is handled: what else has arrived is read only after timers that are due.
      await other.ping();
      const until = performance.now() + 50;
      while (performance.now() < until);
      for (const answer of await Promise.all(reads)) expect(answer).toEqual(Buffer.of(7));
    }
    expect(store.isUp()).toBe(true);
    await store.close();
    other.disconnect();
  });

  test("thousands of operations of one turn", async () => {
    const store = await createPatientStore();
    const all = Array.from({ length: 3000 }, (_, i) => i);
    await Promise.all(all.slice(0, 500).map((i) => store.set(`key:${i}`, Buffer.from(`${i}`), 60)));
    const read = await Promise.all(all.map((i) => store.getBuffer(`key:${i}`)));
    for (const i of all) expect(read[i]).toEqual(i < 500 ? Buffer.from(`${i}`) : null);
    await store.close();
  });
});

describe("on a Valkey that is hurt", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startValkey();
  });
  afterAll(() => server.stop());

  test("tells its limit and policy, and a refusal is no outage", async () => {
    const store = await createConnectedStore(server.url);
    expect(await store.info()).toMatchObject({ maxMemoryBytes: 256 * 1024 * 1024, evicts: true });
    const client = new Redis(server.url);
    await client.config("SET", "maxmemory-policy", "noeviction");
    await client.config("SET", "maxmemory", "1");
    expect(await store.set("key", Uint8Array.of(1), 60)).toBe("refused");
    expect(await store.getBuffer("key")).toBeNull();
    expect(await store.info()).toMatchObject({ maxMemoryBytes: 1, evicts: false });
    expect(store.isUp()).toBe(true);
    client.disconnect();
    await store.close();
    await server.restart();
  });

  test("killed, it is away at once; started again, it is back by itself, with one line each", async () => {
    const { store, logged } = createStore(server.url);
    await store.connected();
    await store.set("key", Uint8Array.of(1), 60);
    const under = Array.from({ length: 50 }, () => store.getBuffer("key"));
    await server.kill("SIGKILL");
    for (const answer of await Promise.all(under))
      expect(answer === "unavailable" || (answer instanceof Buffer && answer[0] === 1)).toBe(true);
    await waitFor(() => !store.isUp(), { what: "the loss to be noticed" });
    expect(await store.getBuffer("key")).toBe("unavailable");

    await server.restart();
    await waitFor(() => store.isUp(), { what: "the connection to come back" });
    expect(await store.getBuffer("key")).toBeNull();
    expect(logged.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual([
      "warn",
      "info",
    ]);
    await store.close();
  });

  test("hung, it costs five deadlines at most, drops what is queued, and is back when it goes on", async () => {
    const { store } = createStore(server.url);
    await store.connected();
    await store.set("key", Uint8Array.of(1), 60);
    await server.kill("SIGSTOP");
    try {
      const answers: unknown[] = [];
      while (store.isUp()) answers.push(await store.getBuffer("key"));
      expect(answers).toEqual(Array.from({ length: 5 }, () => "timeout"));
      expect(await store.set("key", Uint8Array.of(2), 60)).toBe("unavailable");
    } finally {
      await server.kill("SIGCONT");
    }
    await waitFor(() => store.isUp(), { what: "the connection to come back" });
    // What was written while it hung was refused, not queued.
    expect(await store.getBuffer("key")).toEqual(Buffer.of(1));
    await store.close();
  });

  test("away from the start: nothing fails, and it connects when the server comes", async () => {
    await server.kill("SIGKILL");
    const { store, logged } = createStore(server.url);
    expect(await store.connected()).toBe(false);
    expect(await store.getBuffer("key")).toBe("unavailable");
    expect(await store.info()).toBe("unavailable");
    await server.restart();
    await waitFor(() => store.isUp(), { what: "the first connection" });
    expect(JSON.parse(logged[0] ?? "")).toMatchObject({
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    await store.close();
  });

  test("a server whose clock cannot be read is away, since no entry of it could be dated", async () => {
    const client = new Redis(server.url);
    await client.acl("SETUSER", "timeless", "on", ">any", "~*", "+@all", "-time");
    const url = new URL(server.url);
    [url.username, url.password] = ["timeless", "any"];
    const { store, logged } = createStore(url.href);
    expect(await store.connected()).toBe(false);
    expect(store.isUp()).toBe(false);
    expect(JSON.parse(logged[0] ?? "")).toMatchObject({ reason: "TIME: refused" });
    await store.close();
    client.disconnect();
  });

  test("a wrong password is an absence with a reason, and is not written to the log", async () => {
    const url = new URL(server.url);
    url.password = "not-the-password";
    const { store, logged } = createStore(url.href);
    await store.connected();
    expect(logged.join("")).not.toContain("not-the-password");
    await store.close();
  });
});
