import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSecret } from "./secret.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mestore-secret-"));
  path = join(directory, "password");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a secret is made once, whole, and for its owner alone", () => {
  const secret = loadSecret(path);
  expect(secret).toMatch(/^[0-9a-f]{48}$/);
  expect(loadSecret(path)).toBe(secret);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(["password"]);
});

test.each(["", "\n"])("an empty file (%j), left by a write cut short, is no password", (left) => {
  writeFileSync(path, left);
  const secret = loadSecret(path);
  expect(secret).toMatch(/^[0-9a-f]{48}$/);
  expect(loadSecret(path)).toBe(secret);
});
