import { describe, expect, test } from "bun:test";
import { parseConfig } from "./config.ts";

const database = { DATABASE_URL: "postgres://me:secret@db:5432/shop" };

function faultsOf(environment: Record<string, string>): Record<string, string> {
  const parsed = parseConfig(environment);
  if (parsed.ok) throw new Error("it was accepted");
  return Object.fromEntries(parsed.faults.map(({ path, message }) => [path, message]));
}

describe("parseConfig", () => {
  test("needs a database and nothing else", () => {
    expect(parseConfig(database)).toEqual({
      ok: true,
      value: {
        port: 8000,
        host: "0.0.0.0",
        metricsPort: 9464,
        databaseUrl: database.DATABASE_URL,
        redisUrl: null,
        tuningFile: null,
        drainSeconds: 5,
        logLevel: "info",
      },
    });
  });

  test("reads every variable", () => {
    const parsed = parseConfig({
      ...database,
      PORT: "0",
      HOST: "127.0.0.1",
      METRICS_PORT: "0",
      REDIS_URL: "rediss://:pw@cache:6380/3",
      TUNING_FILE: "/etc/mestore/tuning.json",
      DRAIN_SECONDS: "0.5",
      LOG_LEVEL: "debug",
    });
    expect(parsed.ok && parsed.value).toEqual({
      port: 0,
      host: "127.0.0.1",
      metricsPort: 0,
      databaseUrl: database.DATABASE_URL,
      redisUrl: "rediss://:pw@cache:6380/3",
      tuningFile: "/etc/mestore/tuning.json",
      drainSeconds: 0.5,
      logLevel: "debug",
    });
  });

  test("cannot be changed", () => {
    const parsed = parseConfig(database);
    expect(parsed.ok && Object.isFrozen(parsed.value)).toBe(true);
  });

  test("takes a variable set to nothing for absent", () => {
    const parsed = parseConfig({ ...database, PORT: "", REDIS_URL: "" });
    expect(parsed.ok && [parsed.value.port, parsed.value.redisUrl]).toEqual([8000, null]);
  });

  test("says what an empty environment lacks", () => {
    expect(faultsOf({})).toEqual({
      DATABASE_URL: "is required: postgres://user:password@host:5432/database",
    });
  });

  test("names every fault at once, by variable", () => {
    const faults = faultsOf({
      PORT: "80 80",
      METRICS_PORT: "70000",
      REDIS_URL: "http://cache",
      DRAIN_SECONDS: "-1",
      LOG_LEVEL: "loud",
    });
    expect(Object.keys(faults).sort()).toEqual([
      "DATABASE_URL",
      "DRAIN_SECONDS",
      "LOG_LEVEL",
      "METRICS_PORT",
      "PORT",
      "REDIS_URL",
    ]);
  });

  test("never repeats the value of a URL, which may hold a password", () => {
    const faults = faultsOf({
      DATABASE_URL: "mysql://me:hunter2@db/shop",
      REDIS_URL: "redis://:hunter2@cache/zero",
    });
    expect(Object.keys(faults).sort()).toEqual(["DATABASE_URL", "REDIS_URL"]);
    expect(JSON.stringify(faults)).not.toContain("hunter2");
  });

  test("refuses one port for two servers, but any two free ones", () => {
    expect(faultsOf({ ...database, PORT: "9000", METRICS_PORT: "9000" })).toEqual({
      METRICS_PORT: "is the same as PORT",
    });
    expect(parseConfig({ ...database, PORT: "0", METRICS_PORT: "0" }).ok).toBe(true);
  });
});
