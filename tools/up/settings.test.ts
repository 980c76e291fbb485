import { describe, expect, test } from "bun:test";
import { decideSettings, parseStoreUrl, withoutPassword } from "./settings.ts";

describe("decideSettings", () => {
  test("nothing given and nothing running: the defaults", () => {
    expect(decideSettings({}, null)).toEqual({
      port: 8000,
      products: 5000,
      traffic: "none",
      operator: true,
      timeScale: 1,
      postgres: null,
      redis: null,
    });
  });

  test("the demonstration runs 15 times as fast unless said otherwise", () => {
    expect(decideSettings({ traffic: "demo" }, null).timeScale).toBe(15);
    expect(decideSettings({ traffic: "demo", timeScale: 2 }, null).timeScale).toBe(2);
    expect(decideSettings({ traffic: "light" }, null).timeScale).toBe(1);
  });

  test("a plain `up` leaves a running stack as it is", () => {
    const running = decideSettings(
      { traffic: "demo", port: 8123, operator: false, redis: "redis://cache" },
      null,
    );
    expect(decideSettings({}, running)).toEqual(running);
  });

  test("what is given changes that and what follows from it, nothing else", () => {
    const running = decideSettings({ traffic: "demo" }, null);
    expect(decideSettings({ traffic: "light" }, running)).toEqual({
      ...running,
      traffic: "light",
      timeScale: 1,
    });
    expect(decideSettings({ port: 9000 }, running)).toEqual({ ...running, port: 9000 });
    expect(decideSettings({ operator: false }, running).operator).toBe(false);
  });
});

describe("addresses of one's own stores", () => {
  test("another protocol is refused without repeating the address", () => {
    expect(parseStoreUrl("mysql://root:secret@db", ["postgres:", "postgresql:"])).toEqual({
      ok: false,
      message: "must be a URL that begins with postgres:// or postgresql://",
    });
    expect(parseStoreUrl("db:5432", ["postgres:"]).ok).toBe(false);
    expect(parseStoreUrl("redis://h:1/2", ["redis:"])).toEqual({ ok: true, url: "redis://h:1/2" });
  });

  test("passwords are hidden", () => {
    expect(withoutPassword("postgres://me:secret@h:1/db")).toBe("postgres://me:***@h:1/db");
    expect(withoutPassword("redis://:secret@h:1/0")).toBe("redis://:***@h:1/0");
    expect(withoutPassword("demo")).toBe("demo");
    expect(withoutPassword("postgres://h/db?user=me&password=secret&sslmode=require")).toBe(
      "postgres://h/db?user=me&password=***&sslmode=require",
    );
    for (const key of ["sslpassword", "PASSWORD", "auth_token", "pass", "apiKey"])
      expect(withoutPassword(`redis://h:1/0?${key}=hidden`)).not.toContain("hidden");
    expect(withoutPassword("redis://h:1/0?password=one&password=two")).toBe(
      "redis://h:1/0?password=***",
    );
  });
});
