import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  isAlive,
  launchProcess,
  readBirth,
  readCommandLine,
  readLastLines,
  readLaunchNote,
  readResidentBytes,
  stopProcess,
} from "./process.ts";
import { waitFor } from "./wait-for.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mestore-process-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const launch = (script: string, log = "log") =>
  launchProcess({
    command: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logPath: join(directory, log),
  });

test("a launched program lives by itself, writes to its log and ends when asked", async () => {
  const child = await launch("echo begun; exec sleep 60");
  expect(isAlive(child)).toBe(true);
  await waitFor(async () => (await readLastLines(join(directory, "log"), 1))[0] === "begun");
  await waitFor(() => readCommandLine(child.pid)?.startsWith("sleep"), {
    what: "the program itself",
  });
  expect(readResidentBytes(child.pid)).toBeGreaterThan(0);
  expect(await stopProcess(child)).toBe("stopped");
  expect(isAlive(child)).toBe(false);
  expect(await stopProcess(child)).toBe("absent");
});

test("a number that belongs to another process by now is not ours: nothing is sent to it", async () => {
  const child = await launch("exec sleep 60");
  const imposter = { pid: child.pid, birth: "before" };
  expect(isAlive(imposter)).toBe(false);
  expect(await stopProcess(imposter, { signal: "SIGKILL" })).toBe("absent");
  expect(isAlive(child)).toBe(true);
  await stopProcess(child);
});

test("a launch is noted in a file, for whoever comes after one who was killed", async () => {
  const notePath = join(directory, "note");
  const child = await launchProcess({
    command: ["sleep", "60"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logPath: join(directory, "noted.log"),
    notePath,
  });
  expect(readLaunchNote(notePath)).toEqual({ pid: child.pid, birth: child.birth });
  await stopProcess(child);
  writeFileSync(notePath, `${child.pid}\n`);
  expect(readLaunchNote(notePath)).toBeNull();
  expect(readLaunchNote(join(directory, "no such note"))).toBeNull();
});

test("a program that ignores the request is killed at the deadline", async () => {
  const child = await launch("trap '' TERM; echo deaf; while :; do sleep 0.1; done", "deaf");
  await waitFor(async () => (await readLastLines(join(directory, "deaf"), 1))[0] === "deaf");
  expect(await stopProcess(child, { graceMs: 100 })).toBe("killed");
});

test("a suspended program ends too", async () => {
  const child = await launch("exec sleep 60");
  process.kill(child.pid, "SIGSTOP");
  expect(await stopProcess(child, { graceMs: 2000 })).toBe("stopped");
});

test.if(process.platform === "linux")(
  "a program whose first thread has ended lives on in the others, with its sockets",
  async () => {
    // exit(2), system call 60 of x86-64 and 93 of arm64, ends the thread that calls it.
    const exit = process.arch === "x64" ? 60 : 93;
    const script = `import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall(${exit}, 0)`;
    const child = await launch(`exec python3 -c '${script}'`);
    const state = () => readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ")[2];
    await waitFor(() => state() === "Z", { what: "the first thread to end" });
    expect(isAlive(child)).toBe(true);
    expect(await stopProcess(child)).toBe("stopped");
    expect(isAlive(child)).toBe(false);
  },
);

test("a program that cannot be started has no birth, so nobody waits for it", async () => {
  const child = await launchProcess({
    command: [join(directory, "absent")],
    env: {},
    cwd: "/",
    logPath: join(directory, "absent.log"),
  });
  await waitFor(() => !isAlive(child));
  const [line] = await readLastLines(join(directory, "absent.log"), 1);
  expect(line).toContain("not found");
});

test("this process has a birth that does not change", () => {
  expect(readBirth(process.pid)).not.toBeNull();
  expect(readBirth(process.pid)).toBe(readBirth(process.pid));
});
