import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  emptyState,
  formatState,
  livingParts,
  loadState,
  type PartRecord,
  parseState,
  saveState,
  withoutPart,
  withPart,
} from "./state.ts";

const part = (pid: number): PartRecord => ({
  pid,
  birth: `birth of ${pid}`,
  since: "2026-11-24T10:00:00.000Z",
  log: "/tmp/log",
  settings: { port: 1234 },
});

const running = withPart(withPart(emptyState, "postgres", part(10)), "service", part(20));

test("what is written is read back, with the numbers by name for scripts", () => {
  const parsed = parseState(formatState(running));
  expect(parsed).toEqual({ ok: true, value: { ...running, pids: { postgres: 10, service: 20 } } });
});

test("keys of a later version are no fault, another schema version is", () => {
  expect(parseState('{"schemaVersion": 1, "chromaUrl": "http://x"}').ok).toBe(true);
  expect(parseState('{"schemaVersion": 2}')).toMatchObject({
    ok: false,
    faults: [{ path: "schemaVersion" }],
  });
  expect(parseState("{").ok).toBe(false);
});

test("only processes that are still the same live", () => {
  const alive = ({ pid, birth }: { pid: number; birth: string }) =>
    pid === 20 && birth === "birth of 20";
  expect(Object.keys(livingParts(running, alive))).toEqual(["service"]);
});

test("a part can be forgotten", () => {
  expect(Object.keys(withoutPart(running, "postgres").parts)).toEqual(["service"]);
});

test("the file is the owner's alone, is replaced whole, and an unreadable one says what to do", () => {
  const directory = mkdtempSync(join(tmpdir(), "mestore-state-"));
  const path = join(directory, "state.json");
  try {
    expect(loadState(path)).toEqual(emptyState);
    saveState(path, running);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["state.json"]);
    writeFileSync(path, '{"schemaVersion": 1, "parts": {"postgres": {}}}');
    expect(() => loadState(path)).toThrow("parts.postgres.pid");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
