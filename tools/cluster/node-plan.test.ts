import { describe, expect, test } from "bun:test";
import { chooseSubnet, quoteForShell } from "./cluster-up.ts";
import { parseImported } from "./containerd.ts";
import { planConfiguration } from "./kubelet.ts";
import { parseTakenSubnets } from "./node-network.ts";
import { firstSubnet, firstTestSubnet, nodeAddresses, nodeNames, planNode } from "./node-plan.ts";
import { findPathProblem, findRightsProblem } from "./preconditions.ts";

const plan = planNode({
  directory: "/data/cluster",
  subnet: 200,
  port: 26_443,
  syncFrequencySeconds: 1,
});

describe("addresses", () => {
  test("all of them lie in the range of the node", () => {
    const { linkPrefix: _, ...addresses } = nodeAddresses(207);
    for (const address of Object.values(addresses)) expect(address).toStartWith("10.207.");
  });

  test("the subnet is the first that the machine routes nowhere", () => {
    expect(chooseSubnet(new Set())).toBe(firstSubnet);
    expect(chooseSubnet(new Set([firstSubnet, firstSubnet + 1]))).toBe(firstSubnet + 2);
    const all = Array.from({ length: 256 }, (_, index) => index);
    expect(() => chooseSubnet(new Set(all))).toThrow("in use on this machine");
  });

  test("a person's node never takes what is for tests", () => {
    const persons = Array.from(
      { length: firstTestSubnet - firstSubnet },
      (_, n) => firstSubnet + n,
    );
    expect(() => chooseSubnet(new Set(persons))).toThrow();
  });

  test.each([
    ["default", []],
    ["192.168.1.0/24", []],
    ["10.201.3.0/24", [201]],
    ["10.202.0.7", [202]],
    ["10.200.0.0/15", [200, 201]],
    // A whole company's network: whoever routes all of 10.0.0.0/8 would have no cluster at all.
    ["10.0.0.0/8", []],
  ])("a route to %s takes %p", (destination, taken) => {
    expect([...parseTakenSubnets([destination])]).toEqual(taken);
  });

  test("the name of a link has room in the kernel's 15 characters", () => {
    expect(nodeNames(plan).link.length).toBeLessThanOrEqual(15);
  });
});

test("two nodes of one machine have control groups of their own", () => {
  const other = { ...plan, directory: "/data/other" };
  expect(planConfiguration(plan)).toMatchObject({ cgroupRoot: `/${nodeNames(plan).cgroup}` });
  expect(nodeNames(other).cgroup).not.toBe(nodeNames(plan).cgroup);
});

test("what containerd says it has loaded", () => {
  const said =
    "mestore.dev/operator:0.1.0          saved\napplication/vnd.oci.image.manifest.v1+json sha256:12\nImporting elapsed: 1.2 s";
  expect(parseImported(said)).toEqual(["mestore.dev/operator:0.1.0"]);
  const older = "unpacking mestore.dev/pause:1 (sha256:0ab1)...done";
  expect(parseImported(older)).toEqual(["mestore.dev/pause:1"]);
});

describe("rights", () => {
  const all = "Name:\tbun\nCapEff:\t000001ffffffffff\n";

  test("root with every capability may have a node", () => {
    expect(findRightsProblem(true, all)).toBeNull();
  });

  test("an ordinary user is told how", () => {
    expect(findRightsProblem(false, all)?.hint).toContain("sudo ./mestore cluster up --node");
  });

  test("root in a container without privileges is told what is missing", () => {
    // What Docker grants by default.
    const docker = "CapEff:\t00000000a80425fb\n";
    expect(findRightsProblem(true, docker)?.message).toContain("CAP_NET_ADMIN and CAP_SYS_ADMIN");
  });
});

describe("the directory of a node", () => {
  test("may have spaces and quotes in its path", () => {
    expect(findPathProblem("/home/me/my work/it's ours/.mestore/cluster")).toBeNull();
  });

  test.each([",", ":", '"', "\\", "\n"])("may not have %j, which no mount can name", (one) => {
    expect(findPathProblem(`/home/a${one}b/cluster`)).toContain(JSON.stringify(one));
  });
});

test("a path is printed as a shell takes it", () => {
  expect(quoteForShell("/home/me/.mestore/admin.kubeconfig")).toBe(
    "/home/me/.mestore/admin.kubeconfig",
  );
  for (const path of ["/my work/$HOME", "/it's; ours"])
    expect(Bun.spawnSync(["sh", "-c", `printf %s ${quoteForShell(path)}`]).stdout.toString()).toBe(
      path,
    );
});
