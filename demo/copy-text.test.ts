import { expect, test } from "bun:test";
import { formatCopyRow } from "./copy-text.ts";

test("a row of every kind of value", () => {
  expect(formatCopyRow([1, "año", true, false, null, "", 2.5])).toBe("1\taño\tt\tf\t\\N\t\t2.5\n");
});

test("what COPY gives a meaning is escaped", () => {
  expect(formatCopyRow(["a\tb\nc\rd\\e\bf\fg\vh"])).toBe("a\\tb\\nc\\rd\\\\e\\bf\\fg\\vh\n");
});

test("a text that looks like NULL or the end of the data stays a text", () => {
  expect(formatCopyRow(["\\N", "\\."])).toBe("\\\\N\t\\\\.\n");
});

test("JSON with quotes and escapes inside", () => {
  expect(formatCopyRow([JSON.stringify({ lema: 'dicen "sí"\n' })])).toBe(
    '{"lema":"dicen \\\\"sí\\\\"\\\\n"}\n',
  );
});
