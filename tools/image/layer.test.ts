import { describe, expect, test } from "bun:test";
import { unpackTar } from "modern-tar";
import { arrangeEntries, type LayerEntry, packLayer } from "./layer.ts";

const program: LayerEntry = { type: "file", path: "app/program", mode: 0o755, content: "run" };
const settings: LayerEntry = { type: "file", path: "etc/settings", mode: 0o644, content: "{}" };
const link: LayerEntry = { type: "symlink", path: "bin/sh", target: "busybox" };
const data: LayerEntry = {
  type: "directory",
  path: "data",
  mode: 0o750,
  owner: { uid: 65_532, gid: 65_532 },
};

describe("a layer", () => {
  test("names every directory before what is in it", () => {
    expect(arrangeEntries([program, link, settings]).map(({ path }) => path)).toEqual([
      "app",
      "app/program",
      "bin",
      "bin/sh",
      "etc",
      "etc/settings",
    ]);
  });

  test("says once what a directory that was named is like", () => {
    const inside: LayerEntry = { type: "file", path: "data/x", mode: 0o600, content: "" };
    expect(arrangeEntries([inside, data])).toEqual([data, inside]);
  });

  test("is the same bytes whatever the order of its entries", async () => {
    const entries = [program, settings, link, data];
    expect(await packLayer(entries, 7)).toEqual(await packLayer(entries.toReversed(), 7));
  });

  test("keeps content, mode, owner and the time that it was given, and no name of a user", async () => {
    const entries = await unpackTar(await packLayer([program, link, data], 1_700_000_000));
    const shared = { mtime: new Date(1_700_000_000_000) };
    const by = (name: string) => entries.find(({ header }) => header.name === name);
    expect(by("app/program")?.header).toMatchObject({ ...shared, mode: 0o755, uid: 0, gid: 0 });
    expect(new TextDecoder().decode(by("app/program")?.data)).toBe("run");
    expect(by("bin/sh")?.header).toMatchObject({ ...shared, type: "symlink", linkname: "busybox" });
    expect(by("data/")?.header).toMatchObject({ ...shared, mode: 0o750, uid: 65_532, gid: 65_532 });
    expect(entries.every(({ header }) => !header.uname && !header.gname)).toBe(true);
  });

  test("holds paths longer than the old format's hundred characters", async () => {
    const path = `${"long/".repeat(30)}file`;
    const entries = await unpackTar(
      await packLayer([{ type: "file", path, mode: 0o644, content: "x" }], 0),
    );
    expect(entries.at(-1)?.header.name).toBe(path);
  });

  test.each(["", "/etc/passwd", "../outside", "a//b", "a/./b", "a/"])(
    "has no path like %j",
    (path) => {
      expect(() => arrangeEntries([{ type: "directory", path, mode: 0o755 }])).toThrow(RangeError);
    },
  );

  test("has no path twice", () => {
    expect(() => arrangeEntries([program, program])).toThrow("app/program is named twice");
  });
});
