import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isRoot } from "../stack/paths.ts";
import { hasApt } from "./debian.ts";

setDefaultTimeout(120_000);

/** Packages fetched by the machine's own apt into a cache of the test's own. */
let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "mestore-debian-"));
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** What an expression comes to in a process that has that cache. */
async function evaluate(expression: string, command: readonly string[] = []): Promise<string> {
  const importOf = (names: string, file: string) =>
    `import { ${names} } from ${JSON.stringify(join(import.meta.dir, file))};`;
  const source = `
    ${importOf("debianPackageVersion, unpackDebianPackages", "debian.ts")}
    ${importOf("unpackDebianTool, debianToolPath, startWithLibraries", "debian-tool.ts")}
    ${importOf("tools", "table.ts")}
    console.log(${expression});`;
  const child = Bun.spawn([...command, process.execPath, "-e", source], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, complained] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(complained);
  return said.trim();
}

const run = (...words: string[]) => Bun.spawnSync(words).stdout.toString();

describe.skipIf(!hasApt())("a Debian package", () => {
  test("is unpacked once, whoever asks at the same time, and nothing of it is installed", async () => {
    const installed = () => run("dpkg-query", "-f", "${Package} ${Status}\n", "-W");
    const before = installed();
    const asked = 'await unpackDebianPackages(["conntrack"])';
    const [one, other] = await Promise.all([evaluate(asked), evaluate(asked)]);
    expect(one).toBe(other);
    expect(existsSync(join(one, "usr/sbin/conntrack"))).toBe(true);
    expect(readdirSync(dirname(one)).filter((name) => name.startsWith("partial-"))).toEqual([]);
    expect(installed()).toBe(before);
    const version = await evaluate('await debianPackageVersion("conntrack")');
    expect(version).toMatch(/^(\d+:)?\d/);
  });

  test("that there is none of is named", async () => {
    const asked = evaluate('await unpackDebianPackages(["mestore-no-such-package"])');
    await expect(asked).rejects.toThrow("mestore-no-such-package");
  });

  test("gives a tool that runs, with the libraries it links where the machine lacks them", async () => {
    const path = await evaluate(
      '(await unpackDebianTool("nft", tools.nft.source, {}), debianToolPath("nft"))',
    );
    expect(run(path, "--version")).toContain("nftables v");
    const file = readlinkSync(path);
    const libraries = await evaluate("await unpackDebianPackages(tools.nft.source.libraries)");
    const script = await evaluate(
      `startWithLibraries(${JSON.stringify(file)}, ${JSON.stringify(libraries)})`,
    );
    expect(run("/bin/sh", "-c", script.replace('"$@"', "--version"))).toContain("nftables v");
    // The unpacked ones are what it loads.
    const resolved = run("/bin/sh", "-c", script.replace(/exec .*/, `ldd '${file}'`));
    expect(resolved).toContain(`${libraries}/`);
  });

  test.skipIf(!isRoot)("is fetched where the machine has no package lists", async () => {
    // An empty directory over the lists, in a mount namespace that ends with the process.
    const hidden = ["unshare", "--mount", "sh", "-c"];
    const lists = join(cache, "empty");
    const path = await evaluate('await unpackDebianPackages(["libmnl0"])', [
      ...hidden,
      `mkdir -p ${lists}/partial && mount --bind ${lists} /var/lib/apt/lists && exec "$@"`,
      "sh",
    ]);
    expect(existsSync(join(path, "usr/share/doc/libmnl0"))).toBe(true);
  });
});
