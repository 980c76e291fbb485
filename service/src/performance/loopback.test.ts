import { describe, expect, test } from "bun:test";
import { isLocalRequest } from "./loopback.ts";

const none = new Headers();

describe("isLocalRequest", () => {
  test("loopback addresses of both families are local", () => {
    for (const address of ["127.0.0.1", "127.8.4.2", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"])
      expect([address, isLocalRequest(address, none)]).toEqual([address, true]);
  });

  test("others are not, nor is a peer that cannot be told", () => {
    for (const address of ["10.0.0.7", "192.168.1.1", "fe80::1", "::ffff:10.0.0.1", "::", "", null])
      expect([address, isLocalRequest(address, none)]).toEqual([address, false]);
    expect(isLocalRequest("127.0.0.1.example", none)).toBe(false);
    expect(isLocalRequest("1270.0.0.1", none)).toBe(false);
  });

  test("a proxy on this machine that speaks for somebody else is not local", () => {
    for (const name of ["forwarded", "X-Forwarded-For", "x-real-ip"])
      expect(isLocalRequest("127.0.0.1", new Headers({ [name]: "127.0.0.1" }))).toBe(false);
  });
});
