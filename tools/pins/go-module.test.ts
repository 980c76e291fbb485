import { expect, test } from "bun:test";
import { planBuildArguments, planGoMod } from "./go-module.ts";
import { goModules } from "./table.ts";

test("what Kubernetes replaces by its own folders is replaced by what is published of them", () => {
  const kubernetes = `module k8s.io/kubernetes

go 1.26.0

require (
	k8s.io/api v0.0.0
	sigs.k8s.io/yaml v1.6.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/client-go => ./staging/src/k8s.io/client-go
)
`;
  const module = { path: "k8s.io/kubernetes", version: "1.36.3" };
  expect(planGoMod("kubernetes", module, kubernetes)).toBe(`module mestore.dev/tools/kubernetes

go 1.26.4

require k8s.io/kubernetes v1.36.3

replace k8s.io/api => k8s.io/api v0.36.3
replace k8s.io/client-go => k8s.io/client-go v0.36.3
`);
});

test("a program of this tree requires nothing", () => {
  expect(planGoMod("pause", goModules.pause)).toBe("module mestore.dev/tools/pause\n\ngo 1.26.4\n");
});

test("a build carries tags, and stamps the program with its version", () => {
  const [tags, stamps] = [["no_zfs", "no_aufs"], { "main.version": "v1" }];
  expect(planBuildArguments({ path: "example.org/x", version: "1", tags, stamps })).toEqual([
    "-v",
    "-trimpath",
    "-tags",
    "no_zfs,no_aufs",
    "-ldflags",
    "-s -w -X main.version=v1",
  ]);
});
