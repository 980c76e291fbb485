import { expect, test } from "bun:test";
import { parseConfig } from "./config.ts";

const needed = [
  ...["--source", "file", "--profiles", "p", "--tuning-file", "t/tuning.json"],
  ...["--status-dir", "s", "--scrape", "http://127.0.0.1:9464/metrics"],
];

test("fills in what may be left out", () => {
  expect(parseConfig(needed)).toEqual({
    ok: true,
    config: {
      source: "file",
      profilesDirectory: "p",
      tuningFile: "t/tuning.json",
      statusDirectory: "s",
      scrapeUrl: "http://127.0.0.1:9464/metrics",
      metricsPort: 8080,
      timeScale: 1,
      logLevel: "info",
    },
  });
});

test("takes a free port and a time scale", () => {
  const parsed = parseConfig([...needed, "--metrics-port", "0", "--time-scale=15"]);
  expect(parsed).toMatchObject({ ok: true, config: { metricsPort: 0, timeScale: 15 } });
});

test("--help is no error", () => {
  const parsed = parseConfig(["--help"]);
  expect(parsed).toMatchObject({ ok: false, exitCode: 0 });
  if (!parsed.ok) expect(parsed.text).toContain("--tuning-file <file>");
});

test.each([
  [[], "required option '--source <kind>' not specified"],
  [["--source", "kubernetes"], "Allowed choices are file"],
  [[...needed, "--time-scale", "0.5"], "--time-scale must be a number of at least 1"],
  [[...needed, "--time-scale", "fast"], "--time-scale must be a number of at least 1"],
  [[...needed, "--metrics-port", "65536"], "--metrics-port must be a port from 0 to 65535"],
  [[...needed, "--metrics-port", "1.5"], "--metrics-port must be a port from 0 to 65535"],
  [[...needed, "--scrape", "localhost:9464"], "--scrape must be an http or https address"],
  [[...needed, "--log-level", "loud"], "Allowed choices are"],
  [[...needed, "--tune"], "unknown option '--tune'"],
  [[...needed, "extra"], "too many arguments"],
])("%p is wrong usage", (args, message) => {
  const parsed = parseConfig(args);
  expect(parsed).toMatchObject({ ok: false, exitCode: 2 });
  if (!parsed.ok) expect(parsed.text).toContain(message);
});

test("every wrong value is named at once", () => {
  const parsed = parseConfig([...needed, "--time-scale", "0", "--metrics-port", "x"]);
  if (parsed.ok) throw new Error("accepted");
  expect(parsed.text.trim().split("\n")).toHaveLength(2);
});
