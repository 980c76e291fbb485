import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { debianRelease, parsePolicy } from "./debian.ts";
import { findSpaceProblem, goToolPath } from "./go-build.ts";
import { readBirth } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { putInPlace, workInCache } from "./room.ts";
import { runStep } from "./run-step.ts";
import { findProblem, lookUpTool, planErrands } from "./tool.ts";

let directory: string;
let env: Readonly<Record<string, string>>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mestore-pins-"));
  env = { PATH: join(directory, "bin"), XDG_CACHE_HOME: join(directory, "cache") };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A program that says so, in the place of one that a machine may have. */
function put(path: string, says: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("a tool is looked for", () => {
  test("on PATH first, where the version fits", () => {
    put(goToolPath("kube-apiserver", "kubernetes", env), "Kubernetes v1.36.3");
    const path = put(join(directory, "bin", "kube-apiserver"), "Kubernetes v1.36.9");
    expect(lookUpTool("kube-apiserver", env)).toEqual({
      name: "kube-apiserver",
      path,
      origin: "machine",
    });
  });

  test("in the cache where the one on PATH does not fit", () => {
    put(join(directory, "bin", "kube-apiserver"), "Kubernetes v1.31.2");
    expect(lookUpTool("kube-apiserver", env)).toBeNull();
    const path = put(goToolPath("kube-apiserver", "kubernetes", env), "Kubernetes v1.36.3");
    expect(lookUpTool("kube-apiserver", env)).toMatchObject({ path, origin: "cache" });
  });

  test("under each of its names", () => {
    const helm = put(join(directory, "bin", "helm"), "v3.19.0+g1234567");
    expect(lookUpTool("helm3", env)?.path).toBe(helm);
    expect(lookUpTool("helm4", env)).toBeNull();
    const helm4 = put(join(directory, "bin", "helm4"), "v4.0.1+g1234567");
    expect(lookUpTool("helm4", env)?.path).toBe(helm4);
  });

  test("and not taken when it does not run", () => {
    writeFileSync(put(join(directory, "bin", "helm4"), ""), "no program at all");
    expect(lookUpTool("helm4", env)).toBeNull();
  });
});

test("what comes from one package or module is fetched or built at once, downloads first", () => {
  expect(planErrands(["kubelet", "kwok", "etcd", "kube-proxy"])).toEqual([
    { kind: "debian", package: "etcd-server", names: ["etcd"] },
    { kind: "go", module: "kubernetes", names: ["kubelet", "kube-proxy"] },
    { kind: "go", module: "kwok", names: ["kwok"] },
  ]);
  expect(planErrands([])).toEqual([]);
});

test("the release is told apart from others, with or without a number", () => {
  expect(debianRelease('PRETTY_NAME="x"\nID=debian\nVERSION_ID="12"\n')).toBe("debian-12");
  expect(debianRelease("ID=debian\nVERSION_CODENAME=forky\n")).toBe("debian-forky");
  expect(debianRelease("")).toBe("linux-rolling");
});

test("the version that apt would install is read, none for what it does not know", () => {
  const policy = `prometheus:
  Installed: (none)
  Candidate: 2.42.0+ds-5+deb12u1
  Version table:
     2.42.0+ds-5+deb12u1 500
        500 http://mirror.example bookworm/main amd64 Packages
conntrack:
  Installed: 1:1.4.7-1+b2
  Candidate: 1:1.4.7-1+b2
chromium-next:
  Installed: (none)
  Candidate: (none)
`;
  expect([...parsePolicy(policy)]).toEqual([
    ["prometheus", "2.42.0+ds-5+deb12u1"],
    ["conntrack", "1:1.4.7-1+b2"],
  ]);
});

describe("a program that was brought", () => {
  const present = { kind: "program", programs: ["nft"], versionArguments: ["--version"] } as const;

  test("is taken when it runs, whatever its version where any does", () => {
    const path = put(join(directory, "nft"), "nft v1.0.6");
    expect(findProblem(path, present)).toBeNull();
    expect(findProblem(path, { ...present, range: ">=2" })).toBe("has another version (1.0.6)");
  });

  test("is refused when it does not run", () => {
    const path = put(join(directory, "nft"), "nft");
    for (const text of ["no program at all", "#!/no/such/shell\n", "#!/bin/sh\nexit 127\n"]) {
      writeFileSync(path, text);
      expect(findProblem(path, present)).toBe("does not run here");
    }
    writeFileSync(path, "#!/bin/sh\nkill -SEGV $$\n");
    expect(findProblem(path, present)).toBe("does not run here");
  });
});

test("a disk that is too small for a build is told before it", () => {
  expect(findSpaceProblem(12 * 2 ** 30, 12 * 2 ** 30, "/cache")).toBeNull();
  expect(findSpaceProblem(5 * 2 ** 30, 12 * 2 ** 30, "/cache")).toBe(
    "to build it takes up to 12.0 GiB in /cache for a while, and 5.0 GiB are free",
  );
});

describe("work in the cache", () => {
  test("takes turns, so that the second finds what the first has made", async () => {
    const target = join(directory, "tools", "x-1");
    const made: string[] = [];
    const waited: string[] = [];
    const build = (name: string) =>
      workInCache(
        join(directory, "tools"),
        async (room) => {
          if (readdirSync(join(directory, "tools")).includes("x-1")) return;
          mkdirSync(join(room, "x"));
          await Bun.write(join(room, "x", "x"), name);
          made.push(name);
          putInPlace(join(room, "x"), target);
        },
        () => waited.push(name),
      );
    await Promise.all([build("first"), build("second")]);
    expect(made).toEqual(["first"]);
    expect(waited).toEqual(["second"]);
    expect(readdirSync(join(directory, "tools")).toSorted()).toEqual(["lock", "x-1"]);
  });

  test("leaves nothing half made behind, not even of a process that was killed", async () => {
    mkdirSync(join(directory, "partial-of-a-killed-one"));
    const failing = workInCache(directory, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(readdirSync(directory)).toEqual(["lock"]);
  });
});

test("what only building needs can be removed, once", () => {
  const go = join(directory, "cache", "mestore", "go");
  for (const name of ["mod/example.org", "build", "path", "partial-of-a-killed-one"])
    mkdirSync(join(go, name), { recursive: true });
  const expression = `(await import(${JSON.stringify(join(import.meta.dir, "go-build.ts"))})).removeGoCaches()`;
  const remove = () =>
    Bun.spawnSync([process.execPath, "-p", `await ${expression}`], {
      env: { ...process.env, ...env },
    })
      .stdout.toString()
      .trim();
  expect(remove()).toBe("true");
  expect(readdirSync(go)).toEqual(["lock"]);
  expect(remove()).toBe("false");
});

describe("a step that fails", () => {
  const failure = { what: "the step failed", hint: "try again" };
  const shell = (script: string) => ({ words: ["/bin/sh", "-c", script], cwd: "/" });

  test("says what and quotes the program's last lines", async () => {
    const step = runStep(shell("echo early; seq 20; exit 3"), failure);
    await expect(step).rejects.toMatchObject({ code: "INSTALL_FAILED", hint: "try again" });
    const { message } = (await step.catch((error: Error) => error)) as Error;
    expect(message).toStartWith("the step failed:\n13\n");
  });

  test("is a full disk when the program says so", async () => {
    const full = runStep(shell("echo 'write x: no space left on device' >&2; exit 1"), failure);
    await expect(full).rejects.toMatchObject({ code: "DISK_FULL" });
  });

  test("ends what it has started, too: no compiler outlives an interruption", async () => {
    const stop = new AbortController();
    let compiler = 0;
    const build = runStep(
      { ...shell("tail -f /dev/null & echo $!; wait"), withDescendants: true },
      failure,
      {
        signal: stop.signal,
        onLine(line) {
          compiler = Number(line);
          stop.abort();
        },
      },
    );
    await expect(build).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(compiler).toBeGreaterThan(0);
    await waitFor(() => readBirth(compiler) === null, { what: "the compiler to end" });
  });

  test("ends with an interruption", async () => {
    const interrupted = runStep(shell("exec tail -f /dev/null"), failure, {
      signal: AbortSignal.abort(),
    });
    await expect(interrupted).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
