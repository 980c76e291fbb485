import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTuningDocument } from "@mestore/contract/tuning-document";
import { createTuningFile } from "./tuning-file.ts";

const kills = 25;

test(`killed in mid-write ${kills} times, the file is a whole document every time`, async () => {
  const directory = await mkdtemp(join(tmpdir(), "tuning-"));
  const path = join(directory, "tuning.json");
  const drafts: number[] = [];
  let before = 0;
  for (let kill = 1; kill <= kills; kill += 1) {
    const writer = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../test/write-forever.ts"), path],
      { stdout: "pipe", stderr: "inherit" },
    );
    let lines = 0;
    for await (const chunk of writer.stdout) {
      lines += chunk.filter((byte) => byte === 10).length;
      if (lines >= 1 + (kill % 7)) break;
    }
    writer.kill("SIGKILL");
    await writer.exited;
    expect(writer.signalCode).toBe("SIGKILL");
    const parsed = parseTuningDocument(await Bun.file(path).text());
    if (!parsed.ok) expect.unreachable(JSON.stringify(parsed.faults));
    else {
      // It went on from where the last one was killed.
      expect(parsed.value.revision).toBeGreaterThan(before);
      before = parsed.value.revision;
    }
    drafts.push((await readdir(directory)).length - 1);
  }
  // At most the draft of the newest kill is there, since each start removes those before it.
  expect(Math.max(...drafts)).toBeLessThanOrEqual(1);
  await createTuningFile({ path, onInvalid: () => expect.unreachable() });
  expect(await readdir(directory)).toEqual(["tuning.json"]);
  await rm(directory, { recursive: true });
});
