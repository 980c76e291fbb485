import { expect, test } from "bun:test";
import { fit, formatBytes, formatMs, formatSeconds, wrap } from "./terminal.ts";

test("lengths of time are told in their two largest units", () => {
  expect([0.4, 5, 40.2, 130, 3600, 11_100, 187_200].map(formatSeconds)).toEqual([
    "0.4 s",
    "5 s",
    "40 s",
    "2 min 10 s",
    "1 h",
    "3 h 5 min",
    "2 d 4 h",
  ]);
  expect([5, 949, 1300].map(formatMs)).toEqual(["5 ms", "949 ms", "1.3 s"]);
});

test("bytes and what is too long", () => {
  expect(formatBytes(512 * 1024 * 1024)).toBe("512 MiB");
  expect(wrap("one two three four", 9)).toEqual(["one two", "three", "four"]);
  expect(wrap("unbreakable", 4)).toEqual(["unb…"]);
  expect([fit("abcdef", 6), fit("abcdef", 4)]).toEqual(["abcdef", "abc…"]);
});
