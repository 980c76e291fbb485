import { describe, expect, test } from "bun:test";
import { createLogger, type Logger, redactLine } from "./logger.ts";

function logged(log: (logger: Logger) => void, level: "info" | "warn" = "info") {
  const lines: string[] = [];
  log(createLogger({ name: "service", level, write: (line) => lines.push(line) }));
  return { text: lines.join(""), records: lines.map((line) => JSON.parse(line)) };
}

describe("logger", () => {
  test("one JSON line each: level in words, time in UTC, program, fields, message", () => {
    const { text, records } = logged((logger) => logger.info({ revision: 3 }, "applied"));
    expect(text.endsWith("\n")).toBe(true);
    expect(records).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        pid: process.pid,
        name: "service",
        revision: 3,
        msg: "applied",
      },
    ]);
  });

  test("what is below the level is not written", () => {
    const { records } = logged((logger) => {
      logger.info("no");
      logger.warn("yes");
    }, "warn");
    expect(records.map(({ msg }) => msg)).toEqual(["yes"]);
  });

  test("an error is written with every cause behind it, and causes of causes", () => {
    const root = new TypeError("socket closed");
    const middle = new Error("query failed", { cause: root });
    const { records } = logged((logger) =>
      logger.error({ err: new Error("page not loaded", { cause: middle }) }, "failed"),
    );
    expect(records[0].err).toMatchObject({
      type: "Error",
      message: "page not loaded",
      stack: expect.stringContaining("logger.test.ts"),
      cause: {
        message: "query failed",
        cause: { type: "TypeError", message: "socket closed" },
      },
    });
  });
});

describe("secrets never reach a log", () => {
  test("fields named like a secret, at any depth, whatever their case", () => {
    const { text, records } = logged((logger) =>
      logger.info({
        password: 'with "quotes" \\ and more',
        user: { id: 7, accessToken: "eyJhbGciOi", pin: { api_key: 12345 } },
        headers: { Authorization: "Bearer abcdef", "set-cookie": ["a=1", "b=2"], accept: "*/*" },
        credentials: { name: "shop", key: { part: "hidden" } },
      }),
    );
    for (const secret of ["quotes", "eyJhbGciOi", "12345", "abcdef", "a=1", "hidden"])
      expect(text).not.toContain(secret);
    expect(records[0]).toMatchObject({
      password: "[redacted]",
      user: { id: 7, accessToken: "[redacted]", pin: { api_key: "[redacted]" } },
      headers: { Authorization: "[redacted]", "set-cookie": "[redacted]", accept: "*/*" },
    });
  });

  test("passwords of URLs in fields, messages, stacks and causes", () => {
    const error = new Error("cannot reach redis://default:hunter2@cache:6379/0", {
      cause: new Error("postgresql://shop:hunter2@db/shop refused"),
    });
    const { text } = logged((logger) =>
      logger.error({ err: error, url: "https://:hunter2@prom" }, "postgres://shop:hunter2@db/shop"),
    );
    expect(text).not.toContain("hunter2");
    expect(text).toContain("redis://default:[redacted]@cache:6379/0");
  });

  test("a long line is searched in time that grows with its length", () => {
    const worst = `${"a:b/".repeat(5000)}://${"token".repeat(20_000)}`;
    const line = JSON.stringify({ worst });
    const before = performance.now();
    expect(redactLine(line)).toBe(line);
    expect(performance.now() - before).toBeLessThan(1000);
  });

  test("what is no secret stays as it is", () => {
    const line = JSON.stringify({
      tokens: 3,
      passwordless: true,
      url: "http://localhost:8000/products?at=12:30@noon",
      address: "at 12:00 mail a@b.example",
      msg: 'the field "password" is missing',
    });
    expect(redactLine(line)).toBe(line);
  });

  test("every redacted line is still JSON", () => {
    for (const password of ["", "}", '"', "\\", "a,b", "[x]", "ünï\n"]) {
      const line = JSON.stringify({
        before: 1,
        password,
        nested: { password: [[password], {}] },
        z: 2,
      });
      expect(JSON.parse(redactLine(line))).toMatchObject({
        before: 1,
        password: "[redacted]",
        nested: { password: "[redacted]" },
        z: 2,
      });
    }
  });
});
