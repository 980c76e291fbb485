/** The text format of PostgreSQL's COPY: https://www.postgresql.org/docs/18/sql-copy.html */

export type CopyValue = string | number | boolean | null;

const special = /[\\\n\r\t\b\f\v]/;
const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
};

/**
 * One row with its line end. `null` is `\N`; a string that reads `\N` stays a string. U+0000, which
 * PostgreSQL cannot store, is the caller's to keep out.
 */
export function formatCopyRow(values: readonly CopyValue[]): string {
  // Joining makes a flat string at once; millions of concatenations would make as many ropes, which
  // cost more to flatten than the rows to write.
  return `${values.map(formatCopyValue).join("\t")}\n`;
}

function formatCopyValue(value: CopyValue): string | number {
  if (typeof value === "string")
    return special.test(value)
      ? value.replace(/[\\\n\r\t\b\f\v]/g, (character) => escapes[character] ?? character)
      : value;
  if (value === null) return "\\N";
  if (typeof value === "boolean") return value ? "t" : "f";
  return value;
}
