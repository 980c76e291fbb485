import { expect, test } from "bun:test";
import { heapEnvironment } from "./heap-environment.ts";

test("the pinned Bun knows every one of them, or no operator would start", () => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, "-e", "process.stdout.write('ran')"],
    { env: { ...heapEnvironment } },
  );
  expect([exitCode, stdout.toString(), stderr.toString()]).toEqual([0, "ran", ""]);
});
