import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findProgram } from "../stack/find-program.ts";
import { findFreePort } from "../stack/free-port.ts";
import { cacheDirectory, isRoot, repositoryRoot } from "../stack/paths.ts";
import { isAlive } from "../stack/process.ts";
import { loadState } from "../up/state.ts";
import { finish } from "./launched.ts";

/**
 * `./mestore` itself, in a clone under a directory that only its owner may enter. The clone shares
 * the packages of this checkout; its own are a few links.
 */
setDefaultTimeout(90_000);

let room: string;
let clone: string;

beforeAll(() => {
  room = realpathSync(mkdtempSync(join(tmpdir(), "mestore-clone-")));
  chmodSync(room, 0o700);
  clone = join(room, "clone");
  const skipped = new Set(
    ["node_modules", ".git", ".mestore"].map((name) => join(repositoryRoot, name)),
  );
  cpSync(repositoryRoot, clone, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !skipped.has(source),
  });
  const packages = join(repositoryRoot, "node_modules");
  mkdirSync(join(clone, "node_modules"));
  for (const name of readdirSync(packages))
    if (name !== ".installed-lock")
      symlinkSync(join(packages, name), join(clone, "node_modules", name));
  copyFileSync(join(clone, "bun.lock"), join(clone, "node_modules", ".installed-lock"));
});

afterAll(async () => {
  // Where a root clone keeps its PostgreSQL follows from where the clone is; ask the clone.
  const ask = `import { rootRoom } from ${JSON.stringify(join(clone, "tools/stack/paths.ts"))}; console.log(rootRoom)`;
  const rootRoom = (await Bun.$`${process.execPath} -e ${ask}`.text()).trim();
  if (isRoot) rmSync(rootRoom, { recursive: true, force: true });
  rmSync(room, { recursive: true, force: true });
});

interface Launch {
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function launch({ command = join(clone, "mestore"), args, env }: Launch) {
  return finish(
    Bun.spawn([command, ...args], {
      cwd: "/",
      env: { ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000,
      killSignal: "SIGKILL",
    }),
  );
}

const system = "/usr/bin:/bin";

/** A directory with the Bun that runs this test under its usual name. */
function bunDirectory(): string {
  const directory = join(room, "bun");
  mkdirSync(directory, { recursive: true });
  try {
    symlinkSync(process.execPath, join(directory, "bun"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return directory;
}

describe("with nothing in the environment but PATH", () => {
  test("it works from another directory and through a symbolic link", async () => {
    const link = join(room, "link");
    symlinkSync("clone/mestore", link);
    const { exitCode, output } = await launch({
      command: link,
      args: ["--help"],
      env: { PATH: `${bunDirectory()}:${system}` },
    });
    expect(output).toContain("Usage: mestore");
    expect(exitCode).toBe(0);
  });

  test("everything comes up and goes down, root and 0700 directory or not", async () => {
    const env = {
      PATH: `${bunDirectory()}:${system}`,
      // What was downloaded already need not be downloaded again.
      XDG_CACHE_HOME: dirname(cacheDirectory()),
    };
    const port = await findFreePort();
    const args = ["up", "--detach", "--products", "200", "--port", String(port)];
    const up = await launch({ args, env });
    expect(up).toMatchObject({ exitCode: 0 });
    const parts = Object.values(loadState(join(clone, ".mestore", "state.json")).parts);
    expect(parts.map((part) => isAlive(part))).toEqual([true, true, true, true]);
    const page = await fetch(`http://127.0.0.1:${port}/api/v1/products?limit=1`);
    expect(page.status).toBe(200);
    expect(await launch({ args: ["down"], env })).toMatchObject({ exitCode: 0 });
    expect(parts.filter((part) => isAlive(part))).toEqual([]);
  });
});

test("without even a PATH in the environment, what it hands over to has a PATH", async () => {
  // In the place of Bun a script that tells what it was given.
  const cache = join(room, "pathless-cache");
  const version = readFileSync(join(clone, ".bun-version"), "utf8").trim();
  const bun = join(cache, "mestore", `bun-${version}`, "bun");
  mkdirSync(dirname(bun), { recursive: true });
  writeFileSync(bun, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || env\n`);
  chmodSync(bun, 0o755);
  const { exitCode, output } = await launch({ args: ["up"], env: { XDG_CACHE_HOME: cache } });
  expect(exitCode).toBe(0);
  expect(output).toMatch(/^PATH=\/usr\/local\/bin:\/opt\/homebrew\/bin:\/usr\/bin:\/bin:/m);
  rmSync(bun);
  symlinkSync(process.execPath, bun);
  const help = await launch({ args: ["--help"], env: { XDG_CACHE_HOME: cache } });
  expect(help).toMatchObject({ exitCode: 0 });
});

/**
 * Bun is fetched by npm. The npm here is a fake, because the real one needs the network: it puts the
 * Bun that runs this test where npm would put the package's.
 */
describe("without Bun", () => {
  const tools = [
    "dirname",
    "readlink",
    "tr",
    "id",
    "mkdir",
    "uname",
    "mktemp",
    "rm",
    "mv",
    "tail",
    "cmp",
    "cp",
  ];

  function systemWithout(name: string, npm: string | null): { path: string; cache: string } {
    const path = join(room, name);
    mkdirSync(path);
    for (const tool of tools) symlinkSync(findProgram(tool) as string, join(path, tool));
    if (npm !== null) {
      writeFileSync(join(path, "npm"), npm);
      chmodSync(join(path, "npm"), 0o755);
    }
    return { path, cache: join(room, `${name}-cache`) };
  }

  /** `npm install --prefix ROOM … @oven/PACKAGE@VERSION` */
  const fakeNpm = (binary: string) => `#!/bin/sh
for last; do :; done
package=\${last%@*}
mkdir -p "$3/node_modules/$package/bin"
cp ${binary} "$3/node_modules/$package/bin/bun"
`;

  test("two at once both install it and both run", async () => {
    const { path, cache } = systemWithout("npm", fakeNpm(process.execPath));
    const env = { PATH: path, XDG_CACHE_HOME: cache };
    const results = await Promise.all([
      launch({ args: ["--help"], env }),
      launch({ args: ["--help"], env }),
    ]);
    for (const { exitCode, output } of results) {
      expect(output).toContain("Usage: mestore");
      expect(exitCode).toBe(0);
    }
    const version = readFileSync(join(clone, ".bun-version"), "utf8").trim();
    expect(readdirSync(join(cache, "mestore"))).toEqual([`bun-${version}`]);
  });

  test("without npm it names what brings it", async () => {
    const { path, cache } = systemWithout("bare", null);
    const { exitCode, output } = await launch({
      args: ["up"],
      env: { PATH: path, XDG_CACHE_HOME: cache },
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("apt-get install -y npm python3-venv");
  });

  test("a Bun that does not run here is said so, and npm's own failure is shown", async () => {
    const broken = systemWithout("broken", fakeNpm("/dev/null"));
    const one = await launch({
      args: ["up"],
      env: { PATH: broken.path, XDG_CACHE_HOME: broken.cache },
    });
    expect(one.exitCode).toBe(1);
    expect(one.output).toContain("does not run here");
    const failing = systemWithout(
      "failing",
      "#!/bin/sh\necho 'npm error code ENOSPC' >&2\nexit 1\n",
    );
    const two = await launch({
      args: ["up"],
      env: { PATH: failing.path, XDG_CACHE_HOME: failing.cache },
    });
    expect(two.exitCode).toBe(1);
    expect(two.output).toContain("npm error code ENOSPC");
    expect(readdirSync(join(failing.cache, "mestore"))).toEqual([]);
  });
});
