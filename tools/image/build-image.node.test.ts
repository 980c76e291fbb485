import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Redis from "ioredis";
import postgres from "postgres";
import { findFreePort } from "../stack/free-port.ts";
import { cacheDirectory, repositoryRoot } from "../stack/paths.ts";
import { useStores } from "../stack/test-stores.ts";
import { waitFor } from "../stack/wait-for.ts";
import { readArchive } from "./archive.ts";
import { buildImage, type ImageResult } from "./build-image.ts";
import { executableName } from "./compile-program.ts";
import { type ImageName, imageUser, programNames } from "./image-table.ts";
import { type ImageProcess, type ImageRoot, unpackImage } from "./image-root.fixture.ts";
import { digestOf } from "./oci.ts";

/** Images are built, unpacked, and their programs run from what is in them and nothing else. */

setDefaultTimeout(120_000);

let room: string;
const roots: ImageRoot[] = [];
const running: ImageProcess[] = [];

beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "mestore-images-"));
});

afterAll(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const root of roots) root.remove();
  rmSync(room, { recursive: true, force: true });
});

interface OpenImage {
  readonly image: ImageResult;
  readonly root: ImageRoot;
}

const opened = new Map<ImageName, Promise<OpenImage>>();

/** Builds and unpacks an image, once. */
function open(name: ImageName): Promise<OpenImage> {
  const known = opened.get(name) ?? buildAndUnpack(name);
  opened.set(name, known);
  return known;
}

async function buildAndUnpack(name: ImageName): Promise<OpenImage> {
  const image = await buildImage(name, { outDir: join(room, "first") });
  const root = await unpackImage(image.archive);
  roots.push(root);
  return { image, root };
}

/** What a container of the image runs, and with what environment. */
async function readSettings(image: ImageResult) {
  const { config } = (await readArchive(image.archive)).config;
  const env = Object.fromEntries(config.Env.map((one) => one.split(/=(.*)/s).slice(0, 2)));
  return { entrypoint: config.Entrypoint, command: config.Cmd, env: env as Record<string, string> };
}

function keep(child: ImageProcess): ImageProcess {
  running.push(child);
  return child;
}

/** A registry's and a node's share of an image of ours (docs/architecture.md). */
const mostCompressedBytes = 120e6;

describe.each([...programNames])("the image of the %s", (name) => {
  let image: ImageResult;
  let root: ImageRoot;

  beforeAll(async () => {
    ({ image, root } = await open(name));
  });

  test("is small", () => {
    expect(image.bytes).toBeLessThan(mostCompressedBytes);
    expect(image.reference).toBe(`mestore.dev/${name}:0.1.0`);
  });

  test("starts, as a user that is not root, and says how it is used", async () => {
    const started = performance.now();
    const path = `/app/${executableName(name)}`;
    const { code, out, err } = await root.run([path, name === "service" ? "nonsense" : "--help"]);
    const ms = Math.round(performance.now() - started);
    console.log(`${path} started and ended in ${ms} ms`);
    expect(`${out}${err}`).toMatch(/usage/i);
    expect(code).toBe(name === "service" ? 2 : 0);
  });

  test("knows nothing of the checkout that it was built in", () => {
    const program = readFileSync(join(root.directory, "app", executableName(name)));
    expect(program.includes(repositoryRoot)).toBe(false);
  });

  test("holds no shell, and nothing that its user may change", () => {
    const paths = readdirSync(root.directory, { recursive: true, encoding: "utf8" }).filter(
      (path) => !/^(proc|dev)(\/|$)/.test(path),
    );
    expect(paths.filter((path) => /(^|\/)(sh|bash|busybox)$/.test(path))).toEqual([]);
    const stats = paths.map((path) => ({ path, stat: lstatSync(join(root.directory, path)) }));
    const loose = stats.filter(
      ({ stat }) => !stat.isSymbolicLink() && (stat.uid !== 0 || (stat.mode & 0o022) !== 0),
    );
    expect(loose.map(({ path }) => path)).toEqual(["tmp"]);
    expect(stats.filter(({ stat }) => (stat.mode & 0o6000) !== 0)).toEqual([]);
  });

  test("carries its bill of materials, the same as beside the archive", () => {
    const beside = readFileSync(join(room, "first", `${name}.sbom.json`), "utf8");
    expect(readFileSync(join(root.directory, `usr/share/sbom/${name}.cdx.json`), "utf8")).toBe(
      beside,
    );
    const { components } = JSON.parse(beside) as { components: { name: string }[] };
    expect(components.map((one) => one.name)).toContainValues(["bun", "libc6", "zod"]);
  });
});

describe("an image that is built again", () => {
  test("from nothing is the same archive", async () => {
    const { image } = await open("operator");
    const again = await buildImage("operator", { outDir: join(room, "second") });
    expect(again.digest).toBe(image.digest);
    expect(digestOf(readFileSync(again.archive))).toBe(digestOf(readFileSync(image.archive)));
  });

  test("over an earlier archive is the same, too", async () => {
    const { image } = await open("operator");
    const before = digestOf(readFileSync(image.archive));
    expect((await buildImage("operator", { outDir: join(room, "first") })).digest).toBe(
      image.digest,
    );
    expect(digestOf(readFileSync(image.archive))).toBe(before);
  });
});

/** What a checkout holds besides what the programs are made of. */
const notSource: ReadonlySet<string> = new Set([".git", ".mestore", "node_modules", "dist"]);

test("two checkouts in different places, each with packages of its own, give the same programs", () => {
  const places = [join(room, "checkout"), join(room, "another", "deeper", "checkout")] as const;
  const run = (cwd: string, ...words: readonly string[]): void => {
    const child = Bun.spawnSync([...words], {
      cwd,
      env: { ...process.env, BUN_INSTALL_CACHE_DIR: join(cacheDirectory(), "packages") },
      stderr: "pipe",
    });
    if (child.exitCode !== 0) throw new Error(`${words.join(" ")}: ${child.stderr.toString()}`);
  };
  for (const place of places)
    cpSync(repositoryRoot, place, {
      recursive: true,
      filter: (path) => !notSource.has(basename(path)),
    });
  const digests = places.map((place) => {
    run(place, process.execPath, "install", "--frozen-lockfile", "--ignore-scripts");
    return programNames.map((name) => {
      const compiler = join(place, "tools/image/compile-program.ts");
      run(place, process.execPath, compiler, name, join(place, "out"));
      return digestOf(readFileSync(join(place, "out", executableName(name))));
    });
  });
  expect(digests[0]).toEqual(digests[1] as string[]);
});

describe("the service in its image", () => {
  let service: ImageRoot;
  let demo: ImageRoot;
  let env: Record<string, string>;
  let url: string;
  let child: ImageProcess;

  beforeAll(async () => {
    ({ root: service } = await open("service"));
    ({ root: demo } = await open("demo"));
    const { postgresUrl, redisUrl } = await useStores();
    const [port, metricsPort] = [await findFreePort(), await findFreePort()];
    url = `http://127.0.0.1:${port}`;
    env = {
      DATABASE_URL: postgresUrl,
      REDIS_URL: redisUrl,
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      DRAIN_SECONDS: "0",
    };
  });

  test("migrates with the migrations that are in it", async () => {
    const { code, err } = await service.run(["/app/mestore-service", "migrate"], env);
    expect(err).toBe("");
    expect(code).toBe(0);
    const sql = postgres(env["DATABASE_URL"] as string, { max: 1, onnotice: () => {} });
    const rows = await sql<{ name: string }[]>`SELECT name FROM schema_migrations ORDER BY version`;
    await sql.end();
    expect(rows.map(({ name }) => name)).toEqual(
      readdirSync(join(repositoryRoot, "service/migrations")).toSorted(),
    );
  });

  test("the demonstration fills the catalogue, once", async () => {
    const words = ["/app/mestore-demo", "--postgres-env", "DATABASE_URL", "--products", "40"];
    const first = await demo.run(words, env);
    expect(first.out).toStartWith("Seeded 40 products");
    const second = await demo.run(words, env);
    expect(second.out).toStartWith("Done before: there is a catalogue already");
    expect([first.code, second.code]).toEqual([0, 0]);
  });

  test("is unwell before it runs", async () => {
    const { code, err } = await service.run(["/app/mestore-service", "health"], env);
    expect(err).toContain("/livez gives no answer");
    expect(code).toBe(1);
  });

  test("serves what is in the catalogue, and is well", async () => {
    const started = performance.now();
    child = keep(service.start(["/app/mestore-service"], env));
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 20_000 });
    console.log(`the service was ready in ${Math.round(performance.now() - started)} ms`);
    const page = await fetch(`${url}/api/v1/products?limit=3`);
    expect(((await page.json()) as { items: unknown[] }).items).toHaveLength(3);
    expect(await service.run(["/app/mestore-service", "health"], env)).toEqual({
      code: 0,
      out: "",
      err: "",
    });
  });

  test("runs as the user of the image and ends when it is told to", async () => {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\t${imageUser.uid}\\t${imageUser.uid}\\t`, "m"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});

describe("the stores for an evaluation", () => {
  test("PostgreSQL makes its cluster, keeps it, and lets nobody in without the password", async () => {
    const { image, root } = await open("postgresql");
    const settings = await readSettings(image);
    const port = await findFreePort();
    const env = {
      ...settings.env,
      POSTGRES_USER: "mestore",
      POSTGRES_DB: 'a "shop"',
      POSTGRES_PASSWORD: "it's $ecret",
    };
    const words = [...settings.entrypoint, "postgres", "-c", `port=${port}`];
    const connect = (password: string) =>
      postgres({
        port,
        password,
        host: "127.0.0.1",
        user: "mestore",
        database: 'a "shop"',
        max: 1,
      });
    const query = async (password: string, text: string): Promise<unknown> => {
      const sql = connect(password);
      try {
        return [...(await sql.unsafe(text))];
      } finally {
        await sql.end({ timeout: 1 });
      }
    };

    const first = keep(root.start(words, env));
    await waitFor(() => query("it's $ecret", "SELECT 1"), { timeoutMs: 60_000 });
    await query("it's $ecret", "CREATE TABLE kept (id int); CREATE EXTENSION pg_trgm");
    expect(await query("it's $ecret", "SHOW server_encoding")).toEqual([
      { server_encoding: "UTF8" },
    ]);
    expect(await query("wrong", "SELECT 1").catch(String)).toContain("password authentication");
    expect(readFileSync(`/proc/${first.pid}/environ`, "utf8")).not.toContain("$ecret");
    first.kill("SIGINT");
    expect(await first.exited).toBe(0);

    const second = keep(root.start(words, { ...env, POSTGRES_PASSWORD: "" }));
    await waitFor(() => query("it's $ecret", "SELECT 1"), { timeoutMs: 60_000 });
    expect(await query("it's $ecret", "SELECT count(*)::int AS n FROM kept")).toEqual([{ n: 0 }]);
    second.kill("SIGINT");
    expect(await second.exited).toBe(0);
  });

  test("PostgreSQL without a password says so and makes nothing", async () => {
    const { image, root } = await open("postgresql");
    const { entrypoint, env } = await readSettings(image);
    const data = { ...env, PGDATA: "/var/lib/postgresql/another" };
    const { code, err } = await root.run(entrypoint, data);
    expect(err).toBe("error: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set\n");
    expect(code).toBe(1);
  });

  test("Valkey answers", async () => {
    const { image, root } = await open("valkey");
    const { entrypoint, env } = await readSettings(image);
    const port = await findFreePort();
    const settings = ["--port", String(port), "--maxmemory", "64mb", "--save", ""];
    const child = keep(root.start([...entrypoint, ...settings], env));
    const client = new Redis(port, "127.0.0.1", { retryStrategy: () => 50 });
    client.on("error", () => {});
    expect(await client.ping()).toBe("PONG");
    expect(await client.config("GET", "maxmemory")).toEqual(["maxmemory", String(64 * 2 ** 20)]);
    client.disconnect();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("Prometheus is the version that its tag says, and ready", async () => {
    const { image, root } = await open("prometheus");
    const { entrypoint, command, env } = await readSettings(image);
    const { out, err } = await root.run([...entrypoint, "--version"], env);
    expect(`${out}${err}`).toContain(`version ${image.reference.split(":")[1]}`);
    const port = await findFreePort();
    const child = keep(
      root.start([...entrypoint, ...command, `--web.listen-address=127.0.0.1:${port}`], env),
    );
    await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok, {
      timeoutMs: 30_000,
    });
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});
