import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { debianPackageVersion, debianRelease, unpackDebianPackages } from "../pins/debian.ts";
import type { Component } from "./component.ts";
import { imageUser } from "./image-table.ts";
import type { LayerEntry } from "./layer.ts";

/** What every image holds beneath its program, from Debian packages. */

/** The loader, the C library, what it loads by name, and the roots of trust. */
export const basePackages = ["libc6", "libgcc-s1", "ca-certificates"] as const;

export interface PackageFiles {
  /** Directory with the unpacked files of all of them. */
  readonly root: string;
  readonly components: readonly Component[];
}

/** Apt takes a second to say what it would install: asked once a process for each package. */
const versions = new Map<string, Promise<string>>();

function versionOf(name: string): Promise<string> {
  const version = versions.get(name) ?? debianPackageVersion(name);
  versions.set(name, version);
  return version;
}

/** Unpacks Debian packages, and says which versions they are. @throws StackFault as pins/debian.ts */
export async function unpackPackages(
  packages: readonly string[],
  architecture: string,
): Promise<PackageFiles> {
  const [root, ...found] = await Promise.all([
    unpackDebianPackages(packages),
    ...packages.map((name) => versionOf(name)),
  ]);
  const [distribution] = debianRelease().split("-");
  const components = packages.map((name, place) => {
    const version = found[place] ?? "";
    const query = `arch=${architecture}&distro=${debianRelease()}`;
    return {
      name,
      version,
      license: null,
      purl: `pkg:deb/${distribution}/${name}@${encodeURIComponent(version)}?${query}`,
    };
  });
  return { root, components };
}

/** Users, name resolution, certificates, a place for temporary files, and whose work the packages are. */
export function createBaseEntries(
  packageRoot: string,
  packages: readonly string[],
): readonly LayerEntry[] {
  const { name, uid, gid } = imageUser;
  const file = (path: string, content: string | Uint8Array): LayerEntry => ({
    type: "file",
    path,
    mode: 0o644,
    content,
  });
  return [
    file(
      "etc/passwd",
      `root:x:0:0:root:/:/sbin/nologin\n${name}:x:${uid}:${gid}:${name}:/:/sbin/nologin\n`,
    ),
    file("etc/group", `root:x:0:\n${name}:x:${gid}:\n`),
    // Without it the C library asks DNS before /etc/hosts, where a kubelet writes hostAliases.
    file("etc/nsswitch.conf", "hosts: files dns\n"),
    file("etc/ssl/certs/ca-certificates.crt", joinCertificates(packageRoot)),
    { type: "directory", path: "tmp", mode: 0o1777 },
    ...packages.flatMap((name) => {
      const path = `usr/share/doc/${name}/copyright`;
      const source = join(packageRoot, path);
      // Some packages link the folder of another one that their source builds, too.
      return existsSync(source) ? [file(path, new Uint8Array(readFileSync(source)))] : [];
    }),
  ];
}

/** What `update-ca-certificates` would make of the package. */
function joinCertificates(packageRoot: string): string {
  const directory = join(packageRoot, "usr/share/ca-certificates");
  return globSync("mozilla/*.crt", { cwd: directory })
    .toSorted()
    .map((path) => `${readFileSync(join(directory, path), "utf8").trimEnd()}\n`)
    .join("");
}
