import { expect, test } from "bun:test";
import { fitsVersion, parseVersion } from "./version.ts";

test.each([
  ["Kubernetes v1.36.3", "1.36.3"],
  ["etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8", "3.4.23"],
  ["runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1", "1.1.5"],
  ["nftables v1.0.6 (Lester Gooch #5)", "1.0.6"],
  ["conntrack v1.4.7 (conntrack-tools)", "1.4.7"],
  ["prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0)", "2.42.0"],
  ["containerd github.com/containerd/containerd/v2 2.3.5 ", "2.3.5"],
  ["containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1", "1.6.20"],
  ["containerd-shim-runc-v2:\n  Version:  2.3.5\n  Revision: \n  Go version: go1.26.8", "2.3.5"],
  ["CoreDNS-1.15.0\nlinux/amd64, go1.26.8, ", "1.15.0"],
  ["kwok version v0.8.0 go1.26.8 (linux/amd64)", "0.8.0"],
  ["v3.22.0+gabcdef", "3.22.0"],
  ["v4.3", "4.3.0"],
  ["go version go1.26.8 linux/amd64", "1.26.8"],
  ["kube-score version: 1.20.0, commit: N/A, built: N/A", "1.20.0"],
  ["development", null],
  ["", null],
])("%j tells %p", (text, version) => {
  expect(parseVersion(text)).toBe(version);
});

test("any version fits where there is no range, none does where it is not told", () => {
  expect(fitsVersion(null, undefined)).toBe(true);
  expect(fitsVersion(null, "1.36.x")).toBe(false);
  expect(fitsVersion("1.36.9", "1.36.x")).toBe(true);
  expect(fitsVersion("1.37.0", "1.36.x")).toBe(false);
  expect(fitsVersion("3.10.0", ">=3.4.0")).toBe(true);
  expect(fitsVersion("3.3.25", ">=3.4.0")).toBe(false);
});
