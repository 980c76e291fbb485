import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serviceMetrics } from "@mestore/contract/metrics";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { startPostgres, type TestServer, useStores } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { answerDeadlineMs, createDatabase, type Statement } from "./database.ts";

function select(text: string, parameters: Statement["parameters"] = []): Statement {
  return { name: "test", queryClass: "simple", text, parameters };
}

function open(url: string, connections = 2) {
  const registry = createRegistry();
  const lines: string[] = [];
  const database = createDatabase({
    url,
    registry,
    logger: createLogger({ name: "test", level: "info", write: (line) => lines.push(line) }),
    monotonicMs: () => performance.now(),
    connections,
  });
  const read = (name: string) => {
    let sum = 0;
    for (const { value } of registry.collect().get(name)?.values() ?? []) sum += value;
    return sum;
  };
  return { database, lines, read };
}

/** `ok`, or the code of what it was refused with, and how long that took. */
async function attempt(database: ReturnType<typeof open>["database"], text = "SELECT 1 AS one") {
  const startedMs = performance.now();
  const outcome = await database.query(select(text)).then(
    () => "ok",
    (error: unknown) => String((error as { code?: unknown }).code),
  );
  return { outcome, tookMs: performance.now() - startedMs };
}

describe("a database that is well", () => {
  let bed: ReturnType<typeof open>;
  beforeAll(async () => {
    bed = open((await useStores()).postgresUrl);
  });
  afterAll(() => bed.database.close());

  test("answers with camelCase rows and takes parameters apart from the text", async () => {
    const rows = await bed.database.query(
      select("SELECT $1::text AS given_text, $2::bigint AS given_id, 1.50::numeric AS rating", [
        "'; DROP TABLE products; --",
        42,
      ]),
    );
    expect([...rows]).toEqual([
      { givenText: "'; DROP TABLE products; --", givenId: "42", rating: "1.50" },
    ]);
  });

  test("times and counts every statement, and those that failed once more", async () => {
    const duration = `${serviceMetrics.queryDuration.name}_count`;
    const before = [bed.read(duration), bed.read(serviceMetrics.queryErrors.name)];
    await bed.database.query(select("SELECT 1"));
    expect((await attempt(bed.database, "SELECT nothing FROM nowhere")).outcome).toBe("42P01");
    expect(bed.read(duration)).toBe((before[0] ?? 0) + 2);
    expect(bed.read(serviceMetrics.queryErrors.name)).toBe((before[1] ?? 0) + 1);
  });

  test("runs one statement a connection at a time and lets the others wait", async () => {
    const slow = Array.from({ length: 4 }, () => attempt(bed.database, "SELECT pg_sleep(0.2)"));
    const took = (await Promise.all(slow)).map(({ tookMs }) => tookMs);
    expect(Math.max(...took)).toBeGreaterThanOrEqual(380);
    expect(bed.database.isReachable()).toBe(true);
  });

  test("ends a statement that runs too long, and stays reachable", async () => {
    const { outcome, tookMs } = await attempt(bed.database, "SELECT pg_sleep(60)");
    expect(outcome).toBe("DATABASE_TIMEOUT");
    expect(tookMs).toBeLessThan(answerDeadlineMs);
    expect(bed.database.isReachable()).toBe(true);
    expect((await attempt(bed.database)).outcome).toBe("ok");
  });

  test("refuses at once what would wait behind too many others", async () => {
    const queue = Array.from({ length: 100 }, () => attempt(bed.database, "SELECT pg_sleep(0.01)"));
    const outcomes = (await Promise.all(queue)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(66);
    expect(outcomes.filter((outcome) => outcome === "DATABASE_TIMEOUT")).toHaveLength(34);
  });
});

describe("a database that goes away", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  test("is refused at once, logged once, and used again when it is back", async () => {
    const { database, lines } = open(server.url);
    expect((await attempt(database)).outcome).toBe("ok");
    const running = attempt(database, "SELECT pg_sleep(2)");
    await waitFor(async () => {
      const [row] = await database.query<{ busy: number }>(
        select("SELECT count(*)::int AS busy FROM pg_stat_activity WHERE query LIKE '%pg_sleep%'"),
      );
      return (row?.busy ?? 0) > 1;
    });
    await server.kill("SIGQUIT");
    expect((await running).outcome).toBe("DATABASE_UNAVAILABLE");
    await waitFor(async () => {
      await attempt(database);
      return !database.isReachable();
    });
    const refused = await Promise.all(Array.from({ length: 300 }, () => attempt(database)));
    expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(
      new Set(["DATABASE_UNAVAILABLE"]),
    );
    expect(Math.max(...refused.map(({ tookMs }) => tookMs))).toBeLessThan(500);
    await server.restart();
    await waitFor(async () => (await attempt(database)).outcome === "ok");
    expect(database.isReachable()).toBe(true);
    expect(lines.filter((line) => line.includes("is unreachable"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("reachable again"))).toHaveLength(1);
    await database.close();
  });

  test("that hangs is given up after its deadline, and others are refused without waiting", async () => {
    const { database } = open(server.url, 1);
    const [row] = await database.query<{ pid: number }>(select("SELECT pg_backend_pid() AS pid"));
    const backend = row?.pid ?? 0;
    expect(backend).toBeGreaterThan(0);
    process.kill(backend, "SIGSTOP");
    try {
      const { outcome, tookMs } = await attempt(database);
      expect(outcome).toBe("DATABASE_UNAVAILABLE");
      expect(tookMs).toBeWithin(answerDeadlineMs - 50, answerDeadlineMs + 1000);
      // The server itself is well: a new connection goes to a new backend.
      await waitFor(async () => (await attempt(database)).outcome === "ok", { timeoutMs: 2000 });
    } finally {
      process.kill(backend, "SIGCONT");
    }
    await database.close();
  });

  test("that accepts connections and says nothing holds up one statement, not all", async () => {
    const { database } = open(server.url);
    await server.kill("SIGSTOP");
    try {
      expect((await attempt(database)).outcome).toBe("DATABASE_UNAVAILABLE");
      const probe = attempt(database);
      const refused = await Promise.all(Array.from({ length: 20 }, () => attempt(database)));
      expect(Math.max(...refused.map(({ tookMs }) => tookMs))).toBeLessThan(100);
      await probe;
    } finally {
      await server.kill("SIGCONT");
    }
    await waitFor(async () => (await attempt(database)).outcome === "ok");
    await database.close();
  });
});
