import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../checks/run-command.ts";
import { StackFault } from "../stack/fault.ts";
import type { LayerEntry } from "./layer.ts";
import type { LibraryLayout } from "./platform.ts";

/** The shared libraries of an image: what its programs load, found by the loader that will load them. */

/** glibc opens it by name when a thread ends early, without being linked with it. */
const loadedByName = ["libgcc_s.so.1"];

export interface LibraryQuestion {
  /** Executables and modules of the image. */
  readonly binaries: readonly string[];
  /** Unpacked Debian packages. */
  readonly packageRoot: string;
  /** Libraries under it come with the program, beside which they stay. */
  readonly ownRoot?: string;
  readonly layout: LibraryLayout;
}

/**
 * The loader and every library that the binaries need from the packages, at the paths that Debian's
 * loader searches. Whether the release unpacks to `/lib` or to `/usr/lib` makes no difference.
 * @throws StackFault INSTALL_FAILED naming a library that the packages lack
 */
export async function collectLibraries(question: LibraryQuestion): Promise<readonly LayerEntry[]> {
  const { binaries, packageRoot, ownRoot, layout } = question;
  const directories = [`lib/${layout.triplet}`, `usr/lib/${layout.triplet}`].map((path) =>
    join(packageRoot, path),
  );
  const findLibrary = (name: string) => {
    const found = directories.map((path) => join(path, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    throw new StackFault("INSTALL_FAILED", `the packages in ${packageRoot} have no ${name}`);
  };
  const loaderName = layout.loader.slice(layout.loader.lastIndexOf("/") + 1);
  const loader = findLibrary(loaderName);
  const found = new Map([loaderName, ...loadedByName].map((name) => [name, findLibrary(name)]));
  for (const binary of binaries) {
    const words = ["--inhibit-cache", "--library-path", directories.join(":"), "--list", binary];
    const { exitCode, output } = await runCommand(
      { words: [loader, ...words], cwd: "/" },
      new AbortController().signal,
    );
    if (exitCode !== 0)
      throw new StackFault("INSTALL_FAILED", `the loader refuses ${binary}: ${output.trim()}`);
    for (const { name, path } of parseLoaded(output)) {
      if (path?.startsWith(packageRoot) === true) found.set(name.replace(/.*\//, ""), path);
      else if (ownRoot === undefined || path?.startsWith(ownRoot) !== true)
        throw new StackFault(
          "INSTALL_FAILED",
          `${binary} needs ${name}, which is in none of the packages of its image`,
        );
    }
  }
  const place = `lib/${layout.triplet}`;
  return [
    ...[...found].map(([name, path]) => ({
      type: "file" as const,
      path: `${place}/${name}`,
      mode: 0o755,
      content: new Uint8Array(readFileSync(path)),
    })),
    { type: "symlink", path: layout.loader, target: `/${place}/${loaderName}` },
  ];
}

export interface LoadedLibrary {
  /** As the binary asks for it. */
  readonly name: string;
  /** Where the loader found it; null where it did not. */
  readonly path: string | null;
}

/** Reads what `ld.so --list` prints: `libm.so.6 => /lib/…/libm.so.6 (0x00007f…)`. */
export function parseLoaded(output: string): readonly LoadedLibrary[] {
  return output.split("\n").flatMap((line) => {
    const [, name, path] = /^\t(\S+) => (not found|\S+)/.exec(line) ?? [];
    if (name === undefined || path === undefined) return [];
    return [{ name, path: path === "not found" ? null : path }];
  });
}
