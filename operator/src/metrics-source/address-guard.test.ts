import { describe, expect, test } from "bun:test";
import { createAddressGuard } from "./address-guard.ts";

const admits = (allow: readonly string[], url: string) =>
  createAddressGuard(allow).admit(new URL(url)).ok;

function admitsAddress(allow: readonly string[], url: string, address: string): boolean {
  const admission = createAddressGuard(allow).admit(new URL(url));
  return admission.ok && admission.admitsAddress(address);
}

test("nothing is allowed that no entry names", () => {
  expect(admits([], "http://prometheus:9090")).toBe(false);
});

describe("entries", () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      "prometheus.monitoring",
      [
        "http://prometheus.monitoring:9090/",
        "https://PROMETHEUS.monitoring",
        "http://prometheus.monitoring.:1",
      ],
      [
        "http://prometheus.monitoring.evil.example",
        "http://prometheus",
        "http://xprometheus.monitoring",
      ],
    ],
    [
      "prometheus:9090",
      ["http://prometheus:9090", "https://prometheus:9090/api"],
      ["http://prometheus", "http://prometheus:90", "http://prometheus:19090"],
    ],
    ["prometheus:80", ["http://prometheus"], ["https://prometheus"]],
    [
      "*.monitoring.svc",
      ["http://a.monitoring.svc", "http://a.b.monitoring.svc:1"],
      ["http://monitoring.svc", "http://amonitoring.svc", "http://a.monitoring.svc.evil.example"],
    ],
    [
      "https://mimir.example/prometheus",
      ["https://mimir.example/prometheus", "https://mimir.example/prometheus/api/v1/query"],
      [
        "http://mimir.example/prometheus",
        "https://mimir.example/prometheus2",
        "https://mimir.example/",
        "https://mimir.example:8443/prometheus",
        "https://mimir.example/prometheus/../admin",
      ],
    ],
    ["http://mimir.example:8080/", ["http://mimir.example:8080/api"], ["http://mimir.example/api"]],
    ["10.1.2.3", ["http://10.1.2.3:9090", "http://0x0a010203:9090"], ["http://10.1.2.4"]],
    [
      "[fd12::1]:9090",
      ["http://[fd12::1]:9090"],
      ["http://[fd12::1]:9091", "http://[fd12::2]:9090"],
    ],
    ["*", ["http://anything", "https://10.0.0.1"], ["ftp://anything"]],
  ];
  for (const [entry, admitted, refused] of cases)
    test(entry, () => {
      expect(admitted.filter((url) => !admits([entry], url))).toEqual([]);
      expect(refused.filter((url) => admits([entry], url))).toEqual([]);
    });

  for (const entry of [
    "",
    "a b",
    "http://",
    "ftp://a",
    "a/b",
    "a:b",
    "*.",
    "a*.b",
    "http://u:p@a",
    "http://a?b",
    "prometheus/",
  ])
    test(`${JSON.stringify(entry)} is malformed`, () =>
      expect(() => createAddressGuard([entry])).toThrow("is no address"));
});

test("an address never carries credentials", () => {
  expect(admits(["prometheus"], "http://u:p@prometheus")).toBe(false);
  expect(admits(["prometheus"], "http://u@prometheus")).toBe(false);
});

const local = [
  "127.0.0.1",
  "127.8.8.8",
  "0.0.0.0",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "100.100.100.200",
  "192.0.0.192",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:169.254.169.254",
  "::ffff:7f00:1",
  "fe80::1",
  "fe80::1%eth0",
  "ff02::1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::7f00:1",
  "64:ff9b:1:ffff::1",
  "::127.0.0.1",
  "::7f00:1",
  "::ffff:0:127.0.0.1",
  "::ffff:0:7f00:1",
  "2002:7f00:1::",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "fec0::1",
  "168.63.129.16",
  "fd00:ec2::254",
  "not an address",
];
const far = [
  "10.0.0.1",
  "192.168.1.1",
  "203.0.113.9",
  "2001:db8::1",
  "fd12:3456::1",
  "::ffff:10.0.0.1",
];

describe("what a name resolves to", () => {
  for (const allow of ["*", "*.svc"])
    test(`${allow}: no address of the pod, the node or the cloud's metadata`, () => {
      const url = "http://prometheus.svc";
      expect(local.filter((address) => admitsAddress([allow], url, address))).toEqual([]);
      expect(far.filter((address) => !admitsAddress([allow], url, address))).toEqual([]);
    });

  test("whoever names a host means it", () => {
    for (const allow of ["prometheus.svc", "prometheus.svc:80", "http://prometheus.svc"])
      expect(admitsAddress(["*", allow], "http://prometheus.svc", "127.0.0.1")).toBe(true);
  });
});
