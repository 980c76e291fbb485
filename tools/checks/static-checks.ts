import { dirname, join } from "node:path";
import type { Command } from "./run-command.ts";

/** The checks of the fast suite that look at the tree without running it; each counts as one. */
export interface StaticCheck {
  readonly name: string;
  readonly command: Command;
}

/** @param root of the checkout; `node_modules` must be there */
export function createStaticChecks(root: string): readonly StaticCheck[] {
  const bun = process.execPath;
  return [
    { name: "format", command: { words: [bun, "fmt", "--no-script", "--check"], cwd: root } },
    {
      name: "lint",
      command: {
        // By Bun itself: a machine that has Bun need not have Node.
        words: [bun, join(root, "node_modules/oxlint/bin/oxlint"), "--type-aware"],
        cwd: root,
        env: { OXLINT_TSGOLINT_PATH: findTypeAwareLinter() },
      },
    },
    { name: "types", command: { words: [bun, "check", "--no-script"], cwd: root } },
  ];
}

/** The program behind oxlint's type-aware rules; its launcher in `.bin` would need Node. */
function findTypeAwareLinter(): string {
  const launcher = Bun.resolveSync("oxlint-tsgolint/package.json", import.meta.dir);
  const { platform, arch } = process;
  return Bun.resolveSync(`@oxlint-tsgolint/${platform}-${arch}/tsgolint`, dirname(launcher));
}
