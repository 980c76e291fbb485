import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTuningDocument, type TuningDocument } from "@mestore/contract/tuning-document";
import { createLogger } from "@mestore/telemetry/logger";
import { createRegistry } from "@mestore/telemetry/registry";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { maxTuningFileBytes } from "./tuning-file.ts";
import { type TuningChange, type TuningWatcher, watchTuningFile } from "./watcher.ts";

const pollMs = 5;
let directory: string;
let path: string;
const watchers: TuningWatcher[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mestore-tuning-"));
  path = join(directory, "tuning.json");
});

afterEach(async () => {
  for (const watcher of watchers.splice(0)) watcher.close();
  await rm(directory, { recursive: true });
});

function tuning(revision: number, change: Partial<TuningDocument> = {}): string {
  return formatTuningDocument({
    schemaVersion: 1,
    revision,
    profile: "default/demo",
    writtenAt: "2026-01-01T00:00:00Z",
    reason: "a test",
    ttlSeconds: { product: revision * 10 },
    ...change,
  });
}

/** As the operator writes: the new text is there whole or not at all. */
async function replaceFile(text: string, target = path): Promise<void> {
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
}

function watch(apply: (change: TuningChange) => void = () => {}, file = path) {
  const registry = createRegistry();
  const changes: TuningChange[] = [];
  const records: { level: string; msg: string; reason?: string }[] = [];
  const watcher = watchTuningFile({
    path: file,
    pollMs,
    registry,
    logger: createLogger({
      name: "test",
      level: "info",
      write: (line) => records.push(JSON.parse(line)),
    }),
    apply(change) {
      apply(change);
      changes.push(change);
    },
  });
  watchers.push(watcher);
  const metric = (name: string) => [...(registry.collect().get(name)?.values() ?? [])][0]?.value;
  return {
    watcher,
    changes,
    records,
    exportedRevision: () => metric("mestore_tuning_revision"),
    rejected: () => metric("mestore_tuning_rejected_total"),
    refusals: () => records.filter(({ msg }) => msg.includes("refused")),
    inForce: (revision: number) =>
      waitFor(() => watcher.revision() === revision, { what: `revision ${revision}` }),
    refused: (times: number) =>
      waitFor(() => metric("mestore_tuning_rejected_total") === times, {
        what: `${times} refusals`,
      }),
  };
}

describe("tuning file", () => {
  test("a document that is there at start is in force once the watcher is ready", async () => {
    await writeFile(path, tuning(3));
    const service = watch();
    await service.watcher.ready;
    expect(service.changes).toEqual([{ ttlSeconds: { product: 30 } }]);
    expect(service.watcher.revision()).toBe(3);
    expect(service.exportedRevision()).toBe(3);
  });

  test("no file is no fault: revision 0, nothing logged, and it may come later", async () => {
    const service = watch();
    await service.watcher.ready;
    expect([service.watcher.revision(), service.exportedRevision()]).toEqual([0, 0]);
    expect(service.watcher.inForce()).toBeNull();
    expect(service.records).toEqual([]);
    await replaceFile(tuning(1));
    await service.inForce(1);
    expect(service.changes).toEqual([{ ttlSeconds: { product: 10 } }]);
  });

  test("no directory is no fault either: a ConfigMap may be optional, and come later", async () => {
    const mounted = join(directory, "mounted");
    const service = watch(() => {}, join(mounted, "tuning.json"));
    await service.watcher.ready;
    expect([service.exportedRevision(), service.rejected(), service.records]).toEqual([0, 0, []]);
    await mkdir(mounted);
    await replaceFile(tuning(1), join(mounted, "tuning.json"));
    await service.inForce(1);
    expect(service.rejected()).toBe(0);
  });

  test("with the default poll a replaced file is in force within a second", async () => {
    await writeFile(path, tuning(1));
    const registry = createRegistry();
    const logger = createLogger({ name: "test", level: "fatal", write: () => {} });
    const watcher = watchTuningFile({ path, apply: () => {}, registry, logger });
    watchers.push(watcher);
    await watcher.ready;
    await replaceFile(tuning(2));
    await waitFor(() => watcher.revision() === 2, { timeoutMs: 1000, what: "revision 2" });
  });

  test("each content is applied once", async () => {
    await writeFile(path, tuning(1));
    const service = watch();
    await service.inForce(1);
    await replaceFile(tuning(1));
    await replaceFile(tuning(2));
    await service.inForce(2);
    expect(service.changes).toHaveLength(2);
  });

  test("values outside the safe range are obeyed as far as it is safe, and logged", async () => {
    await writeFile(path, tuning(1, { ttlSeconds: { product: 1e9, auth: 0.001 } }));
    const service = watch();
    await service.inForce(1);
    expect(service.changes).toEqual([{ ttlSeconds: { product: 86400, auth: 1 } }]);
    expect(service.watcher.inForce()?.clamped.map((one) => one.class)).toEqual(["product", "auth"]);
    expect(service.records.map(({ msg }) => msg)).toContain(
      "tuning document asked for TTLs outside the safe range",
    );
    expect(service.rejected()).toBe(0);
  });

  test("a pool size is not said to be applied: it is named as not obeyed, and the TTLs are in force", async () => {
    await writeFile(path, tuning(1, { poolSize: 7 }));
    const service = watch();
    await service.inForce(1);
    expect(service.changes).toEqual([{ ttlSeconds: { product: 10 } }]);
    expect(service.watcher.inForce()?.unsupported).toEqual(["poolSize"]);
    expect(service.records).toEqual([
      expect.not.objectContaining({ poolSize: expect.anything() }),
      expect.objectContaining({
        level: "warn",
        unsupported: ["poolSize"],
        msg: "tuning document sets what this service does not obey",
      }),
    ]);
    await replaceFile(tuning(2));
    await service.inForce(2);
    expect(service.watcher.inForce()?.unsupported).toEqual([]);
  });

  test("a lower revision is obeyed, because content is the truth, and logged", async () => {
    await writeFile(path, tuning(5));
    const service = watch();
    await service.inForce(5);
    await replaceFile(tuning(2));
    await service.inForce(2);
    expect(service.changes.at(-1)).toEqual({ ttlSeconds: { product: 20 } });
    expect(service.records.at(-1)).toMatchObject({
      level: "warn",
      before: 5,
      revision: 2,
    });
  });

  test("a symlink swap, as kubelet makes it, is seen", async () => {
    const version = async (name: string, text: string) => {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, "tuning.json"), text);
      await symlink(name, join(directory, "..data.new"));
      await rename(join(directory, "..data.new"), join(directory, "..data"));
    };
    await version("..1", tuning(1));
    await symlink(join("..data", "tuning.json"), path);
    const service = watch();
    await service.inForce(1);
    await version("..2", tuning(2));
    await rm(join(directory, "..1"), { recursive: true });
    await service.inForce(2);
    expect(service.rejected()).toBe(0);
  });

  test("a file that goes away changes nothing, and may return", async () => {
    await writeFile(path, tuning(1));
    const service = watch();
    await service.inForce(1);
    await rm(path);
    await waitFor(() => service.records.some(({ msg }) => msg.includes("gone")));
    expect(service.watcher.revision()).toBe(1);
    expect(service.exportedRevision()).toBe(1);
    await replaceFile(tuning(2));
    await service.inForce(2);
    expect(service.rejected()).toBe(0);
  });
});

describe("a bad tuning file leaves the last good document in force", () => {
  const bad: readonly (readonly [string, string, string])[] = [
    ["truncated", tuning(2).slice(0, 40), "not JSON"],
    ["empty", "", "not JSON"],
    ["not JSON", "ttlSeconds: { product: 5 }\n", "not JSON"],
    [
      "of another version",
      tuning(2).replace('"schemaVersion": 1', '"schemaVersion": 2'),
      "schemaVersion",
    ],
    ["with an unknown field", tuning(2).replace("reason", "raison"), "raison: unknown field"],
    ["with an unknown class", tuning(2, { ttlSeconds: { produkt: 5 } }), "ttlSeconds.produkt"],
    ["with a negative TTL", tuning(2, { ttlSeconds: { product: -5 } }), "ttlSeconds.product"],
    ["with a pool of none", tuning(2, { poolSize: 0 }), "poolSize"],
    ["no object", "[]", ""],
    ["far too large", `${tuning(2)}${" ".repeat(maxTuningFileBytes)}`, "larger than 65536 bytes"],
  ];

  for (const [what, text, reason] of bad) {
    test(what, async () => {
      await writeFile(path, tuning(1));
      const service = watch();
      await service.inForce(1);
      await replaceFile(text);
      await service.refused(1);
      expect(service.watcher.revision()).toBe(1);
      expect(service.exportedRevision()).toBe(1);
      expect(service.watcher.inForce()?.document.revision).toBe(1);
      expect(service.changes).toHaveLength(1);
      expect(service.refusals()[0]?.reason).toContain(reason);
      await replaceFile(tuning(3));
      await service.inForce(3);
      expect([service.rejected(), service.refusals().length]).toEqual([1, 1]);
    });
  }

  test("is counted and logged once for as long as it stays, and again for other content", async () => {
    await writeFile(path, "{");
    const service = watch();
    await service.refused(1);
    await replaceFile("{{");
    await service.refused(2);
    await replaceFile(tuning(1));
    await service.inForce(1);
    await replaceFile("{");
    await service.refused(3);
    expect(service.refusals()).toHaveLength(3);
  });

  test("a directory in its place is refused, not fatal", async () => {
    await mkdir(path);
    const service = watch();
    await service.refused(1);
    expect(service.refusals()[0]?.reason).toContain("EISDIR");
    await rm(path, { recursive: true });
    await replaceFile(tuning(1));
    await service.inForce(1);
  });

  test("a document that cannot be applied is not in force", async () => {
    await writeFile(path, tuning(1));
    const service = watch(({ ttlSeconds }) => {
      if (ttlSeconds.product === 20) throw new Error("no such pool");
    });
    await service.inForce(1);
    await replaceFile(tuning(2));
    await service.refused(1);
    expect(service.watcher.revision()).toBe(1);
    await replaceFile(tuning(3));
    await service.inForce(3);
  });

  test("a closed watcher applies nothing more", async () => {
    await writeFile(path, tuning(1));
    const service = watch();
    service.watcher.close();
    await service.watcher.ready;
    expect(service.changes).toEqual([]);
  });
});
