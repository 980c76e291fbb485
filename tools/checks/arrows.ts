import { posix } from "node:path";
import {
  arrows,
  mayImport,
  packageFolders,
  packageOf,
  type Place,
  placeOf,
  registryPackages,
} from "./rooms.ts";
import type { SourceFacts } from "./source.ts";
import { isTestCode } from "./suites.ts";
import type { Violation } from "./violation.ts";

/** Everything that is imported against the arrows of docs/architecture.md. */
export function checkArrows(files: readonly SourceFacts[]): Violation[] {
  return files.flatMap(checkFile);
}

function checkFile(file: SourceFacts): Violation[] {
  const { path } = file;
  const from = placeOf(path);
  if (from === undefined)
    return [{ path, line: 1, message: "stands outside every package of the workspace" }];
  const violations: Violation[] = [];
  if (!isTestCode(path) && arrows[from.room] === undefined)
    violations.push({ path, line: 1, message: `${from.room} is no room of the architecture` });
  for (const { specifier, line } of file.imports) {
    const message =
      specifier === null
        ? describeComputed(from)
        : describeImport(path, from, resolveImport(path, specifier));
    if (message !== undefined) violations.push({ path, line, message });
  }
  return violations;
}

/** What an import leads to. */
export type Target =
  | { readonly kind: "place"; readonly place: Place; readonly path: string }
  | { readonly kind: "outside"; readonly path: string }
  /** Of the registry, or of the runtime (`node:fs`, `bun`). */
  | { readonly kind: "package"; readonly name: string };

export function resolveImport(path: string, specifier: string): Target {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    const place = placeOf(target);
    return place === undefined
      ? { kind: "outside", path: target }
      : { kind: "place", place, path: target };
  }
  const workspace = /^@mestore\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  const folder = packageFolders[workspace?.[1] ?? ""];
  if (workspace === null || folder === undefined)
    return { kind: "package", name: nameOf(specifier) };
  const target = `${folder}/${workspace[2] ?? "index"}`;
  const place = placeOf(target);
  return place === undefined
    ? { kind: "outside", path: target }
    : { kind: "place", place, path: target };
}

function nameOf(specifier: string): string {
  const [first = "", second = ""] = specifier.split("/");
  return specifier.startsWith("@") ? `${first}/${second}` : first;
}

function describeComputed(from: Place): string | undefined {
  return from.room === "tools"
    ? undefined
    : "imports what is computed at run time; an import is a literal, so that its arrow can be seen";
}

function describeImport(path: string, from: Place, target: Target): string | undefined {
  switch (target.kind) {
    case "outside":
      return `imports ${target.path}, outside every package of the workspace`;
    case "package":
      return describePackage(path, from, target.name);
    case "place":
      if (!isTestCode(path) && isTestCode(target.path))
        return `imports ${target.path}: only tests import test code`;
      if (mayImport(from, target.place)) return undefined;
      if (isTestCode(path) && mayTestImport(from, target.place)) return undefined;
      return describeArrow(from, target.place, isTestCode(path));
  }
}

function describePackage(path: string, from: Place, name: string): string | undefined {
  const allowed = registryPackages[from.room];
  if (allowed === undefined || allowed.includes(name) || isTestCode(path)) return undefined;
  const list = allowed.length === 0 ? "nothing" : `only ${allowed.join(", ")}`;
  return `imports ${name}: ${from.room} imports ${list} from outside the workspace`;
}

/** What tests may use of tools: real stores, a real control plane, the programs for both. */
const testTools = ["stack", "cluster", "pins"] as const;

/** Tests reach for anything of their own program, for what its rooms use, and for `testTools`. */
function mayTestImport(from: Place, to: Place): boolean {
  const own = packageOf(from.room);
  if (own === packageOf(to.room)) return true;
  if (to.room === "tools") return testTools.some((folder) => to.module.startsWith(`${folder}/`));
  return Object.keys(arrows).some(
    (room) => packageOf(room) === own && mayImport({ room, module: "" }, to),
  );
}

function describeArrow(from: Place, to: Place, isTest: boolean): string {
  const [source, target] = [from.room, to.module === "" ? to.room : `${to.room}/${to.module}`];
  const allowed = (arrows[from.room] ?? []).map(sayArrow).join(", ");
  const rule =
    to.room.endsWith("/main") || to.room === "tools" || to.room === "bench"
      ? "nobody imports tools, bench or a main"
      : isOtherProgram(from, to)
        ? "the programs never import each other"
        : isTest
          ? `a test may import its program, what that uses, and of tools ${testTools.join(", ")}`
          : `${source} may import ${allowed === "" ? "nothing" : allowed}`;
  return `${source} imports ${target}: ${rule}`;
}

function isOtherProgram(from: Place, to: Place): boolean {
  const pair = [packageOf(from.room), packageOf(to.room)];
  return pair.includes("service") && pair.includes("operator");
}

function sayArrow(arrow: string): string {
  return arrow.replace(":", "/");
}
