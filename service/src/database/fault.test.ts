import { describe, expect, test } from "bun:test";
import { classifyDatabaseError } from "./fault.ts";

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe("classifyDatabaseError", () => {
  test.each([
    ["ECONNREFUSED", "unreachable"],
    ["CONNECT_TIMEOUT", "unreachable"],
    ["ENOTFOUND", "unreachable"],
    ["57P03", "unreachable"],
    ["28P01", "unreachable"],
    ["3D000", "unreachable"],
    ["CONNECTION_CLOSED", "lost"],
    ["CONNECTION_DESTROYED", "lost"],
    ["57P01", "lost"],
    ["08006", "lost"],
    ["53300", "lost"],
    ["57014", "timeout"],
    ["55P03", "timeout"],
    ["42P01", "statement"],
    ["22003", "statement"],
  ] as const)("%s is %s", (code, fault) => {
    expect(classifyDatabaseError(withCode(code))).toBe(fault);
  });

  test("anything without a code is the statement's own fault", () => {
    expect(classifyDatabaseError(new Error("why"))).toBe("statement");
    expect(classifyDatabaseError("why")).toBe("statement");
  });
});
