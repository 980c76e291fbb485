import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTuningDocument } from "@mestore/contract/tuning-document";
import { describeTuningDelivery, tuningDocument } from "../control/tuning-delivery.contract.ts";
import { createTuningFile } from "./tuning-file.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tuning-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const path = () => join(directory, "tuning", "tuning.json");

describeTuningDelivery("tuning file", async () => {
  const own = await mkdtemp(join(tmpdir(), "tuning-"));
  const delivery = await createTuningFile({
    path: join(own, "tuning.json"),
    onInvalid: (detail) => expect.unreachable(detail),
  });
  return { delivery, keepsAdopted: false, close: () => rm(own, { recursive: true }) };
});

test("a reader sees a whole document at every moment, and no draft stays", async () => {
  const delivery = await createTuningFile({ path: path(), onInvalid: () => undefined });
  await delivery.write("", tuningDocument(1), null);
  const done = new AbortController();
  const revisions = new Set<number>();
  const reading = (async () => {
    while (!done.signal.aborted) {
      const parsed = parseTuningDocument(await Bun.file(path()).text());
      if (!parsed.ok) return parsed.faults;
      revisions.add(parsed.value.revision);
    }
    return [];
  })();
  for (let revision = 2; revision <= 40; revision += 1)
    await delivery.write("", tuningDocument(revision), null);
  done.abort();
  expect(await reading).toEqual([]);
  expect(revisions.size).toBeGreaterThan(1);
  expect(await readdir(join(directory, "tuning"))).toEqual(["tuning.json"]);
});

test("a text that is no tuning document counts as none, is told once, and is replaced", async () => {
  const told: string[] = [];
  const delivery = await createTuningFile({
    path: path(),
    onInvalid: (detail) => told.push(detail),
  });
  await delivery.write("", tuningDocument(1), null);
  await writeFile(path(), '{"schemaVersion":1,"revision":');
  expect((await delivery.read("")).document).toBeNull();
  expect((await delivery.read("")).document).toBeNull();
  expect(told).toHaveLength(1);
  expect(told[0]).toStartWith("not JSON");
  await delivery.write("", tuningDocument(2), null);
  expect((await delivery.read("")).document).toEqual(tuningDocument(2));
});

test.each([
  ["too large", (at: string) => writeFile(at, "x".repeat(70 * 1024)), "bytes, more than"],
  ["a link to itself", (at: string) => symlink(at, at), "ELOOP"],
])("a file that is %s counts as none, is told once, and is replaced", async (_, put, detail) => {
  const told: string[] = [];
  await mkdir(join(directory, "tuning"));
  await put(path());
  const delivery = await createTuningFile({ path: path(), onInvalid: (why) => told.push(why) });
  expect((await delivery.read("")).document).toBeNull();
  expect((await delivery.read("")).document).toBeNull();
  expect(told).toEqual([expect.stringContaining(detail)]);
  await delivery.write("", tuningDocument(2), null);
  expect((await delivery.read("")).document).toEqual(tuningDocument(2));
});

test("a directory in its place counts as none", async () => {
  const told: string[] = [];
  await mkdir(path(), { recursive: true });
  const delivery = await createTuningFile({ path: path(), onInvalid: (why) => told.push(why) });
  expect((await delivery.read("")).document).toBeNull();
  expect(told).toEqual([expect.stringContaining("no regular file")]);
});

test("drafts of a killed process are removed", async () => {
  await (
    await createTuningFile({ path: path(), onInvalid: () => undefined })
  ).write("", tuningDocument(1), null);
  await writeFile(join(directory, "tuning", ".tuning.json.7f.tmp"), "half");
  await createTuningFile({ path: path(), onInvalid: () => undefined });
  expect(await readdir(join(directory, "tuning"))).toEqual(["tuning.json"]);
});

test("a write that fails says so and leaves no draft", async () => {
  const delivery = await createTuningFile({ path: path(), onInvalid: () => undefined });
  await mkdir(join(path(), "in-the-way"), { recursive: true });
  await expect(delivery.write("", tuningDocument(2), null)).rejects.toThrow("rename");
  expect(await readdir(join(directory, "tuning"))).toEqual(["tuning.json"]);
});
