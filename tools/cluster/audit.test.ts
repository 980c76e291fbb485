import { expect, test } from "bun:test";
import { join } from "node:path";
import { loadAuditEvents, parseAuditLog } from "./audit.ts";

test("a line that is being written is left for the next look", () => {
  const [event, ...others] = parseAuditLog('{"verb":"get"}\n{"verb":"li');
  expect(event).toMatchObject({ verb: "get" });
  expect(others).toEqual([]);
  expect(parseAuditLog('{"verb"')).toEqual([]);
});

test("a log that is not there yet holds nothing", () => {
  expect(loadAuditEvents(join(import.meta.dir, "no-such.log"))).toEqual([]);
});
