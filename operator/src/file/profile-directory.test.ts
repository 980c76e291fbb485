import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  describeProfileSource,
  type ProfileSourceBench,
} from "../control/profile-source.contract.ts";
import { createProfileDirectory } from "./profile-directory.ts";

const profile = (name: string, spec = "") =>
  `apiVersion: mestore.dev/v1alpha1
kind: PerformanceProfile
metadata: { name: ${name}, namespace: shop }
spec:
  targetRef: { name: mestore }
${spec}`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "profiles-"));
});
afterEach(() => rm(directory, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(directory, name), text);
const faultsOf = async (text: string) => {
  await write("a.yaml", text);
  const [state] = await createProfileDirectory(directory).list();
  return state?.faults.map(({ path, message }) => `${path}: ${message}`);
};

describeProfileSource("directory of YAML", async (): Promise<ProfileSourceBench> => {
  const own = await mkdtemp(join(tmpdir(), "profiles-"));
  return {
    source: createProfileDirectory(own),
    put: ({ name, namespace }, spec) =>
      writeFile(
        join(own, `${name}.yaml`),
        JSON.stringify({
          apiVersion: "mestore.dev/v1alpha1",
          kind: "PerformanceProfile",
          metadata: { name, namespace },
          spec,
        }),
      ),
    remove: ({ name }) => rm(join(own, `${name}.yaml`)),
    close: () => rm(own, { recursive: true }),
  };
});

test("a text that is no YAML is refused with its line, and stays its profile's", async () => {
  const source = createProfileDirectory(directory);
  await write("demo.yaml", profile("storefront", "  mode: Auto\n"));
  await source.list();
  await write("demo.yaml", `${profile("storefront")}  mode: "Auto\n  cache: {`);
  const [state] = await source.list();
  expect(state?.key).toBe("shop/storefront");
  expect(state?.profile?.spec.mode).toBe("Auto");
  expect(state?.faults[0]?.message).toMatch(/^demo\.yaml, line [67], column \d+: /);
});

test("never read and no YAML: known by its file's name", async () => {
  await write("demo.yaml", "a: [");
  const [state] = await createProfileDirectory(directory).list();
  expect(state).toMatchObject({ key: "demo", profile: null });
});

test("an unknown key, a wrong unit, a minimum above its maximum and an unquoted Off, each by its path", async () => {
  const classes = (fields: string) =>
    profile("a", `  cache:\n    classes:\n    - { name: product, ${fields} }\n`);
  expect(await faultsOf(classes("ttl: 5"))).toEqual(["spec.cache.classes[0].ttl: unknown field"]);
  expect(await faultsOf(classes("maxTTLSeconds: 10m"))).toEqual([
    "spec.cache.classes[0].maxTTLSeconds: must be a whole number of seconds, without a unit",
  ]);
  expect(await faultsOf(classes("minTTLSeconds: 60, maxTTLSeconds: 5"))).toEqual([
    "spec.cache.classes[0].minTTLSeconds: is above maxTTLSeconds",
  ]);
  const [off] = (await faultsOf(profile("a", "  mode: Off\n"))) ?? [];
  expect(off).toStartWith("spec.mode: must be one of Recommend, Auto, Disabled");
});

test("several documents of a file and several files, in the order of their names", async () => {
  await write("b.yml", profile("third"));
  await write("a.yaml", `${profile("first")}---\n${profile("second")}---\n`);
  await write(".draft.yaml", profile("draft"));
  await write("notes.txt", "no profile");
  await mkdir(join(directory, "old"));
  const states = await createProfileDirectory(directory).list();
  expect(states.map(({ key }) => key)).toEqual(["shop/first", "shop/second", "shop/third"]);
});

const tooLarge = () => write("a.yaml", `# ${"x".repeat(1024 * 1024)}`);

test.each([
  ["is too large", tooLarge, "bytes, more than"],
  [
    "is a directory",
    async () => {
      await rm(join(directory, "a.yaml"));
      await mkdir(join(directory, "a.yaml"));
    },
    "no regular file",
  ],
])("a file that %s stops no other, and its profiles stay in force", async (_, spoil, why) => {
  await write("a.yaml", `${profile("first", "  mode: Auto\n")}---\n${profile("second")}`);
  await write("b.yaml", profile("third"));
  const source = createProfileDirectory(directory);
  await source.list();
  await spoil();
  for (let look = 0; look < 2; look += 1) {
    const states = await source.list();
    expect(states.map(({ key }) => key)).toEqual(["shop/first", "shop/second", "shop/third"]);
    expect(states[0]?.profile?.spec.mode).toBe("Auto");
    for (const { faults } of states.slice(0, 2))
      expect(faults).toEqual([{ path: "", message: expect.stringContaining(why) }]);
    expect(states[0]?.faults[0]?.message).toStartWith("a.yaml cannot be read: ");
    expect(states[2]?.faults).toEqual([]);
  }
  await rm(join(directory, "a.yaml"), { recursive: true });
  await write("a.yaml", profile("first"));
  expect((await source.list())[0]).toMatchObject({ key: "shop/first", faults: [] });
});

test("a file that could never be read is known by its name", async () => {
  await tooLarge();
  const [state] = await createProfileDirectory(directory).list();
  expect(state).toMatchObject({ key: "a", profile: null });
});

test("a profile that two files define is the first one's", async () => {
  await write("a.yaml", profile("same", "  mode: Auto\n"));
  await write("b.yaml", profile("same", "  mode: Disabled\n"));
  const [first, second] = await createProfileDirectory(directory).list();
  expect(first).toMatchObject({ key: "shop/same", faults: [] });
  expect(second).toMatchObject({
    key: "b",
    profile: null,
    faults: [{ path: "metadata.name", message: "shop/same is already defined in a.yaml" }],
  });
});

test("an alias that multiplies itself is refused", async () => {
  const laughs = Array.from({ length: 9 }, (_, i) =>
    i === 0
      ? `a0: &a0 [x, x]`
      : `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
  );
  const [fault] = (await faultsOf(`${laughs.join("\n")}\n`)) ?? [];
  expect(fault).toContain("alias");
});

test("the example is accepted as it stands", async () => {
  const example = await Bun.file(
    join(import.meta.dir, "../../../docs/examples/demo-profile.yaml"),
  ).text();
  await write("demo-profile.yaml", example);
  const [state] = await createProfileDirectory(directory).list();
  expect(state).toMatchObject({ key: "shop/storefront", faults: [] });
  expect(state?.profile?.spec).toMatchObject({
    mode: "Auto",
    cache: {
      classes: [{ name: "product", initialTTLSeconds: 5, minTTLSeconds: 5, maxTTLSeconds: 600 }],
    },
  });
});
