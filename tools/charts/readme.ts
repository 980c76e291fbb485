import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, type Pair, parse, parseDocument, type YAMLMap } from "yaml";
import { type ChartName, chartFolder, chartPath } from "./chart-folders.ts";

/** One value that a person can set. */
export interface ChartValue {
  /** `autoscaling.minReplicas` */
  readonly key: string;
  /** Its default as compact YAML in one line. */
  readonly initial: string;
  /** From the comment above it, which begins with `--`. Null: there is none, which is a fault. */
  readonly description: string | null;
}

/**
 * The values of a `values.yaml`, in order. A map is one value where its comment is the only one; as
 * soon as something inside it has a comment, its entries are.
 */
export function listValues(text: string): ChartValue[] {
  const { contents } = parseDocument(text);
  return isMap(contents) ? listEntries(contents, "") : [];
}

function listEntries(map: YAMLMap, prefix: string): ChartValue[] {
  return map.items.flatMap((pair, index) => listPair(map, pair, index, prefix));
}

function listPair(map: YAMLMap, pair: Pair, index: number, prefix: string): ChartValue[] {
  const key = `${prefix}${String(isScalar(pair.key) ? pair.key.value : pair.key)}`;
  const description = commentOf(map, pair, index);
  const { value } = pair;
  if (isMap(value) && value.items.length > 0) {
    const inner = listEntries(value, `${key}.`);
    if (description === null || inner.some((one) => one.description !== null)) return inner;
  }
  const plain = isMap(value) || typeof value === "object" ? (value as { toJSON(): unknown }) : null;
  return [{ key, initial: JSON.stringify(plain?.toJSON() ?? null), description }];
}

/** The parser keeps a comment above the first entry with the map, above any other with its key. */
function commentOf(map: YAMLMap, pair: Pair, index: number): string | null {
  const own = isScalar(pair.key) ? pair.key.commentBefore : undefined;
  const comment = own ?? (index === 0 ? map.commentBefore : undefined);
  const start = comment?.indexOf("-- ") ?? -1;
  if (comment === undefined || comment === null || start < 0) return null;
  return comment.slice(start + 3).replaceAll(/\s*\n\s*/g, " ");
}

/** README.md of a chart. */
export function formatReadme(name: ChartName): string {
  const read = (file: string) => readFileSync(join(chartPath(name), file), "utf8");
  const { description } = parse(read("Chart.yaml")) as { description: string };
  const rows = listValues(read("values.yaml")).map(
    ({ key, initial, description: says }) =>
      `| \`${key}\` | ${says === null ? "" : escapeCell(says)} | \`${escapeCell(initial)}\` |`,
  );
  return `<!-- Generated from Chart.yaml and values.yaml: bun tools/charts/generate.ts -->

# ${name}

${description}. How to install, use, upgrade and remove it: docs/install.md.

\`\`\`sh
helm install ${name === "mestore-operator" ? name : "shop"} ${chartFolder(name)} --values my-values.yaml
\`\`\`

## Values

A value that is not listed here is refused, by \`values.schema.json\`.

| value | what it does | default |
| ----- | ------------ | ------- |
${rows.join("\n")}
`;
}

const escapeCell = (text: string): string => text.replaceAll("|", String.raw`\|`);
