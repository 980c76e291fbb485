import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toolsOf } from "../checks/suite-tools.ts";
import { repositoryRoot } from "../stack/paths.ts";
import { goModules, goWheel, oldestGo, toolNames, tools } from "./table.ts";
import { fitsVersion, parseVersion } from "./version.ts";

const sources = toolNames.map((name) => ({ name, source: tools[name].source }));

test("a program of a module lies in that module, and its stamps name its version", () => {
  for (const { name, source } of sources) {
    if (source.kind !== "go") continue;
    const { path, stamps = {}, version } = goModules[source.module];
    if (path === null) {
      expect(existsSync(join(import.meta.dir, source.module, "main.go"))).toBe(true);
      continue;
    }
    expect(`${source.importPath}/`).toStartWith(`${path}/`);
    for (const [variable, value] of Object.entries(stamps))
      if (/(version\.version|[vV]ersion\.Version|gitVersion|main\.version)$/.test(variable))
        expect(`${name} ${value.replace(/^v/, "")}`).toBe(`${name} ${releaseOf(name, version)}`);
  }
});

/** Prometheus 3.15.0 is module 0.315.0. */
function releaseOf(name: string, version: string): string {
  return ["prometheus", "promtool"].includes(name)
    ? version.replace(/^0\.(\d)(\d\d)\./, "$1.$2.")
    : version;
}

test("what is built fits what is looked for on PATH", () => {
  for (const { name, source } of sources) {
    const { present } = tools[name];
    if (source.kind === "go" && present?.kind === "program")
      expect(fitsVersion(goModules[source.module].version, present.range)).toBe(true);
  }
});

test("the wheel's Go is new enough", () => {
  expect(fitsVersion(parseVersion(goWheel), `>=${oldestGo}`)).toBe(true);
});

test("the gate on a bare machine installs the packages that the suites' tools come from", () => {
  const script = readFileSync(join(repositoryRoot, ".ci", "run"), "utf8");
  for (const { name, source } of sources)
    if (source.kind === "debian" && Object.values(toolsOf).some((used) => used.includes(name)))
      expect(script).toMatch(new RegExp(`^${source.package} `, "m"));
});
