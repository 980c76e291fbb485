import { extname } from "node:path";
import type { FieldFault } from "@mestore/contract/fault";
import { parseProfile, type PerformanceProfile } from "@mestore/contract/performance-profile";
import { type Document, LineCounter, parseAllDocuments, type YAMLParseError } from "yaml";
import { z } from "zod";

/** What one YAML document of a profile file came to. */
export interface ProfileDocument {
  /** `namespace/name`; `place` where the document does not say. */
  readonly key: string;
  /** The file without its extension, from the second document on with its number: `shop-2`. */
  readonly place: string;
  /** Null: refused, for these faults. */
  readonly profile: PerformanceProfile | null;
  readonly faults: readonly FieldFault[];
}

const identitySchema = z.object({
  metadata: z.object({ name: z.string().min(1), namespace: z.string().min(1).default("default") }),
});

/** An alias that expands to more nodes than this is refused ("billion laughs"). */
const maximumAliases = 50;

/**
 * Parses every document of a file. `before`: what the file said last, so that a text too broken to
 * name its profile is still known to be that profile's.
 */
export function parseProfileText(
  file: string,
  text: string,
  before: readonly ProfileDocument[] = [],
): readonly ProfileDocument[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = "empty" in parsed ? [] : parsed;
  return documents.flatMap((document: Document.Parsed, index): ProfileDocument[] => {
    const place = placeOf(file, index);
    const faults = document.errors.map((error) => yamlFault(file, lines, error));
    const input = faults.length === 0 ? contentOf(document) : null;
    if (input !== null && input.ok && input.value === null) return [];
    const key = (input?.ok ? keyOf(input.value) : null) ?? before[index]?.key ?? place;
    if (input === null) return [{ key, place, profile: null, faults }];
    if (!input.ok)
      return [{ key, place, profile: null, faults: [{ path: "", message: input.message }] }];
    const profile = parseProfile(input.value);
    return profile.ok
      ? [{ key, place, profile: profile.value, faults: [] }]
      : [{ key, place, profile: null, faults: profile.faults }];
  });
}

type Content =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** Unresolved and over-expanded aliases show only when the nodes become values. */
function contentOf(document: Document.Parsed): Content {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: maximumAliases }) as unknown };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

function keyOf(input: unknown): string | null {
  const identity = identitySchema.safeParse(input);
  if (!identity.success) return null;
  const { namespace, name } = identity.data.metadata;
  return `${namespace}/${name}`;
}

/** What a document is known by that does not say which profile it is. */
export function placeOf(file: string, index: number): string {
  const base = file.slice(0, file.length - extname(file).length);
  return index === 0 ? base : `${base}-${index + 1}`;
}

function yamlFault(file: string, lines: LineCounter, error: YAMLParseError): FieldFault {
  const { line, col } = lines.linePos(error.pos[0]);
  return { path: "", message: `${file}, line ${line}, column ${col}: ${error.message}` };
}
