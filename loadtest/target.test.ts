import { describe, expect, test } from "bun:test";
import { parseTarget } from "./target.ts";

describe("target", () => {
  test.each([
    ["http://127.0.0.1:8000/", "http://127.0.0.1:8000"],
    ["http://127.3.2.1", "http://127.3.2.1"],
    ["http://2130706433:9", "http://127.0.0.1:9"],
    ["http://localhost:80/path?q=1", "http://localhost"],
    ["http://[::1]:8000", "http://[::1]:8000"],
    ["https://localhost", "https://localhost"],
  ])("%s is this machine", (text, origin) => {
    expect(parseTarget(text, false)).toEqual({ ok: true, origin });
  });

  test.each([
    "http://192.0.2.1:8000",
    "http://shop.example",
    "http://127.0.0.1.example",
    "http://127.example",
    "http://localhost.example",
    "http://localhost@192.0.2.1/",
    "http://0.0.0.0:8000",
  ])("%s is another machine and must be allowed", (text) => {
    const refused = parseTarget(text, false);
    expect(refused.ok).toBe(false);
    expect(refused).toHaveProperty("message", expect.stringContaining("--allow-remote"));
    expect(parseTarget(text, true).ok).toBe(true);
  });

  test.each(["", "shop", "ftp://localhost", "file:///etc/passwd", "localhost:8000"])(
    '"%s" is nothing to ask',
    (text) => {
      expect(parseTarget(text, true)).toMatchObject({ ok: false });
    },
  );
});
