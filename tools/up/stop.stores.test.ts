import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asStackFault } from "../stack/fault.ts";
import { createHomePaths, type HomePaths } from "../stack/paths.ts";
import { isAlive, launchProcess, type ProcessId } from "../stack/process.ts";
import { takeLock } from "./lock.ts";
import { emptyState, type PartName, saveState, type State, withPart } from "./state.ts";
import { stopParts } from "./stop.ts";
import { type BlockableDirectory, makeBlockableDirectory } from "./write-block.fixture.ts";

/** Real processes, in a home on which nothing can be written any more. */
let room: string;
let disk: BlockableDirectory;
let paths: HomePaths;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), "mestore-full-"));
  disk = makeBlockableDirectory(join(room, "home"));
  paths = createHomePaths({ MESTORE_HOME: join(room, "home") });
  mkdirSync(paths.launches, { recursive: true });
});

afterEach(() => {
  disk.remove();
  rmSync(room, { recursive: true, force: true });
});

function launch(): Promise<ProcessId> {
  return launchProcess({
    command: ["sleep", "60"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logPath: join(room, "log"),
  });
}

const recordOf = (id: ProcessId) => ({
  ...id,
  since: new Date().toISOString(),
  log: join(room, "log"),
  settings: { port: 1 },
});

const withProcesses = (ids: Partial<Record<PartName, ProcessId>>): State =>
  Object.entries(ids).reduce(
    (state, [name, id]) => withPart(state, name as PartName, recordOf(id)),
    emptyState,
  );

test("on a full disk everything is stopped, whatever can be written", async () => {
  const service = await launch();
  const valkey = await launch();
  saveState(paths.state, withProcesses({ service, valkey }));
  disk.block();
  const stopped: string[] = [];
  await stopParts(paths, ({ name, outcome }) => stopped.push(`${name} ${outcome}`));
  expect(stopped).toEqual(["service stopped", "valkey stopped"]);
  expect([service, valkey].filter((id) => isAlive(id))).toEqual([]);
});

test("on a full disk one part of several is stopped and the others stay", async () => {
  const service = await launch();
  const valkey = await launch();
  saveState(paths.state, withProcesses({ service, valkey }));
  disk.block();
  await stopParts(paths, () => {}, { names: ["service"] });
  expect([isAlive(service), isAlive(valkey)]).toEqual([false, true]);
  await stopParts(paths, () => {});
  expect(isAlive(valkey)).toBe(false);
});

test("what never reached the state file is stopped by who knows of it", async () => {
  const service = await launch();
  disk.block();
  await stopParts(paths, () => {}, { known: withProcesses({ service }) });
  expect(isAlive(service)).toBe(false);
});

test("the lock of a home needs no space, and is one", async () => {
  const first = await takeLock(paths.lock, 1000, () => {});
  disk.block();
  const fault = await takeLock(paths.lock, 50, () => {}).then(
    () => null,
    (error: unknown) => asStackFault(error),
  );
  expect(fault?.code).toBe("ALREADY_RUNNING");
  first.release();
  (await takeLock(paths.lock, 1000, () => {})).release();
  disk.unblock();
  expect(readdirSync(paths.home).filter((name) => name.startsWith("lock"))).toEqual(["lock"]);
});
