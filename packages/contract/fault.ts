import type { z } from "zod";

/** One thing wrong with a document that a person or a program wrote. */
export interface FieldFault {
  /** Where: `spec.cache.classes[0].minTTLSeconds`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** `["a", 0, "b"]` becomes `a[0].b`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join("");
}

/** Parses `input` by `schema`; every fault names the path of its field. */
export function parseWith<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const faults = result.error.issues.flatMap((issue): FieldFault[] => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        message: "unknown field",
      }));
    return [{ path: formatPath(issue.path), message: issue.message }];
  });
  return { ok: false, faults };
}

/** One line a fault, for logs, status and terminals. */
export function formatFaults(faults: readonly FieldFault[]): string {
  return faults
    .map((fault) => (fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`))
    .join("; ");
}
