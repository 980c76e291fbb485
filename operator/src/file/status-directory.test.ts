import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLoopMemory } from "../control/memory.ts";
import {
  describeStatusStore,
  sampleMemory,
  sampleStatus,
} from "../control/status-store.contract.ts";
import { parseStatus } from "../profile/status.ts";
import { createStatusDirectory } from "./status-directory.ts";

const open = (directory: string, unreadable: string[] = []) =>
  createStatusDirectory({
    directory,
    parseStatus,
    parseMemory: parseLoopMemory,
    onUnreadable: (path, detail) => unreadable.push(`${path}: ${detail}`),
  });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "status-"));
});
afterEach(() => rm(directory, { recursive: true }));

describeStatusStore("status directory", async () => {
  const own = await mkdtemp(join(tmpdir(), "status-"));
  return { open: () => open(own), close: () => rm(own, { recursive: true }) };
});

const key = "shop/storefront";
const statusPath = () => join(directory, "shop.storefront.yaml");
const memoryPath = () => join(directory, "shop.storefront.memory.json");

test("the status is YAML that a person reads, the memory JSON beside it", async () => {
  await open(directory).save(key, sampleStatus, sampleMemory);
  expect(await Bun.file(statusPath()).text()).toContain(
    `objectives:\n  - name: product-hits\n    target: 85 %\n    current: 86.71 %\n    met: "True"\n`,
  );
  expect(await Bun.file(memoryPath()).json()).toEqual(sampleMemory);
});

test("a text that did not change is not written again", async () => {
  const store = open(directory);
  await store.save(key, sampleStatus, sampleMemory);
  const before = await stat(statusPath());
  await store.save(key, sampleStatus, { ...sampleMemory, generation: 4 });
  expect((await stat(statusPath())).ino).toBe(before.ino);
  const reopened = open(directory);
  await reopened.load(key);
  await reopened.save(key, sampleStatus, sampleMemory);
  expect((await stat(statusPath())).ino).toBe(before.ino);
});

test.each([
  ["torn", '{"version":1,"spec":"'],
  ["of another version", JSON.stringify({ ...sampleMemory, version: 99 })],
  ["of another shape", JSON.stringify({ ...sampleMemory, slices: [{ atSeconds: "now" }] })],
  ["not JSON", "\u0000\u0001"],
])("memory that is %s is started afresh, and says so; the status stays", async (_, text) => {
  await open(directory).save(key, sampleStatus, sampleMemory);
  await writeFile(memoryPath(), text);
  const unreadable: string[] = [];
  const loaded = await open(directory, unreadable).load(key);
  expect(loaded).toEqual({ status: sampleStatus, memory: null, foreignOwner: null });
  expect(unreadable).toHaveLength(1);
  expect(unreadable[0]).toStartWith(memoryPath());
});

test("drafts of a killed process are removed", async () => {
  await writeFile(join(directory, ".shop.storefront.yaml.7f.tmp"), "half");
  await writeFile(join(directory, ".shop.storefront.memory.json.7f.tmp"), "half");
  await open(directory).load(key);
  expect(await readdir(directory)).toEqual([]);
});
