import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asStackFault, type StackFault } from "../stack/fault.ts";
import { isRoot } from "../stack/paths.ts";
import { takeLock } from "./lock.ts";

/** `nobody` of every Linux and, as a number that owns nothing, of macOS. */
const stranger = 65_534;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "mestore-lock-"));
  chmodSync(home, 0o755);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** As somebody who may read `home` and not write it: root becomes another user for a moment. */
async function asStranger(path: string): Promise<StackFault | null> {
  if (isRoot) process.seteuid?.(stranger);
  else chmodSync(home, 0o500);
  try {
    return await takeLock(path, 50, () => {}).then(
      () => null,
      (error: unknown) => asStackFault(error),
    );
  } finally {
    if (isRoot) process.seteuid?.(0);
    else chmodSync(home, 0o755);
  }
}

test("a home that somebody else made names the owner and the way out", async () => {
  const lock = join(home, "lock");
  (await takeLock(lock, 1000, () => {})).release();
  if (!isRoot) chmodSync(lock, 0o400);
  const faults = [
    await asStranger(lock),
    await asStranger(join(home, "another")),
    await asStranger(join(home, "below", "lock")),
  ];
  for (const fault of faults) {
    expect(fault?.code).toBe("ACCESS_DENIED");
    expect(fault?.hint).toContain(isRoot ? "belongs to root. You are nobody" : "belongs to");
    expect(fault?.hint).toContain("MESTORE_HOME=");
  }
});

test("what is no file cannot be locked, and that is said without a stack trace", async () => {
  const path = join(home, "lock");
  mkdirSync(path);
  const fault = await takeLock(path, 50, () => {}).then(
    () => null,
    (error: unknown) => asStackFault(error),
  );
  expect(fault?.message).toContain(path);
});
