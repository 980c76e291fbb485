import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StackFault } from "./fault.ts";
import { findProgram } from "./find-program.ts";
import { prepareValkey } from "./valkey.ts";
import { findPython } from "./wheel.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mestore-programs-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What an expression comes to in a process that has no environment at all. */
function evaluateBare(expression: string): string {
  const source = `
    import { findProgram } from ${JSON.stringify(join(import.meta.dir, "find-program.ts"))};
    import { findPython } from ${JSON.stringify(join(import.meta.dir, "wheel.ts"))};
    console.log(${expression});`;
  return Bun.spawnSync([process.execPath, "-e", source], { env: {} }).stdout.toString().trim();
}

test("programs and Python are found in an empty environment", () => {
  expect(evaluateBare('findProgram("sh")')).toMatch(/\/bin\/sh$/);
  const standard = { PATH: "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin" };
  expect(evaluateBare("findPython()")).toBe(String(findPython(standard)));
});

test("a PATH that is set is searched, and the system's own programs beyond it", () => {
  symlinkSync("/bin/sh", join(directory, "only-here"));
  expect(findProgram("only-here", { PATH: directory })).toBe(join(directory, "only-here"));
  expect(findProgram("only-here", {})).toBeNull();
  expect(findProgram("sh", { PATH: directory })).toBeNull();
});

test("without Python, and without a server on PATH, the message names the command that brings it", async () => {
  const refusal = await prepareValkey({ PATH: directory, XDG_CACHE_HOME: directory }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(StackFault);
  const { code, message, hint } = refusal as StackFault;
  expect(code).toBe("MISSING_TOOL");
  expect(message).toContain("Python 3.11");
  expect(hint).toContain(
    process.platform === "darwin" ? "brew install python@" : "apt-get install -y python3-venv",
  );
});
