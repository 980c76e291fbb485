import { type GoModule, oldestGo } from "./table.ts";

/**
 * The go.mod of a module that exists only to build a pinned one.
 * @param stagedBy the go.mod of a module whose parts are published apart: it replaces them by
 * folders of its own, which a requirer does not see; here each is its published twin
 */
export function planGoMod(name: string, module: GoModule, stagedBy = ""): string {
  const lines = [`module mestore.dev/tools/${name}`, "", `go ${oldestGo}`];
  if (module.path !== null) lines.push("", `require ${module.path} v${module.version}`);
  const staged = [...stagedBy.matchAll(/(\S+) => \.\/staging\//g)];
  if (staged.length > 0) lines.push("");
  for (const [, path = ""] of staged)
    lines.push(`replace ${path} => ${path} ${stagedVersion(module.version)}`);
  return `${lines.join("\n")}\n`;
}

/** Kubernetes 1.36.3 is published in parts as v0.36.3. */
function stagedVersion(version: string): string {
  return `v${version.replace(/^1\./, "0.")}`;
}

/** Arguments of `go build` but for what is built and where it goes. */
export function planBuildArguments({ tags = [], stamps = {} }: GoModule): string[] {
  // Without symbol tables: a third of the size.
  const linker = [
    "-s",
    "-w",
    ...Object.entries(stamps).map(([name, value]) => `-X ${name}=${value}`),
  ];
  return [
    "-v",
    "-trimpath",
    ...(tags.length === 0 ? [] : ["-tags", tags.join(",")]),
    "-ldflags",
    linker.join(" "),
  ];
}
