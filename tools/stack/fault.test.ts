import { expect, test } from "bun:test";
import { asStackFault, StackFault, saysDiskFull } from "./fault.ts";

test("a full disk is a fault with a hint, whatever call met it", () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
  });
  const fault = asStackFault(error);
  expect(fault?.code).toBe("DISK_FULL");
  expect(fault?.hint).toContain("Free some space");
});

test("a path that somebody else owns is a fault that says whose it is, and the way out", () => {
  const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), {
    code: "EACCES",
    path: "/no such file of MeStore",
  });
  const fault = asStackFault(error);
  expect(fault?.code).toBe("ACCESS_DENIED");
  expect(fault?.hint).toStartWith("/ belongs to root.");
  expect(fault?.hint).toContain("MESTORE_HOME=");
});

test("a fault stays what it is, and a defect of ours is none", () => {
  const fault = new StackFault("PORT_TAKEN", "port 8000 is taken");
  expect(asStackFault(fault)).toBe(fault);
  expect(asStackFault(new TypeError("x is undefined"))).toBeNull();
  expect(asStackFault("text")).toBeNull();
});

test("a full disk is recognised in what PostgreSQL, npm and pip write", () => {
  expect(saysDiskFull('FATAL:  could not write to file "x": No space left on device')).toBe(true);
  expect(saysDiskFull("npm error code ENOSPC")).toBe(true);
  expect(saysDiskFull("FATAL:  could not open file: Permission denied")).toBe(false);
});
