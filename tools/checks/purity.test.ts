import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseSource } from "./source.ts";
import { checkPurity, isPure, pureFiles } from "./purity.ts";

function complaints(path: string, text: string): string[] {
  return checkPurity([parseSource(path, text)]).map(({ message }) => message);
}

describe("pure files", () => {
  test.each([
    "packages/contract/sla.ts",
    "packages/laws/ttl.ts",
    "packages/simulator/engine/queue.ts",
    "operator/src/profile/plan.ts",
    "service/src/catalog/catalog.ts",
    "service/src/ordering/schema.ts",
    "loadtest/zipf.ts",
    "tools/checks/rooms.ts",
  ])("%s is one", (path) => {
    expect(complaints(path, "export const at = Date.now();")).toHaveLength(1);
  });

  test("the table names files that there are", () => {
    const root = join(import.meta.dir, "../..");
    for (const [folder, names] of Object.entries(pureFiles))
      for (const name of names) {
        const path = `${folder}/${name}.ts`;
        expect([path, existsSync(join(root, path))]).toEqual([path, true]);
        expect(isPure(path)).toBe(true);
      }
    expect(isPure("service/src/cache/redis-store.ts")).toBe(false);
  });

  test.each([
    "process.env.HOME;",
    "process.hrtime();",
    "const { pid } = process;",
    "Date.now();",
    "new Date();",
    "Date();",
    "performance.now();",
    "Math.random();",
    "crypto.randomUUID();",
    "setTimeout(f, 1);",
    "setInterval(f, 1);",
    "setImmediate(f);",
    'fetch("http://127.0.0.1");',
    "new WebSocket(url);",
    'Bun.file("x");',
    "Bun.serve({});",
    "Bun.nanoseconds();",
    "Bun.env.HOME;",
    "globalThis.fetch(url);",
    'import { readFile } from "node:fs/promises";',
    'import type { Stats } from "node:fs";',
    'import net from "node:net";',
    'import { setTimeout as pause } from "node:timers/promises";',
    'import { createHash } from "node:crypto";',
    'import os from "node:os";',
    'import { sql } from "bun";',
    'import { Database } from "bun:sqlite";',
  ])("refuse %s", (text) => {
    expect(complaints("packages/laws/ttl.ts", text).length).toBeGreaterThan(0);
  });

  test.each([
    "new Date(0).toISOString(); Date.parse(text); Date.UTC(2026, 1);",
    "Math.log(2); Number.EPSILON; structuredClone(value);",
    "Bun.hash(text);",
    'import { posix } from "node:path";',
    'import { inspect } from "node:util";',
    "export const decide = (now: () => number, fetch: () => number) => now() + fetch();",
    "// process.env and Date.now() are for others",
  ])("allow %s", (text) => {
    expect(complaints("packages/laws/ttl.ts", text)).toEqual([]);
  });

  test("their tests may do what they like", () => {
    expect(complaints("packages/laws/ttl.test.ts", "Date.now();")).toEqual([]);
  });
});

describe("the environment", () => {
  test.each([
    "process.env.PORT;",
    "const { env } = process;",
    "read(process);",
    "Bun.env.PORT;",
    'import.meta.env["PORT"];',
  ])("is read by no other file: %s", (text) => {
    expect(complaints("service/src/cache/redis-store.ts", text)).toHaveLength(1);
    expect(complaints("demo/seed.ts", text)).toHaveLength(1);
  });

  test.each([
    "service/src/config.ts",
    "service/src/main.ts",
    "operator/src/main.ts",
    "operator/src/config.ts",
    "tools/stack/postgres.ts",
    "service/src/cache/cache.stores.test.ts",
  ])("is read in %s", (path) => {
    expect(complaints(path, "process.env.PORT;")).toEqual([]);
  });

  test("other things of the process are free outside pure files", () => {
    expect(complaints("loadtest/traffic.ts", "process.exit(0); process.cpuUsage();")).toEqual([]);
  });
});
