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

  test.each([
    ["an apostrophe", "postgres://shop:hun'ter2@db/shop", "postgres://shop:[redacted]@db/shop"],
    ["an at sign", "redis://default:hun@ter2@cache:6379", "redis://default:[redacted]@cache:6379"],
    ["a slash", "postgres://shop:hun/ter2@db/shop", "postgres://shop:[redacted]@db/shop"],
    ["a query mark", "postgres://shop:hun?ter2@db/shop", "postgres://shop:[redacted]@db/shop"],
    ["a backslash", "redis://:hun\\ter2@cache", "redis://:[redacted]@cache"],
    ["digits only", "redis://:12345@cache", "redis://:[redacted]@cache"],
    ["quotes around", "no 'redis://:hunter2@cache' here", "no 'redis://:[redacted]@cache' here"],
    ["double quotes around", 'no "redis://:hunter2@c" b@d', 'no "redis://:[redacted]@c" b@d'],
    ["a line after it", "redis://:hunter2@cache\nat a@b", "redis://:[redacted]@cache\nat a@b"],
  ])("a password of a URL with %s", (_, msg, redacted) => {
    expect(JSON.parse(redactLine(JSON.stringify({ msg })))).toEqual({ msg: redacted });
  });

  test.each([
    ["/reset?token=hunter2&lang=es", "/reset?token=[redacted]&lang=es"],
    [
      "https://a.example/?lang=es&password=hunter2",
      "https://a.example/?lang=es&password=[redacted]",
    ],
    ["http://a/?access_token=hunter2#top", "http://a/?access_token=[redacted]#top"],
    ["http://a/?apiKey=hun'ter2 was refused", "http://a/?apiKey=[redacted] was refused"],
    ['"http://a/?db.password=hunter2" it said', '"http://a/?db.password=[redacted]" it said'],
  ])("the value of a parameter named like a secret: %s", (msg, redacted) => {
    expect(JSON.parse(redactLine(JSON.stringify({ msg })))).toEqual({ msg: redacted });
  });

  // No clock: what backtracks without end does not come back within the time that any test may take.
  test("a long line is searched in time that grows with its length", () => {
    for (const worst of [
      `${"a:b/".repeat(900)}://${"token".repeat(800)}`,
      "a://b:".repeat(1300),
      "?token".repeat(1300),
      `a://${":".repeat(8000)}`,
    ]) {
      const line = JSON.stringify({ worst });
      expect(redactLine(line)).toBe(line);
      const many = redactLine(JSON.stringify({ worst: Array.from({ length: 20 }, () => worst) }));
      expect(many.length).toBeGreaterThan(20 * 8000 * 0.9);
    }
  });

  test("a text that is too long to be searched loses its end, and with it what it hides", () => {
    const hidden = `${"a://b:".repeat(50_000)} postgres://me:hunter2@db/shop`;
    const line = redactLine(JSON.stringify({ hidden, url: "postgres://me:hunter2@db/shop" }));
    expect(line).not.toContain("hunter2");
    expect(JSON.parse(line)).toMatchObject({ url: "postgres://me:[redacted]@db/shop" });
    expect(line.length).toBeLessThan(10_000);
  });

  test("what is no secret stays as it is", () => {
    const line = JSON.stringify({
      tokens: 3,
      passwordless: true,
      url: "http://localhost:8000/products?at=12:30@noon",
      address: "at 12:00 mail a@b.example",
      other: "http://localhost:8000/@scope/x and http://[::1]:8000/@scope, http://localhost:8000",
      query: "/products?tokens=3&secretary=me&limit=2",
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
